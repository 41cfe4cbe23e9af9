/**
 * Brings the state of one task up to its last commit, from its changelogs.
 *
 *     committed offsets (stable) → checkpoint → changelog from there to the end → checkpoint
 *
 * Invariants: the committed offsets are read before the ends of the changelogs are; a state ahead
 * of the committed number is never used, it is wiped; an interrupted restore leaves a checkpoint
 * that is behind, never ahead; while restoring nothing is forwarded.
 */
import type { Checkpoint, TaskState } from '../../state/contract.ts'
import { CorruptedError } from '../errors.ts'
import type { Offset, Timestamp, TopicPartition } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { RecordCursor } from '../record.ts'
import { changelogTopic } from './plan.ts'
import type { Log } from './ports.ts'
import type { RestoreSnapshot } from './snapshot.ts'

/** Header of changelog records at least once: the commit that wrote them. */
export const commitNumberHeader = 'millrace.commit'

export interface RestoreRequest {
  readonly log: Log
  readonly applicationId: string
  readonly task: string
  readonly partition: number
  /** The logged ones. */
  readonly stores: readonly string[]
  readonly state: TaskState
  readonly checkpoint: Checkpoint | undefined
  /** The number of the task's last commit, by its offset metadata; 0 before the first. */
  readonly commitNumber: number
  readonly signal: AbortSignal
  readonly logger: Logger
  /** Monotonic milliseconds, for the pace of log lines. */
  readonly ticks: () => Timestamp
}

/** Keys of changelog records whose commit never happened, by store (at least once only). */
export type SkippedKeys = ReadonlyMap<string, ReadonlySet<string>>

export interface Restored {
  readonly checkpoint: Checkpoint
  readonly skipped: SkippedKeys
}

const logEveryMs = 1_000

export class Restore {
  readonly #request: RestoreRequest
  readonly #progress = new Map<string, RestoreSnapshot>()
  readonly #offsets = new Map<string, Offset>()
  readonly #skipped = new Map<string, Set<string>>()
  /** First skipped offset by store: no checkpoint passes it before a commit has mended its key. */
  readonly #bounds = new Map<string, Offset>()
  #commitNumber = 0
  #flushing: Promise<void> = Promise.resolve()
  #lastLine: Timestamp

  constructor(request: RestoreRequest) {
    this.#request = request
    this.#lastLine = request.ticks()
  }

  progress(): readonly RestoreSnapshot[] {
    return [...this.#progress.values()]
  }

  /** A changelog that does not fit the checkpoint is read again from its start, once. */
  async run(): Promise<Restored> {
    const { checkpoint, commitNumber, task, logger } = this.#request
    const isAhead = checkpoint !== undefined && checkpoint.commitNumber > commitNumber
    if (isAhead) {
      logger.warn('The state is ahead of the committed offsets and is rebuilt', {
        task,
        state: checkpoint.commitNumber,
        committed: commitNumber,
      })
      return this.#fromStart()
    }
    try {
      return await this.#from(checkpoint)
    } catch (error) {
      if (!(error instanceof CorruptedError) || checkpoint === undefined) throw error
      logger.warn('The state does not fit its changelog and is rebuilt', { task, error })
      return this.#fromStart()
    }
  }

  async #fromStart(): Promise<Restored> {
    await this.#request.state.wipe()
    return this.#from(undefined)
  }

  async #from(checkpoint: Checkpoint | undefined): Promise<Restored> {
    const { stores, state, commitNumber } = this.#request
    this.#offsets.clear()
    this.#skipped.clear()
    this.#bounds.clear()
    this.#commitNumber = checkpoint?.commitNumber ?? 0
    for (const store of stores) {
      const offset = checkpoint?.changelogs[store]
      if (offset !== undefined) this.#offsets.set(store, offset)
    }
    try {
      await this.#all(stores)
    } finally {
      await this.#flushing.catch(() => {})
    }
    const reached = { commitNumber, changelogs: this.#safeOffsets() }
    if (!sameCheckpoint(checkpoint, reached)) await state.flushRestored(reached)
    return { checkpoint: reached, skipped: this.#skipped }
  }

  /** All stores side by side; the first failure stops the others before it is passed on. */
  async #all(stores: readonly string[]): Promise<void> {
    const stop = new AbortController()
    const signal = AbortSignal.any([this.#request.signal, stop.signal])
    const runs = stores.map(async (store) => {
      try {
        await this.#one(store, signal)
      } catch (error) {
        stop.abort()
        throw error
      }
    })
    const results = await Promise.allSettled(runs)
    const failures = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : []
    )
    if (failures.length === 0) return
    throw failures.find((error) => error instanceof CorruptedError) ?? failures[0]
  }

  async #one(store: string, signal: AbortSignal): Promise<void> {
    const { log, applicationId, partition, state, commitNumber } = this.#request
    const from = this.#offsets.get(store) ?? 'earliest'
    const changelog: TopicPartition = { topic: changelogTopic(applicationId, store), partition }
    const reached = await log.restore(changelog, from, {
      signal,
      apply: (record) => {
        if (record.key === null) return
        if (numberOf(record) > commitNumber) this.#skip(store, record.key, record.offset)
        else state.restore(store, record.key, record.value)
      },
      flush: (position) => this.#flush(store, position),
      onProgress: (position, end) => this.#report(store, position, end),
    })
    signal.throwIfAborted()
    this.#offsets.set(store, reached)
    this.#progress.delete(store)
  }

  /** One write in flight while the next is gathered: returns the write before this one. */
  #flush(store: string, position: Offset): Promise<void> {
    this.#offsets.set(store, position)
    const checkpoint = { commitNumber: this.#commitNumber, changelogs: this.#safeOffsets() }
    const before = this.#flushing
    this.#flushing = before.then(() => this.#request.state.flushRestored(checkpoint))
    // Whoever awaits it next sees the failure; until then it is not an unhandled one.
    this.#flushing.catch(() => {})
    return before
  }

  #safeOffsets(): Record<string, Offset> {
    return Object.fromEntries(
      [...this.#offsets].map(([store, offset]) => [
        store,
        Math.min(offset, this.#bounds.get(store) ?? offset),
      ])
    )
  }

  #skip(store: string, key: Uint8Array, offset: Offset): void {
    if (!this.#bounds.has(store)) this.#bounds.set(store, offset)
    let keys = this.#skipped.get(store)
    if (keys === undefined) this.#skipped.set(store, (keys = new Set()))
    keys.add(Buffer.from(key).toString('latin1'))
  }

  #report(store: string, position: Offset, end: Offset): void {
    this.#progress.set(store, { store, position, end })
    const { ticks, logger, task } = this.#request
    if (ticks() - this.#lastLine < logEveryMs) return
    this.#lastLine = ticks()
    logger.info('Restoring', { task, store, position, end })
  }
}

function numberOf({ headers }: RecordCursor): number {
  for (const [name, value] of headers) {
    if (name === commitNumberHeader && value !== null) return Number(Buffer.from(value).toString())
  }
  return 0
}

function sameCheckpoint(one: Checkpoint | undefined, two: Checkpoint): boolean {
  if (one === undefined || one.commitNumber !== two.commitNumber) return false
  const names = Object.keys(two.changelogs)
  return (
    names.length === Object.keys(one.changelogs).length &&
    names.every((name) => one.changelogs[name] === two.changelogs[name])
  )
}
