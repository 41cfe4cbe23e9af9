/** Windows without a key whose row has changed since it was told last, where every change is. */
import type { Timestamp } from '../ids.ts'
import type { Grid } from '../windows/grid.ts'
import type { Partial } from './partial.ts'

export class GlobalUpdates {
  readonly #grid: Grid
  readonly #changed = new Set<Timestamp>()
  /** The last row of each open window. */
  readonly #rows = new Map<Timestamp, unknown>()

  constructor(grid: Grid) {
    this.#grid = grid
  }

  /** Notes all windows that hold the partial and are still open. */
  note({ pane, end: first }: Partial, closedTo = Number.NEGATIVE_INFINITY): void {
    const last = this.#grid.lastEnd(pane)
    for (let end = first; end <= last; end = this.#grid.endAfter(end)) {
      if (end > closedTo) this.#changed.add(end)
    }
  }

  has(end: Timestamp): boolean {
    return this.#changed.has(end)
  }

  /** In the order of time. */
  ends(): readonly Timestamp[] {
    return this.#changed.size === 0 ? [] : [...this.#changed].sort((a, b) => a - b)
  }

  /** Answers the row that was told before; null: none in this life. */
  tell(end: Timestamp, row: unknown): unknown {
    this.#changed.delete(end)
    const before = this.#rows.get(end) ?? null
    this.#rows.set(end, row)
    return before
  }

  closed(end: Timestamp): void {
    this.#changed.delete(end)
    this.#rows.delete(end)
  }
}
