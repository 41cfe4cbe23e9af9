/** The rows of one metric in order of their window's end, the newest few days of them. */
import type { Offset, Timestamp } from '../ids.ts'
import type { MetricRow } from './metric-row.ts'

export interface SeenRow {
  readonly row: MetricRow
  /** When this process learned of it, by the wall clock. */
  readonly updatedAt: Timestamp
  /** Of the newest record that holds it, in the topic: the same in every process. */
  readonly offset: Offset
}

export class RowSeries {
  readonly #keepMs: number
  /** Ascending by window end, which is unique. */
  #rows: SeenRow[] = []

  constructor(keepMs: number) {
    this.#keepMs = keepMs
  }

  get latest(): SeenRow | undefined {
    return this.#rows.at(-1)
  }

  /** Adds or replaces; false if it is known already, or too old to be kept. */
  put(seen: SeenRow): boolean {
    const { row, updatedAt, offset } = seen
    const newest = this.latest?.row.windowEnd ?? row.windowEnd
    if (row.windowEnd <= newest - this.#keepMs) return false
    const at = this.#indexOf(row.windowEnd)
    const known = this.#rows[at]
    if (known?.row.windowEnd === row.windowEnd) {
      const isNews = !same(known.row, row)
      this.#rows[at] = { row, offset, updatedAt: isNews ? updatedAt : known.updatedAt }
      return isNews
    }
    this.#rows.splice(at, 0, seen)
    this.#trim()
    return true
  }

  delete(windowEnd: Timestamp): void {
    const at = this.#indexOf(windowEnd)
    if (this.#rows[at]?.row.windowEnd === windowEnd) this.#rows.splice(at, 1)
  }

  /** Rows with a window end in [from, to), oldest first, at most `limit`. */
  range(from: Timestamp, to: Timestamp, limit: number): readonly MetricRow[] {
    const start = this.#indexOf(from)
    const end = Math.min(this.#indexOf(to), start + limit)
    return this.#rows.slice(start, end).map(({ row }) => row)
  }

  /** Rows from this offset on, in no order. */
  since(offset: Offset): readonly SeenRow[] {
    return this.#rows.filter((seen) => seen.offset >= offset)
  }

  /** Index of the first row with a window end at or after this. */
  #indexOf(windowEnd: Timestamp): number {
    let low = 0
    let high = this.#rows.length
    if ((this.latest?.row.windowEnd ?? -Infinity) < windowEnd) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#rows[middle]?.row.windowEnd ?? Infinity) < windowEnd) low = middle + 1
      else high = middle
    }
    return low
  }

  /** In tenths, so that a row in does not mean an array moved. */
  #trim(): void {
    const newest = this.latest?.row.windowEnd ?? 0
    const oldest = this.#rows[0]?.row.windowEnd ?? newest
    if (newest - oldest <= 1.1 * this.#keepMs) return
    this.#rows = this.#rows.slice(this.#indexOf(newest - this.#keepMs + 1))
  }
}

function same(a: MetricRow, b: MetricRow): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
