/**
 * The state directory of one application.
 *
 *     <STATE_DIR>/<application>/holder.json, lock/     who uses it
 *     <STATE_DIR>/<application>/topology.json          what writes here, for comparing
 *     <STATE_DIR>/<application>/tasks/<task>/          the LevelDB of one task
 *     …/tasks/<task>.damaged-<time>/                   set aside for a look; at most one per task
 *     …/tasks/<task>.wiped/                            on its way out; a crash may leave it behind
 *
 * Invariants: the directory is locked from open to close; a task is open at most once, in all
 * threads of the process that share the directory; whatever is in doubt about a task's files ends
 * in an empty state, never in a state that is quietly wrong.
 */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { assert } from '../src/assert.ts'
import { type Clock, systemClock } from '../src/clock.ts'
import { makeDirectory } from '../src/directories.ts'
import { CorruptedError, MillraceError } from '../src/errors.ts'
import { type Logger, silentLogger } from '../src/log.ts'
import { type CommitMark, readMark } from './commit-mark.ts'
import type { StateDirectory } from './contract.ts'
import { causes, type DirectoryLock, lockDirectory, unusableError } from './directory-lock.ts'
import { inspectTask } from './inspection.ts'
import { LevelTaskState } from './level-task-state.ts'
import { TaskDatabase } from './task-database.ts'

export interface StateDirectoryOptions {
  /** Clean values kept in memory, in bytes, shared by the open tasks. Default 64 MiB. */
  readonly cacheBytesMax?: number
  readonly log?: Logger
  readonly clock?: Clock
}

/** Who may open which task, where several threads share one directory. */
export interface TaskLocks {
  /** Resolves, with the way to give it back, once no other thread has the task open. */
  acquire(task: string, signal?: AbortSignal): Promise<() => void>
}

const cacheBytesDefault = 64 * 1024 * 1024

/**
 * Locks the application's directory, `<STATE_DIR>/<application>`, and creates it if need be.
 * Rejects with FatalError: `MILLRACE_STATE_DIRECTORY_LOCKED` when this or another process has it
 * open, `MILLRACE_STATE_DIRECTORY_UNUSABLE` when the file system refuses.
 */
export async function openStateDirectory(
  path: string,
  options: StateDirectoryOptions = {}
): Promise<LevelStateDirectory> {
  const lock = await lockDirectory(path)
  try {
    return new LevelStateDirectory(lock, options)
  } catch (error) {
    await lock.release()
    throw unusableError(path, error)
  }
}

/**
 * The same directory for another thread of the process that has locked it: `path` is the opened
 * one's. Closing this leaves that one open.
 */
export function shareStateDirectory(
  path: string,
  locks: TaskLocks,
  options: StateDirectoryOptions = {}
): LevelStateDirectory {
  return new LevelStateDirectory({ path, release: async () => {} }, options, locks)
}

export class LevelStateDirectory implements StateDirectory {
  readonly path: string
  readonly #lock: DirectoryLock
  readonly #locks: TaskLocks | undefined
  readonly #tasksPath: string
  readonly #descriptionPath: string
  readonly #log: Logger
  readonly #clock: Clock
  readonly #cacheBytesMax: number
  /** Undefined while it is being opened. */
  readonly #tasks = new Map<string, LevelTaskState | undefined>()
  #closed = false

