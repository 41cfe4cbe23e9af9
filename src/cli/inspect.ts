/** `millrace inspect`: what the tasks keep on disk, store by store, and row by row. */
import { join } from 'node:path'
import { openTaskCopy } from '../../state/index.ts'
import { CorruptedError } from '../errors.ts'
import type { StoreRow } from '../processor/store-rows.ts'
import type { Topology } from '../topology/topology.ts'
import { addCommand, type Host } from './command.ts'
import { status, UsageError } from './failures.ts'
import { placeForTasks, type Reading, tasksIn } from './reading.ts'
import { readSettings, type SettingFlags, type Settings, withJson, withPlace } from './settings.ts'
import { openRows } from './store-rows.ts'
import { table } from './table.ts'
import type { Terminal } from './terminal.ts'
import { plain, valueText } from './texts.ts'
import { type ModuleFlags, moduleOf, topologyOf, withModule } from './topology.ts'

interface Flags extends ModuleFlags, SettingFlags {
  readonly module?: string
  readonly limit: string
  readonly json?: boolean
}

export function addInspect(host: Host): void {
  const command = addCommand(host, 'inspect [store] [key]', {
    summary: 'read what the tasks keep on disk',
    description:
      'Lists the tasks and stores in the state directory; with a store its rows, with a key ' +
      'those of the key. It reads a copy (tables are linked), so it works beside a running ' +
      'application and changes nothing; what was committed in the last second may not be on disk ' +
      'yet. With the topology rows are typed; otherwise they are bytes, shown as JSON or text ' +
      'where they are that.',
    examples: [
      { does: 'tasks and stores of the shop metrics', line: 'millrace inspect' },
      {
        does: 'the row of a customer, typed',
        line: 'millrace inspect by-customer ann -m orders.js -a orders',
      },
    ],
  })
  command.option('-m, --module <file>', 'that builds the topology')
  withModule(command)
  command.option('-n, --limit <rows>', 'how many are printed at most', '100')
  withPlace(command)
  withJson(command).action(
    async (store: string | undefined, key: string | undefined, flags: Flags) => {
      host.end(await inspect(host.terminal, store, key, flags))
    }
  )
}

async function inspect(
  terminal: Terminal,
  store: string | undefined,
  key: string | undefined,
  flags: Flags
): Promise<number> {
  if (!/^[1-9]\d{0,9}$/.test(flags.limit)) {
    throw new UsageError(`--limit takes a number of rows from 1 on, not '${flags.limit}'`)
  }
  const module = moduleOf(terminal, flags.module, flags)
  const settings = readSettings(terminal, flags, flags.module)
  const isShop = module === undefined && settings.applicationId === 'shop-metrics'
  const topology = module === undefined && !isShop ? undefined : await topologyOf(terminal, module)
  const tasks = tasksIn(settings.directory)
  const reading = await placeForTasks(settings.directory)
  try {
    const found: Inspected = { terminal, settings, tasks, reading, topology, flags }
    if (store === undefined) return await list(found)
    return await rowsOf(found, store, key)
  } finally {
    await reading.release()
  }
}

interface Inspected {
  readonly terminal: Terminal
  readonly settings: Settings
  readonly tasks: readonly string[]
  readonly reading: Reading
  readonly topology: Topology | undefined
  readonly flags: Flags
}

/** One store of one task. */
export interface StoredPart {
  readonly task: string
  /** Of the last commit that is on disk; null: none. */
  readonly commit: number | null
  /** Of all stores of the task. */
  readonly diskBytes: number | null
  /** Null: the task keeps none, or is damaged. */
  readonly store: string | null
  /** How far the changelog is in it; null: it has none. */
  readonly changelogOffset: number | null
  /** Why the task cannot be read; null: it can. */
  readonly damage: string | null
}

