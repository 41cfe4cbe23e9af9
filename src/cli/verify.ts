/** `millrace verify`: whether the state on disk is what its changelogs say. */
import { join } from 'node:path'
import { openStateDirectory, openTaskCopy, type TaskCopy } from '../../state/index.ts'
import { CorruptedError } from '../errors.ts'
import { parseTaskId, type TaskId } from '../ids.ts'
import type { Log } from '../runtime/ports.ts'
import { addCommand, type Host, printJson } from './command.ts'
import { status, UsageError } from './failures.ts'
import { openToRead } from './open-log.ts'
import { bar, type Progress, progressOn } from './progress.ts'
import { placeForTasks, type Reading, tasksIn } from './reading.ts'
import { readSettings, type SettingFlags, type Settings, withJson, withPlace } from './settings.ts'
import { type ComparedStore, type Comparison, compareStore } from './store-comparison.ts'
import { table } from './table.ts'
import type { Terminal } from './terminal.ts'
import { type ModuleFlags, moduleOf, type Shape, shapeOf, withModule } from './topology.ts'

interface Flags extends ModuleFlags, SettingFlags {
  readonly first: string
  readonly json?: boolean
}

/** One store of one task. */
export interface VerifiedPart extends Comparison {
  readonly task: string
  readonly store: string
  /** Up to which offset of the changelog they were compared. */
  readonly until: number
}

export interface VerifyReport {
  readonly applicationId: string
  readonly same: boolean
  readonly parts: readonly VerifiedPart[]
  /** Tasks that cannot be read. */
  readonly damaged: readonly { readonly task: string; readonly reason: string }[]
  /** Stores that have no changelog to compare them with. */
  readonly unlogged: readonly { readonly task: string; readonly store: string }[]
}

export function addVerify(host: Host): void {
  const command = addCommand(host, 'verify [module]', {
    summary: 'compare the state on disk with its changelogs',
    description:
      'Puts every store together from its changelog, up to where the state says that it is, and ' +
      'compares the two key by key, byte by byte. It reads copies, so the application may run ' +
      'meanwhile. What the stores are is known from the module, or from the state directory.',
    examples: [
      { does: 'the shop metrics on the embedded log', line: 'millrace verify' },
      {
        does: 'the state of this machine against brokers, all of it that differs as JSON',
        line: 'millrace verify -b localhost:9092 -a orders --first 1000000 --json',
      },
    ],
    statuses: '3 if anything differs, or cannot be read',
  })
  withModule(command)
  command.option('--first <number>', 'of differences that are shown of each store', '5')
  withPlace(command)
  withJson(command).action(async (path: string | undefined, flags: Flags) => {
    host.end(await verify(host.terminal, path, flags))
  })
}

async function verify(terminal: Terminal, path: string | undefined, flags: Flags): Promise<number> {
  if (!/^\d{1,10}$/.test(flags.first)) {
    throw new UsageError(`--first takes a number of differences, not '${flags.first}'`)
  }
  const settings = readSettings(terminal, flags, path)
  const shape = await shapeOf(terminal, moduleOf(terminal, path, flags), settings)
  if (shape === undefined) {
    throw new UsageError(
      `nothing in ${settings.directory} tells what the stores are: name the module`
    )
  }
  const names = tasksIn(settings.directory).filter((name) => /^\d+_\d+$/.test(name))
  const place = await placeForTasks(settings.directory)
  const found = new Verification(settings, shape, place, Number(flags.first), progressOn(terminal))
  try {
    // The states first: the log is then ahead of them, never behind.
    for (const task of names) await found.copy(task)
    const report = await found.compare()
    if (flags.json === true) printJson(terminal, report)
    else print(terminal, report)
    return report.same ? status.ok : status.differs
  } finally {
    await found.close()
  }
}

class Verification {
  readonly #settings: Settings
  readonly #shape: Shape
  readonly #place: Reading
  readonly #firstMax: number
  readonly #progress: Progress
  readonly #copies = new Map<string, TaskCopy>()
  readonly #damaged: { readonly task: string; readonly reason: string }[] = []

