/**
 * What sessions and sliding windows have in common: rows in the order of their closing, final rows,
 * the deletion of what no record can reach any more.
 *
 *     record ─▶ take(): windows change ─▶ an update each
 *                       those that close, in order ─▶ a final row each
 *                       those out of reach ─▶ deleted, in bounded steps
 *
 * Invariants: a window is closed once stream time has *passed* the time it takes no more records
 * at; a final row goes out once; nothing is deleted that is not closed, that a record could still
 * change, or that readers may still see.
 */
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import type { TaskContext } from '../processor/operator.ts'
import { Operator } from '../processor/operator.ts'
import type { Windowed } from '../windows/windows.ts'
import { type Kept, keyTextOf } from './aggregate-entries.ts'
import { ChangeBuffer } from './change-buffer.ts'
import { windowPrefix } from './record-window-entries.ts'
import { RecordWindowFinals } from './record-window-finals.ts'
import { type Placed, RecordWindowStore } from './record-window-store.ts'
import { RecordWindowSweep } from './record-window-sweep.ts'
import type { RecordWindowAggregateSpec } from './specs.ts'
import { Throttle } from './throttle.ts'
import { timeKey } from './time-keys.ts'
import { makeWholeAggregation, type WholeAggregation } from './whole-aggregation.ts'

export abstract class RecordWindowsOperator extends Operator {
  protected readonly aggregation: WholeAggregation
  protected readonly isFinal: boolean
  protected context!: TaskContext
  protected rows!: RecordWindowStore
  readonly #spec: RecordWindowAggregateSpec
  readonly #keyText: (key: unknown) => string | null
  readonly #throttle: Throttle
  #changes!: ChangeBuffer
  #finals: RecordWindowFinals | undefined
  #sweep!: RecordWindowSweep
  readonly #sweepSome = (): Promise<boolean> => this.#sweep.step()

  constructor(spec: RecordWindowAggregateSpec) {
    super()
    this.#spec = spec
    this.aggregation = makeWholeAggregation(spec.name, spec.plan)
    this.isFinal = spec.windows.emission === 'final'
    this.#keyText = keyTextOf(spec.key)
    this.#throttle = new Throttle(spec.windows.emitIntervalMs)
  }

  /** Windows that end before this time are closed. */
  protected abstract closesBefore(streamTime: Timestamp): Timestamp
  /** Times in the entries of closed windows are below this. */
  protected abstract orderOf(closeTime: Timestamp): Timestamp
  /** No record can change windows whose entries are below this, once stream time is so far. */
  protected abstract reachedFrom(streamTime: Timestamp): Timestamp
  /** How long readers see what is closed, in the time of entries: Kafka Streams' default. */
  protected abstract readonly shownMs: number
  protected abstract placeOf(entry: string): Placed
  /** Forgets where a window was that is gone. */
  protected abstract unlist(placed: Placed): void
  /** Whether a record may still reach a window that is old by its own time. */
  protected isBridged(_placed: Placed): boolean {
    return false
  }

  /** Whether closed windows are to be looked for after this record. */
  protected abstract take(
    keyText: string,
    key: unknown,
    value: unknown,
    timestamp: Timestamp,
    closeTime: Timestamp
  ): boolean

  override async init(context: TaskContext): Promise<void> {
    this.context = context
    this.#changes = new ChangeBuffer(context, (...record) => this.next.process(...record))
    this.rows = new RecordWindowStore(context, this.#spec, this.aggregation, {
      shownMs: this.shownMs,
      placeOf: (entry) => this.placeOf(entry),
    })
    const { entries: store, progress } = this.rows
    this.#sweep = new RecordWindowSweep({
      store,
      oldBefore: () => this.#oldBefore(),
      keptFrom: () => (this.isFinal ? progress.emittedTo : undefined),
      isHeld: (entry) => this.isBridged(this.placeOf(entry)),
      deleted: (entry) => this.unlist(this.placeOf(entry)),
      everyMs: this.shownMs / 2,
    })
    if (!this.isFinal) return
    const bound = (): string => this.#closedBefore()
    const send = (entry: string): void => this.#sendFinal(entry)
    this.#finals = new RecordWindowFinals({ context, store, progress, bound, send })
    await this.#finals.begin()
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const keyText = key === null || key === undefined ? null : this.#keyText(key)
    if (keyText === null) {
      this.context.drop('null_key')
      return
    }
    // Undefined: a value is there, and nobody reads it, such as for a count.
    if (value === null && this.#spec.windows.shape === 'sliding') {
      this.context.drop('null_value')
      return
    }
    const closeTime = this.closesBefore(this.rows.time.judge(timestamp, value))
    const looks = this.take(keyText, key, value, timestamp, closeTime)
    if (looks && this.isFinal && this.#throttle.passes(this.context.clock)) this.#finals?.emit()
    if (this.#sweep.isDue()) this.context.afterRecord(this.#sweepSome)
  }

  override handOn(): void {
    this.#changes.flush()
  }

  override flush(): void {
    this.handOn()
    this.rows.flush()
  }

  /** `late` windows of the record are closed; without any other it is handed on. */
  protected dropLate(count: number, key: unknown, value: unknown, timestamp: Timestamp): void {
    this.context.drop('late', count)
    this.late?.process(key, value, timestamp)
  }

  protected putWindow(entry: string, kept: Kept, time: Timestamp): void {
    this.rows.entries.put(entry, kept)
    this.rows.progress.put(time)
    this.#finals?.add(entry)
  }

  protected deleteWindow(entry: string): void {
    this.rows.entries.delete(entry)
    this.#finals?.remove(entry)
  }

  /** Tells of a window as it is now; where rows are final they speak for themselves. */
  protected announce(
    entry: string,
    key: Windowed<unknown>,
    row: unknown,
    old: unknown,
    timestamp: Timestamp
  ): void {
    if (!this.isFinal) this.#changes.put(entry, key, row, old, timestamp)
  }

  /** The time by which all inputs have moved on. */
  protected get streamTime(): Timestamp {
    return this.rows.time.closing
  }

  /** Entries below this are closed; the least of all if none can be. */
  #closedBefore(): string {
    const order = this.orderOf(this.closesBefore(this.rows.time.closing))
    return order > 0 ? windowPrefix + timeKey(order) : ''
  }

  #sendFinal(entry: string): void {
    const kept = this.rows.kept(entry)
    if (kept === undefined) return
    const { window, keyText } = this.placeOf(entry)
    const key = { key: this.rows.userKey(keyText), window }
    this.next.process(key, new Change(this.aggregation.result(kept.state), null), kept.timestamp)
  }

  /** Times in entries that may go are below this. */
  #oldBefore(): Timestamp {
    const streamTime = this.rows.time.closing
    return Math.min(this.reachedFrom(streamTime), this.rows.shownFrom)
  }
}
