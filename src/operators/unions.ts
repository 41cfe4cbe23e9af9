/**
 * How many different members the partials of a window hold together, without uniting them anew for
 * every window.
 *
 * A window that moves on takes in the panes that it reaches and lets go of those it leaves: each
 * member knows the newest pane that holds it, and is there as long as that one is. Where rows come
 * with every change, each open window has its own union instead, which grows in place.
 */
import type { RowAggregation } from '../aggregators/row.ts'
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { steadyMap } from '../steady-list.ts'
import type { Grid } from '../windows/grid.ts'
import { eachOf, MemberList, type MemberRun, type Members } from './member-list.ts'
import { NewestPanes } from './newest-panes.ts'
import type { Partial } from './partial.ts'

export interface Unions {
  /** The sizes by slot, in the order of `aggregation.sets`, for a window and what it holds. */
  sizes(end: Timestamp, inside: readonly Partial[]): readonly number[]
  /** Members that have come to this partial, where they may have been before. */
  added(partial: Partial, slot: number, run: MemberRun): void
  /** The window is closed, and will not be asked for again. */
  closed(end: Timestamp): void
}

/** For rows in the order of their ends: one window at a time. */
export class SlidingUnions implements Unions {
  readonly #sets: readonly number[]
  readonly #newest: readonly NewestPanes[]
  readonly #grid: Pick<Grid, 'startOf'>
  #inside = new Set<Partial>()

  constructor({ sets }: RowAggregation, grid: Pick<Grid, 'startOf'>) {
    this.#sets = sets
    this.#newest = sets.map(() => new NewestPanes())
    this.#grid = grid
  }

  sizes(end: Timestamp, inside: readonly Partial[]): readonly number[] {
    if (this.#sets.length === 0) return []
    const start = this.#grid.startOf(end)
    for (const newest of this.#newest) newest.leaveBefore(start)
    for (const partial of inside) if (!this.#inside.has(partial)) this.#enter(partial)
    this.#inside = new Set(inside)
    return steadyMap(this.#newest, ({ size }) => size)
  }

  added(partial: Partial, slot: number, run: MemberRun): void {
    if (!this.#inside.has(partial)) return
    this.#newest[this.#sets.indexOf(slot)]?.add(partial.pane, [run])
  }

  closed(): void {}

  #enter(partial: Partial): void {
    for (const [index, slot] of this.#sets.entries()) {
      this.#newest[index]?.add(partial.pane, runsOf(partial, slot))
    }
  }
}

/**
 * For windows side by side, which share nothing: united once, when the row is made, and not at all
 * where one partition has brought everything.
 */
export class SeparateUnions implements Unions {
  readonly #sets: readonly number[]
  readonly #newest: readonly NewestPanes[]
  readonly #grid: Pick<Grid, 'startOf'>

  constructor({ sets }: RowAggregation, grid: Pick<Grid, 'startOf'>) {
    this.#sets = sets
    this.#newest = sets.map(() => new NewestPanes())
    this.#grid = grid
  }

  sizes(end: Timestamp, inside: readonly Partial[]): readonly number[] {
    const [only] = inside
    return steadyMap(this.#newest, (newest, index) => {
      const slot = this.#sets[index] as number
      if (inside.length === 1 && only !== undefined && isEachOnce(only, slot)) {
        return only.sets[slot]?.size ?? 0
      }
      newest.leaveBefore(this.#grid.startOf(end))
      for (const partial of inside) newest.add(partial.pane, runsOf(partial, slot))
      return newest.size
    })
  }

  added(): void {}

  closed(): void {}
}

/** For rows with every change: a union per window that is open and was asked for. */
export class OpenUnions implements Unions {
  readonly #sets: readonly number[]
  readonly #windows = new Map<Timestamp, readonly Set<string>[]>()
  readonly #grid: Pick<Grid, 'lastEnd' | 'endAfter'>

  constructor({ sets }: RowAggregation, grid: Pick<Grid, 'lastEnd' | 'endAfter'>) {
    this.#sets = sets
    this.#grid = grid
  }

  sizes(end: Timestamp, inside: readonly Partial[]): readonly number[] {
    let window = this.#windows.get(end)
    if (window === undefined) {
      window = this.#sets.map((slot) => united(inside.flatMap(({ sets }) => sets[slot] ?? [])))
      this.#windows.set(end, window)
    }
    return window.map((members) => members.size)
  }

  added({ pane, end: first }: Partial, slot: number, run: MemberRun): void {
    const index = this.#sets.indexOf(slot)
    const last = this.#grid.lastEnd(pane)
    const unions: Set<string>[] = []
    for (let end = first; end <= last; end = this.#grid.endAfter(end)) {
      const union = this.#windows.get(end)?.[index]
      if (union !== undefined) unions.push(union)
    }
    if (unions.length === 0) return
    eachOf(run, (member) => {
      for (const union of unions) union.add(member)
    })
  }

  closed(end: Timestamp): void {
    this.#windows.delete(end)
  }
}

function runsOf({ sets }: Partial, slot: number): readonly MemberRun[] {
  const list = sets[slot]
  assert(list instanceof MemberList, 'members of final windows are kept as they come')
  return list.runs
}

/** The task that has sent them has counted them, each once. */
function isEachOnce({ sets, row }: Partial, slot: number): boolean {
  return sets[slot]?.size === row[slot]
}

/** The largest is copied whole, the others are added. */
function united(sets: readonly Members[]): Set<string> {
  const [largest, ...others] = [...sets].sort((a, b) => b.size - a.size)
  const union = new Set(largest)
  for (const set of others) for (const member of set) union.add(member)
  return union
}