  constructor(lock: DirectoryLock, options: StateDirectoryOptions, locks?: TaskLocks) {
    this.path = lock.path
    this.#lock = lock
    this.#locks = locks
    this.#tasksPath = join(lock.path, 'tasks')
    this.#descriptionPath = join(lock.path, 'topology.json')
    this.#log = options.log ?? silentLogger
    this.#clock = options.clock ?? systemClock
    this.#cacheBytesMax = options.cacheBytesMax ?? cacheBytesDefault
    makeDirectory(this.#tasksPath)
  }

  async open(task: string, signal?: AbortSignal): Promise<LevelTaskState> {
    assert(/^[A-Za-z0-9_-]+$/.test(task), `a task's name can name a directory: '${task}'`)
    assert(!this.#tasks.has(task), `task ${task} is opened once`)
    this.#assertOpen()
    this.#tasks.set(task, undefined)
    let unlock: (() => void) | undefined
    try {
      unlock = await this.#locks?.acquire(task, signal)
      const path = join(this.#tasksPath, task)
      const database = await this.#openDatabase(task, path)
      const state = new LevelTaskState({
        task,
        database,
        log: this.#log,
        cacheBytesMax: () => this.#cacheBytesMax / this.#tasks.size,
        renew: (old) => this.#renew(task, old),
        onClosed: () => {
          this.#tasks.delete(task)
          unlock?.()
        },
      })
      this.#tasks.set(task, state)
      return state
    } catch (error) {
      this.#tasks.delete(task)
      unlock?.()
      throw error
    }
  }

  held(): readonly string[] {
    return readdirSync(this.#tasksPath).filter((task) => this.#markOf(task) !== undefined)
  }

  /** Changelog records that the checkpoint of this task includes; 0 if it has none. */
  restored(task: string): number {
    return this.#markOf(task)?.restored ?? 0
  }

  get description(): string | undefined {
    try {
      return readFileSync(this.#descriptionPath, 'utf8')
    } catch (error) {
      if (causes(error).includes('ENOENT')) return undefined
      throw unusableError(this.#descriptionPath, error)
    }
  }

  keepDescription(text: string): void {
    this.#assertOpen()
    try {
      writeFileSync(`${this.#descriptionPath}.new`, text, { flush: true })
      renameSync(`${this.#descriptionPath}.new`, this.#descriptionPath)
    } catch (error) {
      throw unusableError(this.#descriptionPath, error)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const state of [...this.#tasks.values()]) await state?.close()
    await this.#lock.release()
  }

  #assertOpen(): void {
    if (!this.#closed) return
    throw new MillraceError('MILLRACE_STATE_CLOSED', `The state directory ${this.path} is closed`)
  }

  #markOf(task: string): CommitMark | undefined {
    if (task.includes('.')) return undefined
    const mark = readMark(join(this.#tasksPath, task))
    return mark === 'damaged' ? undefined : mark
  }

  async #openDatabase(task: string, path: string): Promise<TaskDatabase> {
    const clock = this.#clock
    try {
      rmSync(`${path}.wiped`, { recursive: true, force: true })
      const found = await inspectTask(path)
      if (found.kind === 'sound') {
        return await TaskDatabase.open(path, { task, clock, create: false, mark: found.mark })
      }
      if (found.kind === 'damaged') this.#setAside(task, path, found.reason)
      else rmSync(path, { recursive: true, force: true })
    } catch (error) {
      if (!isDamage(error)) throw unusableError(path, error)
      this.#setAside(task, path, causes(error).at(-1) ?? 'unknown')
    }
    return await this.#createDatabase(task, path)
  }

  async #createDatabase(task: string, path: string): Promise<TaskDatabase> {
    const clock = this.#clock
    try {
      return await TaskDatabase.open(path, { task, clock, create: true, mark: undefined })
    } catch (error) {
      throw unusableError(path, error)
    }
  }

  /** The rename is atomic: after a crash the state is there whole, or gone. */
  async #renew(task: string, old: TaskDatabase): Promise<TaskDatabase> {
    await old.close()
    const { path } = old
    renameSync(path, `${path}.wiped`)
    rmSync(`${path}.wiped`, { recursive: true, force: true })
    return await this.#createDatabase(task, path)
  }

  #setAside(task: string, path: string, reason: string): void {
    for (const name of readdirSync(this.#tasksPath)) {
      if (!name.startsWith(`${task}.damaged-`)) continue
      rmSync(join(this.#tasksPath, name), { recursive: true, force: true })
    }
    const time = new Date(this.#clock.now()).toISOString().replace(/[:.]/g, '-')
    const aside = `${path}.damaged-${time}`
    renameSync(path, aside)
    this.#log.warn('The state of a task is damaged; it will be rebuilt from its changelogs', {
      task,
      reason,
      aside,
    })
  }
}

/** Whether an existing database cannot be trusted, rather than not be reached. */
function isDamage(error: unknown): boolean {
  if (error instanceof CorruptedError) return true
  return causes(error).some(
    (cause) =>
      cause === 'LEVEL_CORRUPTION' ||
      cause === 'LEVEL_NOT_FOUND' ||
      cause.includes('create_if_missing') ||
      cause.includes('No such file')
  )
}
