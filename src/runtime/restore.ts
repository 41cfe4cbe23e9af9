/**
 * Brings the state of one task up to its last commit, from its changelogs.
 *
 *     committed offsets (stable) → checkpoint → changelog from there to the end → checkpoint
 *
 * Invariants: the committed offsets are read before the ends of the changelogs are; a state ahead
 * of the committed number is never used (`restore-offsets.ts`); an interrupted restore leaves a
 * checkpoint that is behind, never ahead; while restoring nothing is forwarded; what cannot be
 * restored wholly is refused, not restored in part (`restore-rules.ts`).
 */
import { setMaxListeners } from 'node:events'
import type { Checkpoint, RestoredRecord, TaskState } from '../../state/contract.ts'
import { CorruptedError } from '../errors.ts'
import type { Offset, Timestamp, TopicPartition } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { RecordCursor } from '../record.ts'
import { binaryTextAt, encodeUtf8 } from '../serde/text.ts'
import { changelogTopic } from './plan.ts'
import type { CommittedOffset, Log } from './ports.ts'
import { OffsetsCheck, placesOf } from './restore-offsets.ts'
import {
  ageMsMax,
  type CommittedNumber,
  changelogCut,
  changelogShort,
  offsetsLost,
  outdated,
} from './restore-rules.ts'
import type { RestoreSnapshot } from './snapshot.ts'

/** Header of changelog records at least once: the commit that wrote them. */
export const commitNumberHeader = 'millrace.commit'
const commitNumberBytes = encodeUtf8(commitNumberHeader)

export interface RestoreRequest {
  readonly log: Log
  readonly applicationId: string
  readonly task: string
  readonly partition: number
  /** The logged ones. */
  readonly stores: readonly string[]
  /** Those that are restored from topics of the user instead. Default: none. */
  readonly origins?: ReadonlyMap<string, RestoreOrigin>
  /** Those of them whose changelogs lose old records by age, and may. Default: none. */
  readonly expiring?: ReadonlySet<string>
  readonly state: TaskState
  readonly checkpoint: Checkpoint | undefined
  /** What the offsets say of the task's last commit. */
  readonly committed: CommittedNumber
  /** The offsets themselves, of all source partitions. Default: none. */
  readonly offsets?: readonly CommittedOffset[]
  /**
   * Whether the changelogs tell what belongs to commits that the offsets do not know of. Default
   * true.
   */
  readonly canStepBack?: boolean
  readonly signal: AbortSignal
  readonly logger: Logger
  /** Monotonic milliseconds, for the pace of log lines. */
  readonly ticks: () => Timestamp
  /** To tell the age of the checkpoint. */
  readonly now: () => Timestamp
}

/** A store that a topic of the user says all of. */
export interface RestoreOrigin extends TopicPartition {
  /** What is committed of it: later records are not in the store. */
  readonly until: Offset
  entryOf(record: RecordCursor): RestoredRecord | undefined
}

/** Keys of changelog records whose commit never happened, by store (at least once only). */
export type SkippedKeys = ReadonlyMap<string, ReadonlySet<string>>

export interface Restored {
  readonly checkpoint: Checkpoint
  readonly skipped: SkippedKeys
  /** Changelog records behind the checkpoint, from the start if it was of no use. */
  readonly records: number
}

const logEveryMs = 1_000