async function list({ terminal, settings, tasks, reading, flags }: Inspected): Promise<number> {
  const parts: StoredPart[] = []
  for (const task of tasks) parts.push(...(await partsOf(settings, task, reading)))
  if (flags.json === true) {
    const { applicationId, directory } = settings
    terminal.out(`${JSON.stringify({ applicationId, directory, parts }, null, 2)}\n`)
    return status.ok
  }
  const right = { align: 'right' } as const
  const columns = [
    { name: 'TASK' },
    { name: 'STORE' },
    { name: 'COMMIT', ...right },
    { name: 'CHANGELOG', ...right },
    { name: 'DISK', ...right },
  ]
  const rows = parts.map(({ task, store, commit, changelogOffset, diskBytes, damage }) => {
    const disk = diskBytes === null ? null : `${Math.ceil(diskBytes / 1024)} KiB`
    return [task, damage === null ? store : '(damaged)', commit, changelogOffset, disk]
  })
  terminal.out(table(columns, rows, terminal.isColoured))
  for (const { damage } of parts) if (damage !== null) terminal.out(`\n${damage}\n`)
  return status.ok
}

async function partsOf(
  { directory }: Settings,
  task: string,
  { path }: Reading
): Promise<readonly StoredPart[]> {
  const none = { task, commit: null, diskBytes: null, store: null, changelogOffset: null }
  try {
    const copy = await openTaskCopy(join(directory, 'tasks', task), join(path, task), task)
    if (copy === undefined) return []
    const { checkpoint, storeNames, diskBytes } = copy
    await copy.close()
    const commit = checkpoint?.commitNumber ?? null
    const names = storeNames.length === 0 ? [null] : storeNames
    return names.map((store) => {
      const changelogOffset = store === null ? null : (checkpoint?.changelogs[store] ?? null)
      return { task, commit, diskBytes, store, changelogOffset, damage: null }
    })
  } catch (error) {
    if (!(error instanceof CorruptedError)) throw error
    return [{ ...none, damage: error.message }]
  }
}

async function rowsOf(
  { terminal, settings, tasks, reading, topology, flags }: Inspected,
  store: string,
  key: string | undefined
): Promise<number> {
  const limit = Number(flags.limit)
  const rows: (StoreRow & { readonly task: string })[] = []
  const known = new Set<string>()
  let isMore = false
  for (const task of tasks) {
    const from = join(settings.directory, 'tasks', task)
    const copy = await openTaskCopy(from, join(reading.path, task), task)
    for (const name of copy?.storeNames ?? []) known.add(name)
    if (copy?.storeNames.includes(store) === true) {
      const typed = await openRows(copy.snapshot, store, topology)
      for await (const row of typed.rows(key)) {
        isMore = rows.length === limit
        if (isMore) break
        rows.push({ task, ...row })
      }
    }
    await copy?.close()
    if (isMore) break
  }
  if (!known.has(store)) {
    const names = [...known].join(', ') || 'none'
    throw new UsageError(`no task keeps a store '${store}' here; there are: ${names}`)
  }
  if (flags.json === true) terminal.out(`${JSON.stringify({ rows, more: isMore }, plain, 2)}\n`)
  else print(terminal, rows, isMore)
  return status.ok
}

function print(
  terminal: Terminal,
  rows: readonly (StoreRow & { readonly task: string })[],
  isMore: boolean
): void {
  const columns = [{ name: 'TASK' }, { name: 'KEY' }, { name: 'TIME' }, { name: 'VALUE' }]
  const cells = rows.map((row) => [row.task, valueText(row.key), timeOf(row), valueText(row.value)])
  terminal.out(table(columns, cells, terminal.isColoured))
  const count = rows.length === 1 ? '1 row' : `${rows.length} rows`
  terminal.out(`\n${count}${isMore ? '; there are more (--limit)' : ''}\n`)
}

function timeOf({ window, timestamp }: StoreRow): string | null {
  if (window !== undefined) return `[${iso(window.start)}, ${iso(window.end)})`
  return timestamp === undefined ? null : iso(timestamp)
}

function iso(time: number): string {
  // A window without an end has one that no date has.
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString() : '…'
}
