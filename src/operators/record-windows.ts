/**
 * What sessions and sliding windows have in common: rows in the order of their closing, final rows,
 * the deletion of what no record can reach any more.
 *
 *     record ─▶ take(): windows change ─▶ an update each
 *                       those that close, in order ─▶ a final row each
 *                       those out of reach ─▶ deleted, in bounded steps
 *
 * By watermark a record is late by its own time alone, and counts for all of its windows or none,
 * in whatever order they come. So windows wait for what is in time, a gap, or span, longer.
 *
 * Invariants: a window is closed once the time has *passed* the one it takes no more records at; a
 * final row goes out once; nothing is deleted that is not closed, that a record could still change,
 * or that readers may still see; time that has closed windows never moves back.
 */
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import type { TaskContext } from '../processor/operator.ts'
import { Operator } from '../processor/operator.ts'
import { lengthOf } from '../windows/record-windows.ts'
import type { Windowed } from '../windows/windows.ts'
import { type Kept, keyTextOf } from './aggregate-entries.ts'
import { ChangeBuffer } from './change-buffer.ts'
import { windowPrefix } from './record-window-entries.ts'
import { RecordWindowFinals } from './record-window-finals.ts'
import type { Hand, RecordWindowRules } from './record-window-rules.ts'
import { RecordWindowStore } from './record-window-store.ts'
import { RecordWindowSweep } from './record-window-sweep.ts'
import type { RecordWindowAggregateSpec } from './specs.ts'
import { Throttle } from './throttle.ts'
import { timeKey } from './time-keys.ts'
import { makeWholeAggregation, type WholeAggregation } from './whole-aggregation.ts'

const never = Number.NEGATIVE_INFINITY

export abstract class RecordWindowsOperator extends Operator {
  protected readonly aggregation: WholeAggregation
  protected readonly isFinal: boolean
  readonly #isByWatermark: boolean
  protected context!: TaskContext
  protected rows!: RecordWindowStore
  readonly #spec: RecordWindowAggregateSpec
  readonly #rules: RecordWindowRules
  readonly #keyText: (key: unknown) => string | null
  readonly #throttle: Throttle
  #changes!: ChangeBuffer
  #finals: RecordWindowFinals | undefined
  #sweep!: RecordWindowSweep
  readonly #sweepSome = (): Promise<boolean> => this.#sweep.step()

  constructor(spec: RecordWindowAggregateSpec, rules: RecordWindowRules) {
    super()
    this.#spec = spec
    this.#rules = rules
    this.aggregation = makeWholeAggregation(spec.name, spec.plan)
    this.isFinal = spec.windows.emission === 'final'
    this.#isByWatermark = spec.watermarks !== null
    this.#keyText = keyTextOf(spec.key)
    this.#throttle = new Throttle(spec.windows.emitIntervalMs)
  }

  /** Answers whether closed windows are to be looked for after it. */
  protected abstract take(hand: Hand): boolean

  override async init(context: TaskContext): Promise<void> {
    this.context = context
    this.#changes = new ChangeBuffer(context, (...record) => this.next.process(...record))
    const [spec, rules] = [this.#spec, this.#rules]
    this.rows = new RecordWindowStore(context, spec, this.aggregation, rules)
    context.closes(spec.name, () => this.streamTime)
    const { entries: store, progress } = this.rows
    this.#sweep = new RecordWindowSweep({
      store,
      oldBefore: () => this.#oldBefore(),
      keptFrom: () => (this.isFinal ? progress.emittedTo : undefined),
      isHeld: (entry) => rules.isBridged(store, rules.placeOf(entry), this.streamTime),
      deleted: (entry) => rules.unlist(store, rules.placeOf(entry)),
      everyMs: rules.shownMs / 2,
    })
    if (!this.isFinal) return
    const bound = (): string => this.#closedBefore()
    const send = (entry: string): void => this.#sendFinal(entry)
    this.#finals = new RecordWindowFinals({ context, store, progress, bound, send })
    await this.#finals.begin()
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    if (this.rows.time.takeMark(key)) {
      this.#finals?.emit()
      if (this.#sweep.isDue()) this.context.afterRecord(this.#sweepSome)
      return
    }
    const keyText = key === null || key === undefined ? null : this.#keyText(key)
    if (keyText === null) {
      this.context.drop('null_key')
      return
    }
    // Undefined: a value is there, and nobody reads it, such as for a count.
    if (value === null && this.#spec.windows.shape === 'sliding') {
      // Whoever sent it was heard of, all the same.
      if (this.#isByWatermark) this.#judge(timestamp, value)
      this.context.drop('null_value')
      return
    }
    const closeTime = this.#rules.closesBefore(this.#judge(timestamp, value))
    const hand = { keyText, key, value, timestamp, closeTime }
    if (this.#isByWatermark) this.#takeWhole(hand)
    else if (this.take(hand) && this.isFinal && this.#throttle.passes(this.context.clock)) {
      this.#finals?.emit()
    }
    if (this.#sweep.isDue()) this.context.afterRecord(this.#sweepSome)
  }

  #judge(timestamp: Timestamp, value: unknown): Timestamp {
    const { time, progress } = this.rows
    return Math.max(time.judge(timestamp, value), progress.closedTo)
  }

  #takeWhole(hand: Hand): void {
    if (this.#rules.lastEnd(hand.timestamp) < hand.closeTime) this.dropLate(hand)
    else this.take({ ...hand, closeTime: never })
  }

  /** A mark of the task's own counts from its seal on, and that commit is answered now. */
  override committed(): void {
    if (this.#spec.watermarks !== 'own') return
    // Work asks for a commit: without any to do, one commit would follow the other for ever.
    if (this.#finals?.isDue()) this.#finals.emitLater()
    if (this.#sweep.isDue()) this.context.afterRecord(this.#sweepSome)
  }

  override handOn(): void {
    this.#changes.flush()
  }

  override flush(): void {
    this.handOn()
    this.rows.flush()
  }

  /** It counts for no window. */
  protected dropLate({ key, value, timestamp }: Hand): void {
    this.context.drop('late')
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

  /** The time by which all inputs have moved on; once windows were closed by it, it stays. */
  protected get streamTime(): Timestamp {
    const { time, progress } = this.rows
    return Math.max(time.closing, progress.closedTo)
  }

  #closeTo(): Timestamp {
    const { streamTime } = this
    this.rows.progress.close(streamTime)
    return streamTime
  }

  /** Entries below this are closed; the least of all if none can be. */
  #closedBefore(): string {
    const waitMs = this.#isByWatermark ? lengthOf(this.#spec.windows) : 0
    const order = this.#rules.orderOf(this.#rules.closesBefore(this.#closeTo()) - waitMs)
    return order > 0 ? windowPrefix + timeKey(order) : ''
  }

  #sendFinal(entry: string): void {
    const kept = this.rows.kept(entry)
    if (kept === undefined) return
    const { window, keyText } = this.#rules.placeOf(entry)
    const key = { key: this.rows.userKey(keyText), window }
    this.next.process(key, new Change(this.aggregation.result(kept.state), null), kept.timestamp)
  }

  /** Times in entries that may go are below this. */
  #oldBefore(): Timestamp {
    return Math.min(this.#rules.reachedFrom(this.#closeTo()), this.rows.shownFrom)
  }
}
