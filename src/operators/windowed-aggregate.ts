/**
 * Aggregates in tumbling and hopping windows, by key: `groupBy(…).windowedBy(…).count('n')` and its
 * kin. Sends `Change`s under keys `{ key, window }`.
 *
 *     record ─▶ judged per window ─▶ rows ─▶ an update each, or a final row when the window closes
 *
 * Which time closes windows is a matter of `window-time.ts`, what happens then of
 * `window-closing.ts`. A row is dated by the last record that it holds.
 *
 * Invariant: a window is emitted because its time has come, never because somebody looked.
 */
import type { ByteReader } from '../aggregators/bytes.ts'
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import { Operator } from '../processor/operator.ts'
import type { Grid } from '../windows/grid.ts'
import { gridOf } from '../windows/grids.ts'
import {
  aggregateDefinition,
  EntryKeys,
  findWindowedRows,
  keyTextOf,
  reservedKey,
} from './aggregate-entries.ts'
import type { Aggregation } from './aggregation.ts'
import { aggregationOf, Combined } from './combined.ts'
import type { WindowedAggregateSpec } from './specs.ts'
import { Throttle } from './throttle.ts'
import { WindowChanges } from './window-changes.ts'
import { shownStarts, WindowClosing } from './window-closing.ts'
import { WindowProgress } from './window-progress.ts'
import { WindowRows } from './window-rows.ts'
import type { WindowTime } from './window-time.ts'
import { windowTimeOf } from './window-time.ts'

/** Changed rows that ask for a commit before its time. */
const dirtyMax = 50_000

export interface WindowLimits {
  /** Rows and members in memory; beyond it the store keeps the oldest windows. Default 200,000. */
  readonly rowsMax?: number
}

export class WindowedAggregateOperator extends Operator {
  readonly #spec: WindowedAggregateSpec
  readonly #limits: WindowLimits
  readonly #grid: Grid
  readonly #aggregation: Aggregation
  readonly #keys: EntryKeys
  readonly #keyText: (key: unknown) => string | null
  readonly #isFinal: boolean
  readonly #throttle: Throttle
  #context!: TaskContext
  #time!: WindowTime
  #rows!: WindowRows
  #closing!: WindowClosing
  #progress = new WindowProgress()
  #changes!: WindowChanges
  readonly #close = (): boolean | Promise<boolean> => this.#closing.advance()

  constructor(spec: WindowedAggregateSpec, limits: WindowLimits = {}) {
    super()
    this.#spec = spec
    this.#limits = limits
    this.#grid = gridOf(spec.windows)
    this.#aggregation = aggregationOf(spec)
    this.#keys = new EntryKeys(this.#aggregation)
    this.#keyText = keyTextOf(spec.key)
    this.#isFinal = spec.windows.emission === 'final'
    this.#throttle = new Throttle(this.#isFinal ? (spec.windows.emitIntervalMs ?? 0) : 0)
  }

  override init(context: TaskContext): void {
    this.#context = context
    const readReserved = (reader: ByteReader): WindowProgress => {
      const progress = WindowProgress.read(reader)
      progress.time = windowTimeOf(context, this.#spec, reader)
      return progress
    }
    const store = context.store(
      aggregateDefinition(this.#spec, this.#aggregation, { cached: false, readReserved }),
      findWindowedRows(this.#spec.key, this.#aggregation, this.#grid, (progress) =>
        shownStarts(this.#spec, this.#grid, progress)
      )
    )
    const stored = store.get(reservedKey)
    if (stored instanceof WindowProgress) this.#progress = stored
    this.#time = this.#progress.time ?? windowTimeOf(context, this.#spec, undefined)
    this.#progress.time = this.#time
    context.closes(this.#spec.name, () => Math.max(this.#time.closing, this.#progress.closedTo))
    this.#changes = new WindowChanges(context, this.#aggregation, this)
    this.#rows = new WindowRows({
      store,
      keys: this.#keys,
      endOf: (start) => this.#grid.endOf(start),
      userKey: (key) => this.#spec.key.deserialize(Buffer.from(key, 'latin1')),
      olderUpTo: this.#progress.newest,
      ...this.#limits,
    })
    this.#closing = new WindowClosing({
      spec: this.#spec,
      grid: this.#grid,
      time: this.#time,
      progress: this.#progress,
      rows: this.#rows,
      emit: (row) => this.#changes.final(row),
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
    const many = value instanceof Combined ? value : undefined
    const moment = many?.time ?? timestamp
    const judged = Math.max(this.#time.judge(moment, value), this.#progress.closedTo)
    const grid = this.#grid
    const last = many?.windows?.last ?? timestamp
    let late = 0
    let counted = 0
    let start = many?.windows?.first ?? grid.firstStart(timestamp)
    for (; start <= last; start = grid.nextStart(start)) {
      if (grid.isClosed(grid.endOf(start), judged)) late += 1
      else {
        counted += 1
        this.#update(start, keyText, key, value, timestamp)
      }
    }
    if (late > 0) {
      const records = many?.records ?? 1
      // As Kafka Streams counts in the compatible layer: each window that is closed.
      if (this.#spec.watermarks === null) this.#context.drop('late', late * records)
      else if (counted === 0) this.#context.drop('late', records)
      if (counted === 0) this.late?.process(key, value, timestamp)
    }
    if (this.#spec.watermarks === null && this.#throttle.passes(this.#context.clock)) {
      this.#closeAfterRecord()
    }
  }

  override handOn(): void {
    this.#changes.flush()
  }

  override flush(): void {
    this.handOn()
    this.#rows.flush()
    const isNews = [this.#time.takeChanged(), this.#progress.takeChanged()]
    if (isNews.includes(true)) this.#rows.store.put(reservedKey, this.#progress)
  }

  /** A mark of the task's own counts from its seal on, and that commit is answered now. */
  override committed(): void {
    // Work asks for a commit: without any to do, one commit would follow the other for ever.
    if (this.#spec.watermarks === 'own' && this.#closing.isDue()) {
      this.#context.afterRecord(this.#close)
    }
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
    if (!this.#isFinal) this.#changes.update(row)
    if (this.#rows.dirtyRows === dirtyMax) this.#context.requestCommit()
  }

  #closeAfterRecord(): void {
    if (!this.#closing.isDue()) return
    // At once if memory has it all: the rows follow the record that closed their windows.
    if (this.#closing.needsStore()) this.#context.afterRecord(this.#close)
    else this.#closing.advanceInMemory()
  }
}