export class Restore {
  readonly #request: RestoreRequest
  readonly #progress = new Map<string, RestoreSnapshot>()
  readonly #offsets = new Map<string, Offset>()
  readonly #epochs = new Map<string, number>()
  readonly #skipped = new Map<string, Set<string>>()
  /** First skipped offset by store: no checkpoint passes it before a commit has mended its key. */
  readonly #bounds = new Map<string, Offset>()
  #commitNumber = 0
  #records = 0
  #knownAt: Timestamp = 0
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
    const { checkpoint, task, logger } = this.#request
    const check = new OffsetsCheck(this.#request)
    if ((await check.outcome()) === 'rebuild') return this.#fromStart()
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
    const { origins, state, committed, offsets = [] } = this.#request
    const stores = [...this.#request.stores, ...(origins?.keys() ?? [])]
    this.#offsets.clear()
    this.#epochs.clear()
    this.#skipped.clear()
    this.#bounds.clear()
    this.#commitNumber = checkpoint?.commitNumber ?? 0
    // Not the time of the flushes: what was deleted meanwhile they have not all seen.
    this.#knownAt = checkpoint?.writtenAt ?? this.#request.now()
    for (const store of stores) {
      const offset = checkpoint?.changelogs[store]
      if (offset !== undefined) this.#offsets.set(store, offset)
      const epoch = checkpoint?.epochs?.[store]
      if (epoch !== undefined) this.#epochs.set(store, epoch)
    }
    try {
      await this.#all(stores)
    } finally {
      await this.#flushing.catch(() => {})
    }
    const commitNumber = committed === 'unknown' ? this.#commitNumber : (committed ?? 0)
    const sources = placesOf(offsets)
    const reached = { ...this.#places(commitNumber), ...withAny('sources', sources) }
    if (!sameCheckpoint(checkpoint, reached)) await state.flushRestored(reached)
    return { checkpoint: reached, skipped: this.#skipped, records: this.#records }
  }

  /** All stores side by side; the first failure stops the others before it is passed on. */
  async #all(stores: readonly string[]): Promise<void> {
    const stop = new AbortController()
    const signal = AbortSignal.any([this.#request.signal, stop.signal])
    // Each store waits with it for something or other: Node takes more than ten for a leak.
    setMaxListeners(0, signal)
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
    const origin = this.#request.origins?.get(store)
    if (origin !== undefined) return await this.#fromOrigin(store, origin, signal)
    const { log, applicationId, partition, state } = this.#request
    const from = this.#offsets.get(store)
    const changelog: TopicPartition = { topic: changelogTopic(applicationId, store), partition }
    await this.#checkEpoch(store, changelog, from, signal)
    const reached = await log.restore(changelog, from ?? 'earliest', {
      signal,
      onBounds: (start, end) => this.#checkBounds(store, changelog, from, start, end),
      apply: (record) => {
        this.#records++
        if (record.keyLength < 0) return
        if (this.#happened(record, changelog)) state.restore(store, record)
        else this.#skip(store, record)
      },
      flush: (position, leaderEpoch) => this.#flush(store, position, leaderEpoch),
      onProgress: (position, end) => this.#report(store, position, end),
    })
    signal.throwIfAborted()
    this.#offsets.set(store, reached)
    this.#progress.delete(store)
  }

  /** Whether the changelog still has what the state has of it. */
  async #checkEpoch(
    store: string,
    changelog: TopicPartition,
    from: Offset | undefined,
    signal: AbortSignal
  ): Promise<void> {
    const { log, task } = this.#request
    const epoch = this.#epochs.get(store)
    if (from === undefined || epoch === undefined) return
    const end = await log.divergence(changelog, from, epoch, signal)
    if (end !== undefined) throw changelogShort({ task, changelog, from, start: 0, end })
  }

  /** Its records are not ours to check: what the topic has lost, the store has lost with it. */
  async #fromOrigin(store: string, origin: RestoreOrigin, signal: AbortSignal): Promise<void> {
    const { log, state } = this.#request
    const { topic, partition, until } = origin
    const from = this.#offsets.get(store)
    if ((from ?? 0) < until) {
      await log.restore({ topic, partition }, from ?? 'earliest', {
        signal,
        apply: (record) => {
          this.#records++
          const entry = record.offset < until ? origin.entryOf(record) : undefined
          if (entry !== undefined) state.restore(store, entry)
        },
        flush: (position) => this.#flush(store, Math.min(position, until), undefined),
        onProgress: (position, end) => this.#report(store, position, Math.min(end, until)),
      })
      signal.throwIfAborted()
    }
    this.#offsets.set(store, Math.max(until, from ?? 0))
    this.#progress.delete(store)
  }

  #checkBounds(
    store: string,
    changelog: TopicPartition,
    from: Offset | undefined,
    start: Offset,
    end: Offset
  ): void {
    const { task, committed, checkpoint, expiring, now } = this.#request
    const found = { task, changelog, from, start, end }
    if (from !== undefined && from > end) throw changelogShort(found)
    // Before the first commit there is nothing that could be missed.
    const keepsAll = committed !== undefined && expiring?.has(store) !== true
    if (keepsAll && start > (from ?? 0)) throw changelogCut(found)
    const ageMs = now() - (checkpoint?.writtenAt ?? now())
    if (from !== undefined && from < end && ageMs > ageMsMax) throw outdated(found)
  }

  /** Whether the commit that wrote a record did; without a number the log itself vouches for it. */
  #happened(record: RecordCursor, changelog: TopicPartition): boolean {
    const { committed, task, applicationId } = this.#request
    const number = numberOf(record)
    if (committed === 'unknown') {
      this.#commitNumber = Math.max(this.#commitNumber, number)
      return true
    }
    if (committed !== undefined) return number <= committed
    // Only a first commit leaves records behind without ever having had offsets.
    if (number === 1) return false
    throw offsetsLost(applicationId, task, changelog)
  }

  /** One write in flight while the next is gathered: returns the write before this one. */
  #flush(store: string, position: Offset, leaderEpoch: number | undefined): Promise<void> {
    this.#offsets.set(store, position)
    if (leaderEpoch === undefined) this.#epochs.delete(store)
    else this.#epochs.set(store, leaderEpoch)
    const { state, checkpoint: begun } = this.#request
    const checkpoint = {
      ...this.#places(this.#commitNumber),
      ...withAny('sources', begun?.sources ?? {}),
      writtenAt: this.#knownAt,
    }
    const before = this.#flushing
    this.#flushing = before.then(() => state.flushRestored(checkpoint))
    // Whoever awaits it next sees the failure; until then it is not an unhandled one.
    this.#flushing.catch(() => {})
    return before
  }

