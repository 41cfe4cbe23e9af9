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
import type { KeyValueState } from '../../state/contract.ts'
import type { ByteReader } from '../aggregators/bytes.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import type { TaskContext } from '../processor/operator.ts'
import { Operator } from '../processor/operator.ts'
import type { StoreRow } from '../processor/store-rows.ts'
import type { Window } from '../windows/windows.ts'
import { Kept, keyTextOf } from './aggregate-entries.ts'
import { ChangeBuffer } from './change-buffer.ts'
import { OrderedPage } from './ordered-page.ts'
import type { RecordWindowEntry } from './record-window-entries.ts'
import {
  progressKey,
  RecordWindowProgress,
  recordWindowDefinition,
  windowPrefix,
  windowRange,
} from './record-window-entries.ts'
import type { RecordWindowAggregateSpec } from './specs.ts'
import { streamTimeOf } from './stream-time.ts'
import { Throttle } from './throttle.ts'
import { readTime, timeKey } from './time-keys.ts'
import { makeWholeAggregation, type WholeAggregation } from './whole-aggregation.ts'
import type { WindowTime } from './window-time.ts'

const never = Number.NEGATIVE_INFINITY
/** Entries that are deleted in one step. */
const sweptMax = 1_000

/** Where a window lies, as its entry says it. */
export interface Placed {
  readonly window: Window
  readonly keyText: string
}

