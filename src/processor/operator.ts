/**
 * Operators at run time: classes with one `process` and one `next`, called depth first and
 * synchronously. The engine's own operators and the Processor API are both built on them.
 */
import type { KeyValueState, StoreDefinition } from '../../state/contract.ts'
import type { Clock } from '../clock.ts'
import type { Offset, TaskId, Timestamp } from '../ids.ts'
import type { RecordHeaders } from '../record.ts'
import type { FindRows } from './store-rows.ts'

/** Anything that takes records: an operator, or a fan-out to several. */
export interface Receiver {
  process(key: unknown, value: unknown, timestamp: Timestamp): void
}

/** Coordinates of the record that is being processed; one object per task, changed in place. */
export interface RecordContext {
  readonly topic: string
  readonly partition: number
  readonly offset: Offset
  readonly headers: RecordHeaders
  /**
   * The greatest timestamp of the record's own partition before this record; -Infinity at first.
   */
  readonly watermark: Timestamp
}

/** Why a record did not contribute: a label of `millrace_dropped_records_total`. */
export type DropReason = string

/**
 * Event time of a task: watermarks of its source partitions, and per timed aggregate the mark,
 * which is what was last announced for it (idle advances included, never moving back).
 */
export interface TaskTime {
  /** Greatest timestamp of any accepted record: the compatible layer's time. -Infinity at first. */
  readonly streamTime: Timestamp
  /** What was last announced for this aggregate; -Infinity before that. */
  mark(aggregate: string): Timestamp
  /**
   * During `flush` only: what this commit announces. A time ≥ mark; 'empty' if all source
   * partitions are confirmed empty; undefined if there is nothing to announce yet.
   */
  nextMark(aggregate: string): Timestamp | 'empty' | undefined
}

/** Rows of a global table. */
export interface GlobalRows {
  get(key: unknown): { readonly value: unknown; readonly timestamp: Timestamp } | undefined
}

export interface Punctuation {
  cancel(): void
}

/** A committed number shown to the outside. */
export interface GaugePort {
  /** Published with the commit that this record belongs to. Null: the series is absent. */
  set(value: number | null): void
}

export interface CounterPort {
  /** Added with the commit that this record belongs to. */
  add(label: string, count?: number): void
}

/** Something asynchronous that an operator has begun for a record, while others come. */
export interface Flight {
  /** Its outcome is known. */
  readonly isDone: boolean
  /** Nothing but time is needed for it to go on. */
  readonly isWaiting: boolean
  /** Resolves when its outcome is known; never rejects. */
  readonly done: Promise<void>
  /** Time has passed. */
  observe(): void
  /** Goes on as the record's own processing would; what it throws is about that record. */
  land(): void
  /** It will never land: whoever works on it may stop. */
  abandon(): void
}

/** What an operator gets from its task. */
export interface TaskContext {
  readonly task: TaskId
  /** The task's partition number. */
  readonly partition: number
  readonly clock: Clock
  readonly record: RecordContext
  readonly time: TaskTime
  /** Output coalescing: true if updates may wait for the commit (the record cache is on). */
  readonly caching: boolean
  /**
   * Opens a store of this task that the topology has connected with the operator.
   *
   * @param find how those who read the store from outside find their way in it
   */
  store<V>(definition: StoreDefinition<V>, find?: FindRows<V>): KeyValueState<V>
  /** Appends copies to the output of the commit that this record belongs to. */
  send(
    topic: string,
    partition: number,
    timestamp: Timestamp,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers?: RecordHeaders
  ): void
  /** Says by what time windows of an aggregate of this task are closed, whenever it is asked. */
  closes(aggregate: string, time: () => Timestamp): void
  /** What the aggregate says of it; -Infinity as long as it has said nothing. */
  closingOf(aggregate: string): Timestamp
  /** A table that every instance has whole, by the name of its store. */
  globalTable(name: string): GlobalRows
  /** Physical name of an internal topic: `<application>-<name>-repartition`. */
  topicName(internal: string): string
  partitionCount(topic: string): number
  /** How many tasks write to this repartition topic (known from the topology, not from traffic). */
  producerCount(internal: string): number
  /** Counts a record that does not contribute, and logs it once per reason and minute. */
  drop(reason: DropReason, count?: number): void
  schedule(
    intervalMs: number,
    clock: 'stream-time' | 'wall-clock',
    run: (timestamp: Timestamp) => void
  ): Punctuation
  /**
   * Work that must come after the current record and before the next one, such as closing windows.
   * It runs again as long as it returns true; a promise is awaited, and no record is taken
   * meanwhile.
   */
  afterRecord(work: () => boolean | Promise<boolean>): void
  /**
   * Other records may come before this flight lands. Those of one node land in the order in which
   * they departed, as the record at hand (its place, headers and time), and before any commit. As
   * long as `max` of the node are under way, the task takes no record.
   */
  depart(flight: Flight, max: number): void
  /** What `run` forwards carries these headers instead of those of the record at hand. */
  withHeaders(headers: RecordHeaders, run: () => void): void
  requestCommit(): void
  gauge(name: string, labels?: Readonly<Record<string, string>>): GaugePort
  counter(name: string): CounterPort
}

/**
 * Makes one receiver of operators that take the same records, all of which it makes for them;
 * `each` hands a record to one after the other, and says of which a failure is.
 */
export type Together = (operators: readonly Operator[], each: Receiver) => Receiver

/** One operator of one task. */
export abstract class Operator implements Receiver {
  /** Operators behind the same fan-out that name the same one are handed their records by it. */
  readonly together: Together | undefined = undefined
  /** Set by the wiring before `init`. */
  next: Receiver = sink
  /** Of windows: takes records that count for none; set by the wiring, if anybody wants them. */
  late: Receiver | undefined

  /** After the restore, before the first record. May read the store asynchronously. */
  init(_context: TaskContext): void | Promise<void> {}

  abstract process(key: unknown, value: unknown, timestamp: Timestamp): void

  /**
   * Before a commit, in topological order: forwards what was held back. What comes of it may be
   * work for after a record, which is done, and handed on, before the commit begins.
   */
  handOn(): void {}

  /** Step 1 of the commit, in topological order: sends and writes what was held back. */
  flush(): void {}

  /** The commit that `flush` was part of has happened (step 5). */
  committed(): void {}

  close(): void {}
}

const sink: Receiver = Object.freeze({ process: () => {} })
