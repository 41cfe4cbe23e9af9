/**
 * Aggregates in tumbling and hopping windows, by key: `groupBy(…).windowedBy(…).count('n')` and its
 * kin. Sends `Change`s under keys `{ key, window }`.
 *
 *     record ─▶ judged per window ─▶ rows ─▶ an update each, or a final row when the window closes
 *
 * Which time closes windows is a matter of `window-time.ts`. Final rows go out by window, then by
 * the bytes of their key, dated by the last record they hold.
 *
 * Invariants: a window is emitted because its time has come, never because somebody looked; what is
 * closed is never reopened, whatever the time says later; a row is deleted after its window has
 * closed, and once the newest window is so far ahead as Kafka Streams' stores let it be seen.
 */
import type { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import type { TaskContext } from '../processor/operator.ts'
import { Operator } from '../processor/operator.ts'
import { WindowGrid } from '../windows/grid.ts'
import type { Window, Windowed } from '../windows/windows.ts'
import type { Reserved } from './aggregate-entries.ts'
import {
  aggregateDefinition,
  EntryKeys,
  keyTextOf,
  reservedKey,
  showRows,
} from './aggregate-entries.ts'
import type { Aggregation } from './aggregation.ts'
import { makeAggregation } from './aggregation.ts'
import type { WindowedAggregateSpec } from './specs.ts'
import type { OpenWindow, WindowRow } from './window-rows.ts'
import { WindowRows } from './window-rows.ts'
import type { WindowTime } from './window-time.ts'
import { OwnMarks, ReceivedMarks, streamTimeOf } from './window-time.ts'

const never = Number.NEGATIVE_INFINITY
/** Rows of one asynchronous step; the task looks up between two steps. */
const rowsMax = 5_000
/** Changed rows that ask for a commit before its time. */
const dirtyMax = 50_000

export interface WindowLimits {
  /** Rows in memory; the oldest windows are left to the store beyond it. Default 200,000. */
  readonly rowsMax?: number
}

export class WindowedAggregateOperator extends Operator {
  readonly #spec: WindowedAggregateSpec
  readonly #limits: WindowLimits
  readonly #grid: WindowGrid
  readonly #aggregation: Aggregation
  readonly #keys: EntryKeys
  readonly #keyText: (key: unknown) => string | null
  readonly #isFinal: boolean
  #context!: TaskContext
  #time!: WindowTime
  #rows!: WindowRows
  #progress = new Progress()
  /** Rows whose change waits for the flush, in the order of their first one. */
  #pending: WindowRow[] = []
  #nextEmitAt: Timestamp = never
  readonly #close = (): boolean | Promise<boolean> => this.#advance()

  constructor(spec: WindowedAggregateSpec, limits: WindowLimits = {}) {
    super()
    this.#spec = spec
    this.#limits = limits
    this.#grid = new WindowGrid(spec.windows)
    this.#aggregation = makeAggregation(spec.name, spec.plan)
    this.#keys = new EntryKeys(this.#aggregation)
    this.#keyText = keyTextOf(spec.key)
    this.#isFinal = spec.windows.emission === 'final'
  }

  override init(context: TaskContext): void {
    this.#context = context
    const readReserved = (reader: ByteReader): Reserved => {
      const progress = Progress.read(reader)
      this.#time = this.#makeTime(reader)
      return progress
    }
    const store = context.store(
      aggregateDefinition(this.#spec, this.#aggregation, { cached: false, readReserved }),
      showRows(this.#spec.key, this.#aggregation, (start) => this.#shown(start))
    )
    const stored = store.get(reservedKey)
    if (stored instanceof Progress) this.#progress = stored
    else this.#time = this.#makeTime(undefined)
    this.#progress.time = this.#time
    this.#rows = new WindowRows({
      store,
      keys: this.#keys,
      sizeMs: this.#grid.sizeMs,
      userKey: (key) => this.#spec.key.deserialize(Buffer.from(key, 'latin1')),
      olderUpTo: this.#progress.newest,
      ...this.#limits,
    })
    context.afterRecord(this.#close)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    if (this.#time.takeMark(key)) {
      this.#closeAfterRecord()
      return
    }
    const keyText = key === null || key === undefined ? null : this.#keyText(key)
    if (keyText === null) {
      this.#context.drop('null_key')
      return
    }
    const judged = Math.max(this.#time.judge(timestamp, value), this.#progress.closedTo)
    const { advanceMs, sizeMs } = this.#grid
    let late = 0
    let counted = 0
    for (let start = this.#grid.firstStart(timestamp); start <= timestamp; start += advanceMs) {
      if (this.#grid.isClosed(start + sizeMs, judged)) late += 1
      else {
        counted += 1
        this.#update(start, keyText, key, value, timestamp)
      }
    }
    if (late > 0) this.#dropLate(late, counted, key, value, timestamp)
    if (this.#spec.watermarks === null && !this.#isThrottled()) this.#closeAfterRecord()
  }

  override flush(): void {
    const pending = this.#pending
    this.#pending = []
    for (const row of pending) {
      row.isPending = false
      this.#forward(row)
    }
    this.#rows.flush()
    const isNews = [this.#time.takeChanged(), this.#progress.takeChanged()]
    if (isNews.includes(true)) this.#rows.store.put(reservedKey, this.#progress)
  }

  /** A mark of the task's own counts from its seal on, and that commit is answered now. */
  override committed(): void {
    // Work asks for a commit: without any to do, one commit would follow the other for ever.
    if (this.#spec.watermarks === 'own' && this.#hasToAdvance()) {
      this.#context.afterRecord(this.#close)
    }
  }

  #makeTime(reader: ByteReader | undefined): WindowTime {
    const { watermarks, name, inputs } = this.#spec
    if (watermarks === null) return streamTimeOf(inputs, reader)
    if (watermarks === 'own') return new OwnMarks(this.#context, name)
    return new ReceivedMarks(this.#context, watermarks.topic, reader)
  }

  /** As Kafka Streams counts in the compatible layer: each window that is closed. */
  #dropLate(
    late: number,
    counted: number,
    key: unknown,
    value: unknown,
    timestamp: Timestamp
  ): void {
    if (this.#spec.watermarks === null) this.#context.drop('late', late)
    else if (counted === 0) this.#context.drop('late')
    if (counted === 0) this.late?.process(key, value, timestamp)
  }

  #update(
    start: Timestamp,
    keyText: string,
    key: unknown,
    value: unknown,
    timestamp: Timestamp
  ): void {
    const row = this.#rows.row(this.#rows.window(start), keyText, key)
    this.#progress.opened(start)
    if (row.state === null) {
      row.state = this.#aggregation.start(value, key, row)
      row.timestamp = timestamp
      row.shown ??= null
    } else {
      if (row.shown === undefined) row.shown = this.#aggregation.result(row.state)
      row.state = this.#aggregation.add(row.state, value, key, row)
      if (timestamp > row.timestamp) row.timestamp = timestamp
    }
    this.#rows.touch(row)
    if (!this.#isFinal) this.#announce(row)
    if (this.#rows.dirty.length === dirtyMax) this.#context.requestCommit()
  }

  #announce(row: WindowRow): void {
    if (!this.#context.caching) this.#forward(row)
    else if (!row.isPending) {
      row.isPending = true
      this.#pending.push(row)
    }
  }

  #forward(row: WindowRow): void {
    const shown = row.shown
    const next = row.state === null ? null : this.#aggregation.result(row.state)
    row.shown = next
    if (next === null && shown === null && this.#context.caching) return
    this.#send(row, new Change(next, shown ?? null))
  }

  #send(row: WindowRow, change: Change<unknown>): void {
    const key: Windowed<unknown> = { key: row.userKey, window: row.window.window }
    this.next.process(key, change, row.timestamp)
  }

  #isThrottled(): boolean {
    const { emitIntervalMs = 0 } = this.#spec.windows
    if (emitIntervalMs === 0 || !this.#isFinal) return false
    const now = this.#context.clock.now()
    if (now < this.#nextEmitAt) return true
    this.#nextEmitAt = now + emitIntervalMs
    return false
  }

  #closeAfterRecord(): void {
    if (!this.#hasToAdvance()) return
    // At once if memory has it all: the rows follow the record that closed their windows.
    if (this.#needsStore()) this.#context.afterRecord(this.#close)
    else this.#advanceInMemory()
  }

  #hasToAdvance(): boolean {
    const { closedTo, removedTo } = this.#progress
    const isClosing =
      this.#grid.lastClosedEnd(this.#time.closing) > this.#grid.lastClosedEnd(closedTo)
    return isClosing || this.#removable() > removedTo
  }

  #needsStore(): boolean {
    const { removedTo } = this.#progress
    if (this.#isFinal && this.#rows.mayBeStored(this.#firstOpen())) return true
    return this.#rows.mayBeStored(removedTo + 1) && this.#removable() > removedTo
  }

  /** One step; whether more remain. */
  #advance(): boolean | Promise<boolean> {
    if (!this.#hasToAdvance()) return false
    if (this.#needsStore()) return this.#advanceThroughStore()
    this.#advanceInMemory()
    return false
  }

  #advanceInMemory(): void {
    const closing = this.#time.closing
    if (this.#isFinal) {
      const windows = this.#rows.inMemory(this.#firstOpen(), this.#lastClosed(closing))
      for (const window of windows) this.#emit(window)
    }
    this.#progress.close(closing)
    const removable = this.#removable()
    this.#rows.remove(this.#rows.inMemory(never, removable))
    this.#progress.remove(removable)
  }

  async #advanceThroughStore(): Promise<boolean> {
    const closing = this.#time.closing
    if (this.#isFinal) {
      let rows = 0
      for await (const window of this.#rows.all(this.#firstOpen(), this.#lastClosed(closing))) {
        this.#emit(window)
        this.#progress.close(window.window.end + this.#grid.graceMs)
        rows += window.rows.size
        if (rows > rowsMax) return true
      }
    }
    this.#progress.close(closing)
    const removable = this.#removable()
    await this.#rows.removeStored(this.#progress.removedTo + 1, removable)
    this.#progress.remove(removable)
    return false
  }

  #emit(window: OpenWindow): void {
    const keys = [...window.rows.keys()].sort()
    for (const key of keys) {
      const row = window.rows.get(key)
      if (row === undefined || row.state === null) continue
      this.#send(row, new Change(this.#aggregation.result(row.state), null))
    }
  }

  /** The window that starts here, as readers see it; undefined: past its retention. */
  #shown(start: Timestamp): Window | undefined {
    if (start <= this.#progress.newest - this.#retention()) return undefined
    return { start, end: start + this.#grid.sizeMs }
  }

  /** Starts from here on have not been closed. */
  #firstOpen(): Timestamp {
    return this.#lastClosed(this.#progress.closedTo) + 1
  }

  #lastClosed(watermark: Timestamp): Timestamp {
    return watermark - this.#grid.graceMs - this.#grid.sizeMs
  }

  /** Windows that start up to here may go, once all that is closed by now was emitted. */
  #removable(): Timestamp {
    const closed = Math.max(this.#progress.closedTo, this.#time.closing)
    return Math.min(this.#lastClosed(closed), this.#progress.newest - this.#retention())
  }

  /** As Kafka Streams' stores, which show one window start more where rows are final. */
  #retention(): number {
    const { sizeMs, graceMs } = this.#grid
    const more = this.#isFinal && this.#spec.watermarks === null ? 1 : 0
    return Math.max(this.#spec.retentionMs ?? 0, sizeMs + graceMs) + more
  }
}

/** How far windows have come: a record of the store, beside the rows. */
class Progress implements Reserved {
  /** The greatest watermark by which windows were closed. */
  closedTo: Timestamp = never
  /** The newest start that a row was made for. */
  newest: Timestamp = never
  /** Windows that start up to here are gone from the store; not persisted. */
  removedTo: Timestamp = never
  time: WindowTime | undefined
  #changed = false

  static read(reader: ByteReader): Progress {
    const progress = new Progress()
    progress.closedTo = reader.float64()
    progress.newest = reader.float64()
    return progress
  }

  opened(start: Timestamp): void {
    if (start <= this.newest) return
    this.newest = start
    this.#changed = true
  }

  close(watermark: Timestamp): void {
    if (watermark <= this.closedTo) return
    this.closedTo = watermark
    this.#changed = true
  }

  remove(start: Timestamp): void {
    if (start > this.removedTo) this.removedTo = start
  }

  takeChanged(): boolean {
    const changed = this.#changed
    this.#changed = false
    return changed
  }

  write(writer: ByteWriter): void {
    writer.float64(this.closedTo).float64(this.newest)
    this.time?.write(writer)
  }
}
