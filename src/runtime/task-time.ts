/**
 * Event time of one task: a watermark per source partition, and per timed aggregate the mark, which
 * is what was last announced for it. An aggregate's time is that of the sources its records come
 * from: a table beside them, which rarely changes, holds no window open, and keeps none awake.
 *
 *     record ──observe──▶ watermarks ──minimum──┐
 *     fetch answers ──watch──▶ idle clock ──────┴──beginSeal──▶ next marks ──endSeal──▶ marks
 *
 * How the runtime calls it, all synchronously:
 *
 *     watermarkOf(i)            before a record of source i is processed
 *     observe(i, timestamp)     after it was processed; every accepted one, filtered later or not
 *     watch(i, position, answer) for each source at every turn of the loop, idle turns included
 *     poll()                    after the watches of a turn: may fire an idle close
 *     mustCommit                true: take no record until a commit has been answered
 *     hasNews                   true: a commit would announce something, even if no record came
 *     beginSeal()               step 1, before the operators' flush(): nextMark() answers now
 *     toMetadata(i, number)     between beginSeal() and endSeal()
 *     endSeal()                 after the seal: the next marks are the marks, for all later records
 *     committed()               step 5 of that commit
 *
 * Invariants: a mark never moves back; an idle advance becomes the mark in the next commit, and
 * no record is taken between the fire and the answer to it; after an abort a new object is made
 * from what was committed, which is taken as it is.
 */
import { assert, present } from '../assert.ts'
import type { Clock } from '../clock.ts'
import type { Offset, Timestamp } from '../ids.ts'
import type { TaskTime } from '../processor/operator.ts'
import type { TimedAggregateSpec } from '../topology/topology.ts'
import { type Closings, closingsOf } from '../windows/closings.ts'
import { IdleClock } from './idle-clock.ts'
import type { FetchAnswer } from './ports.ts'
import type { TimeMetadata } from './time-metadata.ts'
import { decodeTimeMetadata, encodeTimeMetadata } from './time-metadata.ts'

const never = Number.NEGATIVE_INFINITY

export type TaskAggregate = TimedAggregateSpec & {
  /** The source partitions its records come from, in the task's order. Default: all. */
  readonly partitions?: readonly number[]
}

export interface TaskTimeOptions {
  readonly aggregates: readonly TaskAggregate[]
  /** Committed metadata of each source partition, in the task's order; '' if there is none. */
  readonly metadata: readonly string[]
  /** Repeated in each metadata. Default: none. */
  readonly fingerprints?: string
  readonly clock: Clock
  /** Longer without an answer is an outage. Default: the shortest idle time, from 1 s to 10 s. */
  readonly gapMs?: number
}

export class SourceTaskTime implements TaskTime {
  /** Greatest commit number in the metadata; 0 if nothing was ever committed. */
  readonly commitNumber: number
  readonly #watermarks: Timestamp[]
  readonly #aggregates: ReadonlyMap<string, AggregateTime>
  readonly #idle: IdleClock
  readonly #fingerprints: string
  #streamTime: Timestamp
  /** While a record from before is at hand: the stream time that it saw. */
  asOf: Timestamp | undefined
  #barrier: 'none' | 'fired' | 'sealed' = 'none'
  #isSealing = false

