/**
 * What happens to windows with a key when their time has come: final rows go out, by window, then
 * by the bytes of their key; what nobody can see any more is deleted.
 *
 *     closed to ──────▶ closing      windows in between are emitted, oldest first
 *     removed to ─────▶ removable    and these are deleted: closed, and past their retention
 *
 * Invariants: what is closed is never reopened, whatever the time says later; a row is deleted
 * after its window has closed, and once the newest window is so far ahead as Kafka Streams' stores
 * let it be seen; where memory has it all nothing is awaited.
 */
import type { Timestamp } from '../ids.ts'
import type { TimeRange } from '../processor/store-rows.ts'
import type { Grid } from '../windows/grid.ts'
import type { WindowedAggregateSpec } from './specs.ts'
import { sortedByKey } from './text-order.ts'
import { WindowProgress } from './window-progress.ts'
import type { OpenWindow, WindowRow } from './window-row.ts'
import type { WindowRows } from './window-rows.ts'
import type { WindowTime } from './window-time.ts'

const never = Number.NEGATIVE_INFINITY
/** Rows of one asynchronous step; the task looks up between two steps. */
const rowsMax = 5_000

export interface WindowClosingOptions {
  readonly spec: WindowedAggregateSpec
  readonly grid: Grid
  readonly time: WindowTime
  readonly progress: WindowProgress
  readonly rows: WindowRows
  /** Takes the final rows. */
  readonly emit: (row: WindowRow) => void
}

export class WindowClosing {
  readonly #grid: Grid
  readonly #isFinal: boolean
  readonly #retentionMs: number
  readonly #time: WindowTime
  readonly #progress: WindowProgress
  readonly #rows: WindowRows
  readonly #emitRow: (row: WindowRow) => void

  constructor({ spec, grid, time, progress, rows, emit }: WindowClosingOptions) {
    this.#grid = grid
    this.#isFinal = spec.windows.emission === 'final'
    this.#retentionMs = shownMsOf(spec, grid)
    this.#time = time
    this.#progress = progress
    this.#rows = rows
    this.#emitRow = emit
  }

  /** Whether there is anything to emit or to delete. */
  isDue(): boolean {
    const { closedTo, removedTo } = this.#progress
    const isClosing =
      this.#grid.lastClosedEnd(this.#time.closing) > this.#grid.lastClosedEnd(closedTo)
    return isClosing || this.#removable() > removedTo
  }

  /** Whether the store has what memory has not. */
  needsStore(): boolean {
    const { removedTo } = this.#progress
    if (this.#isFinal && this.#rows.mayBeStored(this.#firstOpen())) return true
    return this.#rows.mayBeStored(removedTo + 1) && this.#removable() > removedTo
  }

  /** One step; whether more remain. */
  advance(): boolean | Promise<boolean> {
    if (!this.isDue()) return false
    if (this.needsStore()) return this.#advanceThroughStore()
    this.advanceInMemory()
    return false
  }

  advanceInMemory(): void {
    const closing = this.#time.closing
    if (this.#isFinal) {
      const windows = this.#rows.inMemory(this.#firstOpen(), this.#grid.lastClosedStart(closing))
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
      for await (const window of this.#rows.all(
        this.#firstOpen(),
        this.#grid.lastClosedStart(closing)
      )) {
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
    const emit = this.#emitRow
    for (const row of sortedByKey(window.rows.values())) if (row.state !== null) emit(row)
  }

  /** Starts from here on have not been closed. */
  #firstOpen(): Timestamp {
    return this.#grid.lastClosedStart(this.#progress.closedTo) + 1
  }

  /** Windows that start up to here may go, once all that is closed by now was emitted. */
  #removable(): Timestamp {
    const closed = Math.max(this.#progress.closedTo, this.#time.closing)
    return Math.min(this.#grid.lastClosedStart(closed), this.#progress.newest - this.#retentionMs)
  }
}

/** Starts of the windows that readers see: those past their retention are gone for them. */
export function shownStarts(spec: WindowedAggregateSpec, grid: Grid, progress: unknown): TimeRange {
  const newest = progress instanceof WindowProgress ? progress.newest : never
  return { from: newest - shownMsOf(spec, grid) + 1, to: newest }
}

/** As Kafka Streams' stores, which show one window start more where rows are final. */
function shownMsOf({ windows, watermarks, retentionMs }: WindowedAggregateSpec, grid: Grid) {
  const more = windows.emission === 'final' && watermarks === null ? 1 : 0
  return Math.max(retentionMs ?? 0, grid.sizeMs + grid.graceMs) + more
}
