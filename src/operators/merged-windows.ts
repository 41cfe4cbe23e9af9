/**
 * Rows of windows without a key, made of the partial results that lie inside them.
 *
 *     panes    ▕ a ▕ b ▕ c ▕ d ▕        window before end e = b + c + d, of every source partition
 *
 * Invariant: partials are merged in an order of their own, whatever order they came in, for doubles
 * do not add up to the same in any order.
 */
import type { RowAggregation } from '../aggregators/row.ts'
import type { Timestamp } from '../ids.ts'
import type { Grid } from '../windows/grid.ts'
import type { Emission } from '../windows/windows.ts'
import { eachOf, MemberList, type MemberRun } from './member-list.ts'
import type { Partial } from './partial.ts'
import { compareIds } from './partial-id.ts'
import type { Partials } from './partials.ts'
import { OpenUnions, SeparateUnions, SlidingUnions, type Unions } from './unions.ts'

export class MergedWindows {
  readonly #aggregation: RowAggregation
  readonly #grid: Grid
  readonly #partials: Partials
  readonly #unions: Unions

  constructor(aggregation: RowAggregation, grid: Grid, partials: Partials, emission: Emission) {
    this.#aggregation = aggregation
    this.#grid = grid
    this.#partials = partials
    if (emission === 'updates') this.#unions = new OpenUnions(aggregation, grid)
    else if (grid.isOverlapping) this.#unions = new SlidingUnions(aggregation, grid)
    else this.#unions = new SeparateUnions(aggregation, grid)
  }

  /** What counts for the window before this end. */
  inside(end: Timestamp): readonly Partial[] {
    const panes = this.#partials.between(this.#grid.startOf(end), end, this.#grid)
    return [...panes].filter((partial) => partial.end <= end).sort(compareIds)
  }

  /** The row, and the time of the last event in it. */
  row(end: Timestamp, inside = this.inside(end)): readonly [row: unknown, last: Timestamp] {
    const merged = this.#aggregation.init()
    let last = 0
    for (const partial of inside) {
      this.#aggregation.merge(merged, partial.row)
      last = Math.max(last, partial.last)
    }
    const sizes = this.#unions.sizes(end, inside)
    for (const [index, slot] of this.#aggregation.sets.entries()) merged[slot] = sizes[index]
    return [this.#aggregation.result(merged), last]
  }

  addMembers(partial: Partial, slot: number, run: MemberRun): void {
    const set = partial.sets[slot]
    if (set instanceof MemberList) set.addRun(run)
    else if (set !== undefined) eachOf(run, (member) => void set.add(member))
    this.#unions.added(partial, slot, run)
  }

  /** It will not be asked for again. */
  closed(end: Timestamp): void {
    this.#unions.closed(end)
  }
}