  constructor(
    settings: Settings,
    shape: Shape,
    place: Reading,
    firstMax: number,
    progress: Progress
  ) {
    this.#settings = settings
    this.#shape = shape
    this.#place = place
    this.#firstMax = firstMax
    this.#progress = progress
  }

  async copy(task: string): Promise<void> {
    const from = join(this.#settings.directory, 'tasks', task)
    try {
      const copy = await openTaskCopy(from, join(this.#place.path, task), task)
      if (copy !== undefined) this.#copies.set(task, copy)
    } catch (error) {
      if (!(error instanceof CorruptedError)) throw error
      this.#damaged.push({ task, reason: error.message })
    }
  }

  async compare(): Promise<VerifyReport> {
    const parts: VerifiedPart[] = []
    const unlogged: { task: string; store: string }[] = []
    const { log, close } = await openToRead(this.#settings)
    try {
      for (const [task, copy] of this.#copies) {
        const stores = this.#storesOf(task)
        for (const { name, changelog } of stores) {
          if (changelog === undefined) unlogged.push({ task, store: name })
        }
        parts.push(...(await this.#compareTask(task, copy, log)))
      }
    } finally {
      await close()
    }
    const same = this.#damaged.length === 0 && parts.every(({ differences }) => differences === 0)
    const { applicationId } = this.#settings
    return { applicationId, same, parts, damaged: this.#damaged, unlogged }
  }

  async close(): Promise<void> {
    for (const copy of this.#copies.values()) await copy.close()
    await this.#place.release()
  }

  #storesOf(task: string): Shape['stores'] {
    const { subtopology } = parseTaskId(task as TaskId)
    return this.#shape.stores.filter((store) => store.subtopology === subtopology)
  }

  async #compareTask(task: string, copy: TaskCopy, log: Log): Promise<readonly VerifiedPart[]> {
    const { partition } = parseTaskId(task as TaskId)
    const parts: VerifiedPart[] = []
    const scratches = await openStateDirectory(join(this.#place.path, 'scratch'))
    try {
      const scratch = await scratches.open(task)
      for (const { name: store, changelog: topic, expires } of this.#storesOf(task)) {
        if (topic === undefined) continue
        const until = copy.checkpoint?.changelogs[store] ?? 0
        const compared: ComparedStore = { store, changelog: { topic, partition }, until, expires }
        const comparison = await compareStore(compared, {
          log,
          snapshot: copy.snapshot,
          scratch,
          firstMax: this.#firstMax,
          onProgress: (position, end) =>
            this.#progress.at(() => `${task} ${store} ${bar(position, end)}`),
        })
        parts.push({ task, store, until, ...comparison })
      }
    } finally {
      await scratches.close()
      this.#progress.end()
    }
    return parts
  }
}

function print(terminal: Terminal, { applicationId, same, ...found }: VerifyReport): void {
  const right = { align: 'right' } as const
  const columns = [
    { name: 'TASK' },
    { name: 'STORE' },
    { name: 'UNTIL', ...right },
    { name: 'KEYS', ...right },
    { name: 'DIFFERENT', ...right },
    { name: 'EXPIRED', ...right },
  ]
  const rows = found.parts.map(({ task, store, until, keys, differences, expired }) => {
    return [task, store, until, keys, differences, expired]
  })
  terminal.out(table(columns, rows, terminal.isColoured))
  for (const { task, store, first } of found.parts) {
    for (const { key, stored, changelog } of first) {
      terminal.out(`\n${task} ${store} ${key}\n`)
      terminal.out(`  on disk    ${sideText(stored)}\n  changelog  ${sideText(changelog)}\n`)
    }
  }
  for (const { reason } of found.damaged) terminal.out(`\n${reason}\n`)
  const names = [...new Set(found.unlogged.map(({ store }) => store))]
  if (names.length > 0) terminal.out(`\nWithout a changelog: ${names.join(', ')}.\n`)
  const verdict = same ? 'is what its changelogs say' : 'is not what its changelogs say'
  terminal.out(`\nThe state of ${applicationId} ${verdict}.\n`)
}

function sideText(value: unknown): string {
  return value === null ? '(not there)' : JSON.stringify(value)
}