  constructor({ aggregates, metadata, fingerprints = '', clock, gapMs }: TaskTimeOptions) {
    this.#fingerprints = fingerprints
    const known = metadata.map(decodeTimeMetadata)
    const latest = known.reduce<TimeMetadata>(
      (best, one) => (one.commitNumber > best.commitNumber ? one : best),
      { commitNumber: 0, watermark: never, marks: {}, fingerprints: '' }
    )
    this.commitNumber = latest.commitNumber
    this.#watermarks = known.map(({ watermark }) => watermark)
    this.#streamTime = Math.max(never, ...this.#watermarks)
    const all = Object.freeze([...metadata.keys()])
    this.#aggregates = new Map(
      aggregates.map((spec) => [spec.name, new AggregateTime(spec, latest.marks[spec.name], all)])
    )
    this.#idle = new IdleClock(clock, metadata.length, gapMs ?? defaultGapMs(aggregates))
  }

  get streamTime(): Timestamp {
    return this.asOf ?? this.#streamTime
  }

  /** Greatest timestamp of a source partition so far; -Infinity before its first record. */
  watermarkOf(index: number): Timestamp {
    return this.#watermarks[index] as Timestamp
  }

  observe(index: number, timestamp: Timestamp): void {
    if (timestamp > (this.#watermarks[index] as Timestamp)) this.#watermarks[index] = timestamp
    if (timestamp > this.#streamTime) this.#streamTime = timestamp
    this.#idle.heard(index)
  }

  /**
   * The least watermark of an aggregate. A partition without a record holds it back (undefined)
   * until fetches have confirmed that it is empty, and has been for as long as silence must last,
   * or, where there is no idle time, once; 'empty' if all are.
   */
  minimum(aggregate: string): Timestamp | 'empty' | undefined {
    return this.#minimum(this.#of(aggregate))
  }

  #minimum({ idleMs, partitions }: AggregateTime): Timestamp | 'empty' | undefined {
    let minimum = Number.POSITIVE_INFINITY
    for (const index of partitions) {
      const watermark = this.#watermarks[index] as Timestamp
      if (watermark !== never) minimum = Math.min(minimum, watermark)
      else if (!this.#idle.isEmpty(index, idleMs ?? 0)) return undefined
    }
    return minimum === Number.POSITIVE_INFINITY ? 'empty' : minimum
  }

  mark(aggregate: string): Timestamp {
    return this.#of(aggregate).mark
  }

  nextMark(aggregate: string): Timestamp | 'empty' | undefined {
    assert(this.#isSealing, 'the next mark is known during the seal only')
    const one = this.#of(aggregate)
    return one.next(this.#minimum(one))
  }

  watch(index: number, position: Offset, answer: FetchAnswer | undefined): void {
    this.#idle.watch(index, position, answer)
  }

  /** Fires an idle close if the sources have been silent for long enough. */
  poll(): void {
    if (this.#barrier !== 'none') return
    for (const aggregate of this.#aggregates.values()) {
      if (aggregate.idleMs === null) continue
      const minimum = this.#minimum(aggregate)
      if (typeof minimum !== 'number') continue
      const until = this.#idle.silentUntil(aggregate.idleMs, aggregate.partitions)
      if (until === undefined) continue
      const seen = aggregate.partitions.map((index) => this.#watermarks[index] as Timestamp)
      if (aggregate.fire(until, minimum, Math.max(...seen))) this.#barrier = 'fired'
    }
  }

  get mustCommit(): boolean {
    return this.#barrier !== 'none'
  }

  get hasNews(): boolean {
    if (this.#barrier === 'fired') return true
    for (const aggregate of this.#aggregates.values()) {
      const next = aggregate.next(this.#minimum(aggregate))
      if (next !== undefined && next !== aggregate.mark) return true
    }
    return false
  }

  beginSeal(): void {
    assert(!this.#isSealing, 'one seal at a time')
    assert(this.#barrier !== 'sealed', 'one commit at a time carries an idle advance')
    this.#isSealing = true
  }

  /** For the offset of a source partition. Throws a FatalError over 4 KiB. */
  toMetadata(index: number, commitNumber: number): string {
    assert(this.#isSealing, 'metadata is that of a seal')
    const marks: Record<string, Timestamp | 'empty'> = {}
    for (const [name, aggregate] of this.#aggregates) {
      const mark =
        aggregate.next(this.#minimum(aggregate)) ?? (aggregate.isEmpty ? 'empty' : undefined)
      if (mark !== undefined) marks[name] = mark
    }
    const watermark = this.watermarkOf(index)
    return encodeTimeMetadata({ commitNumber, watermark, marks, fingerprints: this.#fingerprints })
  }

  endSeal(): void {
    assert(this.#isSealing, 'a seal ends after it began')
    for (const aggregate of this.#aggregates.values()) {
      aggregate.announce(this.#minimum(aggregate))
    }
    this.#isSealing = false
    if (this.#barrier === 'fired') this.#barrier = 'sealed'
  }

  committed(): void {
    if (this.#barrier === 'sealed') this.#barrier = 'none'
  }

  #of(aggregate: string): AggregateTime {
    return present(this.#aggregates.get(aggregate), `timed aggregate '${aggregate}'`)
  }
}

/** What was announced for one aggregate, and what comes next. */
class AggregateTime {
  readonly idleMs: number | null
  readonly partitions: readonly number[]
  readonly #closings: Closings
  mark: Timestamp
  /** `empty` was announced, and no time yet. */
  isEmpty: boolean
  /** Fired, and not announced yet. */
  #advance: Timestamp = never

  constructor(
    spec: TaskAggregate,
    announced: Timestamp | 'empty' | undefined,
    all: readonly number[]
  ) {
    this.idleMs = spec.idleMs
    this.partitions = spec.partitions ?? all
    this.#closings = closingsOf(spec, spec.idleMs ?? 1)
    this.mark = typeof announced === 'number' ? announced : never
    this.isEmpty = announced === 'empty'
  }

  /** Undefined: nothing to announce. */
  next(minimum: Timestamp | 'empty' | undefined): Timestamp | 'empty' | undefined {
    const time = typeof minimum === 'number' ? minimum : never
    const next = Math.max(this.mark, time, this.#advance)
    if (next !== never) return next
    return minimum === 'empty' && !this.isEmpty ? 'empty' : undefined
  }

  /** False: it would close no window, and is left out. */
  fire(until: Timestamp, minimum: Timestamp, newest: Timestamp): boolean {
    const from = Math.max(this.mark, minimum)
    if (!this.#closings.isAnyBetween(from, until, newest)) return false
    this.#advance = until
    return true
  }

  announce(minimum: Timestamp | 'empty' | undefined): void {
    const next = this.next(minimum)
    if (typeof next === 'number') this.mark = next
    this.isEmpty = typeof next !== 'number' && (this.isEmpty || next === 'empty')
    this.#advance = never
  }
}

/**
 * An outage no longer than the idle time does no harm: what producers held back meanwhile is not
 * older than what the first fetch after it can close.
 */
function defaultGapMs(aggregates: readonly TimedAggregateSpec[]): number {
  const shortest = Math.min(...aggregates.map(({ idleMs }) => idleMs ?? Number.POSITIVE_INFINITY))
  return Math.min(10_000, Math.max(1_000, shortest))
}