export abstract class RecordWindowsOperator extends Operator {
  protected readonly aggregation: WholeAggregation
  protected readonly isFinal: boolean
  protected readonly progress = new RecordWindowProgress()
  protected context!: TaskContext
  protected store!: KeyValueState<RecordWindowEntry>
  protected changes!: ChangeBuffer
  readonly #spec: RecordWindowAggregateSpec
  readonly #keyText: (key: unknown) => string | null
  readonly #throttle: Throttle
  #time!: WindowTime
  #page!: OrderedPage
  #sweepAt = never
  /** Where a sweep under way goes on. */
  #sweepFrom: string = windowRange[0]
  readonly #emit = (): Promise<boolean> => this.#emitThroughStore()
  readonly #sweep = (): Promise<boolean> => this.#deleteOld()

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
    this.changes = new ChangeBuffer(context, (...record) => this.next.process(...record))
    const definition = recordWindowDefinition(this.#spec, this.aggregation.codec, (reader) =>
      this.#makeTime(reader)
    )
    this.store = context.store(definition, (entry, kept) => this.#show(entry, kept))
    const stored = this.store.get(progressKey)
    if (stored instanceof RecordWindowProgress) {
      this.progress.emitted(stored.emittedTo)
      this.progress.put(stored.newest)
      this.progress.takeChanged()
    }
    this.#time =
      (stored instanceof RecordWindowProgress ? stored.time : undefined) ??
      this.#makeTime(undefined)
    this.progress.time = this.#time
    const [from, to] = windowRange
    this.#page = new OrderedPage(this.store, [this.progress.emittedTo || from, to])
    if (!this.isFinal) return
    await this.#page.load()
    context.afterRecord(this.#emit)
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
    const closeTime = this.closesBefore(this.#time.judge(timestamp, value))
    const looks = this.take(keyText, key, value, timestamp, closeTime)
    if (looks && this.isFinal && this.#throttle.passes(this.context.clock)) this.#emitClosed()
    if (this.#oldBefore() > this.#sweepAt) this.context.afterRecord(this.#sweep)
  }

  override flush(): void {
    this.changes.flush()
    const isNews = [this.#time.takeChanged(), this.progress.takeChanged()]
    if (isNews.includes(true)) this.store.put(progressKey, this.progress)
  }

  /** `late` windows of the record are closed; without any other it is handed on. */
  protected dropLate(count: number, key: unknown, value: unknown, timestamp: Timestamp): void {
    this.context.drop('late', count)
    this.late?.process(key, value, timestamp)
  }

  protected kept(entry: string): Kept | undefined {
    const found = this.store.get(entry)
    return found instanceof Kept ? found : undefined
  }

  protected putWindow(entry: string, kept: Kept, time: Timestamp): void {
    this.store.put(entry, kept)
    this.progress.put(time)
    if (this.isFinal) this.#page.add(entry)
  }

  protected deleteWindow(entry: string): void {
    this.store.delete(entry)
    if (this.isFinal) this.#page.remove(entry)
  }

  /** Whether readers still see a window with this time in its entry. */
  protected isShown(time: Timestamp): boolean {
    return time >= this.#shownFrom()
  }

  /** The time by which all inputs have moved on. */
  protected get streamTime(): Timestamp {
    return this.#time.closing
  }

  #makeTime(reader: ByteReader | undefined): WindowTime {
    return streamTimeOf(this.#spec.inputs, reader)
  }

  /** Entries below this are closed; undefined: none can be, or all that are were emitted. */
  #bound(): string | undefined {
    const order = this.orderOf(this.closesBefore(this.#time.closing))
    if (!(order > 0)) return undefined
    const bound = windowPrefix + timeKey(order)
    return bound > this.progress.emittedTo ? bound : undefined
  }

  #emitClosed(): void {
    const bound = this.#bound()
    if (bound === undefined) return
    // At once if memory has it all: the rows follow the record that closed their windows.
    if (this.#page.mayLack(bound)) this.context.afterRecord(this.#emit)
    else this.#emitBefore(bound)
  }

  async #emitThroughStore(): Promise<boolean> {
    const bound = this.#bound()
    if (bound === undefined) return false
    const isLast = !this.#page.mayLack(bound)
    this.#emitBefore(bound, isLast)
    if (!isLast) await this.#page.load()
    return !isLast
  }

  #emitBefore(bound: string, isAll = true): void {
    for (const entry of this.#page.takeBefore(bound)) {
      const kept = this.kept(entry)
      if (kept !== undefined) this.#sendFinal(this.placeOf(entry), kept)
      this.progress.emitted(`${entry}\x00`)
    }
    if (isAll) this.progress.emitted(bound)
  }

  #sendFinal({ window, keyText }: Placed, kept: Kept): void {
    const key = { key: this.#userKey(keyText), window }
    this.next.process(key, new Change(this.aggregation.result(kept.state), null), kept.timestamp)
  }

  #userKey(keyText: string): unknown {
    return this.#spec.key.deserialize(Buffer.from(keyText, 'latin1'))
  }

  /** Times in entries that may go are below this. */
  #oldBefore(): Timestamp {
    const streamTime = this.#time.closing
    return Math.min(this.reachedFrom(streamTime), this.#shownFrom())
  }

  #shownFrom(): Timestamp {
    return this.progress.newest - Math.max(this.shownMs, this.#spec.retentionMs ?? 0) + 1
  }

  async #deleteOld(): Promise<boolean> {
    const oldBefore = this.#oldBefore()
    if (!(oldBefore > 0)) return false
    const bound = windowPrefix + timeKey(oldBefore)
    const to = this.isFinal && this.progress.emittedTo < bound ? this.progress.emittedTo : bound
    const old: string[] = []
    for await (const [entry] of this.store.range(this.#sweepFrom, to || windowRange[0])) {
      old.push(entry)
      if (old.length === sweptMax) break
    }
    for (const entry of old) {
      const placed = this.placeOf(entry)
      if (this.isBridged(placed)) continue
      this.store.delete(entry)
      this.unlist(placed)
    }
    const isAll = old.length < sweptMax
    this.#sweepFrom = isAll ? windowRange[0] : `${old.at(-1)}\x00`
    if (!isAll) return true
    // Now and then is enough: readers do not see what is left, and no record reaches it.
    this.#sweepAt = oldBefore + this.shownMs / 2
    return false
  }

  #show(entry: string, kept: unknown): readonly StoreRow[] {
    if (!(kept instanceof Kept) || !entry.startsWith(windowPrefix)) return []
    if (!this.isShown(readTime(entry, 1))) return []
    const { window, keyText } = this.placeOf(entry)
    const row = { key: this.#userKey(keyText), window, value: this.aggregation.result(kept.state) }
    // The end of a session says when it was.
    return [this.#spec.windows.shape === 'session' ? row : { ...row, timestamp: kept.timestamp }]
  }
}