  #places(commitNumber: number): Checkpoint {
    const changelogs = this.#safeOffsets()
    return { commitNumber, changelogs, ...withAny('epochs', Object.fromEntries(this.#epochs)) }
  }

  #safeOffsets(): Record<string, Offset> {
    return Object.fromEntries(
      [...this.#offsets].map(([store, offset]) => [
        store,
        Math.min(offset, this.#bounds.get(store) ?? offset),
      ])
    )
  }

  #skip(store: string, record: RecordCursor): void {
    if (!this.#bounds.has(store)) this.#bounds.set(store, record.offset)
    let keys = this.#skipped.get(store)
    if (keys === undefined) this.#skipped.set(store, (keys = new Set()))
    keys.add(record.readKey(binaryTextAt))
  }

  #report(store: string, position: Offset, end: Offset): void {
    this.#progress.set(store, { store, position, end })
    const { ticks, logger, task } = this.#request
    if (ticks() - this.#lastLine < logEveryMs) return
    this.#lastLine = ticks()
    logger.info('Restoring', { task, store, position, end })
  }
}

function numberOf(record: RecordCursor): number {
  return record.readHeader(commitNumberBytes, decimalAt) ?? 0
}

/** Without a text in between, which each record would pay for. */
function decimalAt(bytes: Uint8Array, start: number, end: number): number {
  let number = 0
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] ?? 0) - 48
    if (digit < 0 || digit > 9) return Number.NaN
    number = number * 10 + digit
  }
  return number
}

function withAny<N extends string, T extends object>(
  name: N,
  values: T
): { readonly [K in N]?: T } {
  return Object.keys(values).length === 0 ? {} : ({ [name]: values } as { [K in N]: T })
}

function sameCheckpoint(one: Checkpoint | undefined, two: Checkpoint): boolean {
  if (one === undefined || one.commitNumber !== two.commitNumber) return false
  const names = Object.keys(two.changelogs)
  return (
    names.length === Object.keys(one.changelogs).length &&
    names.every((name) => one.changelogs[name] === two.changelogs[name]) &&
    JSON.stringify(one.sources ?? {}) === JSON.stringify(two.sources ?? {})
  )
}
