/**
 * How many different members the partials of a window hold together, without uniting them anew for
 * every window.
 *
 * A window that moves on takes in the panes that it reaches and lets go of those it leaves: each
 * member counts how many of the partials inside hold it, and is there as long as one does. Where
 * rows come with every change, each open window has its own union instead, which grows in place.
 */
import type { RowAggregation } from '../aggregators/row.ts'
import type { Timestamp } from '../ids.ts'
import type { Grid } from '../windows/grid.ts'
import type { Partial } from './partial.ts'

export interface Unions {
  /** The sizes by slot, in the order of `aggregation.sets`, for a window and what it holds. */
  sizes(end: Timestamp, inside: readonly Partial[]): readonly number[]
  /** A member that this partial did not have before. */
  added(partial: Partial, slot: number, member: string): void
  /** The window is closed, and will not be asked for again. */
  closed(end: Timestamp): void
}

/** For rows in the order of their ends: one window at a time. */
export class SlidingUnions implements Unions {
  readonly #sets: readonly number[]
  readonly #counts: readonly Map<string, number>[]
  #inside = new Set<Partial>()

  constructor({ sets }: RowAggregation) {
    this.#sets = sets
    this.#counts = sets.map(() => new Map())
  }

  sizes(_end: Timestamp, inside: readonly Partial[]): readonly number[] {
    const next = new Set(inside)
    for (const partial of this.#inside) if (!next.has(partial)) this.#leave(partial)
    for (const partial of inside) if (!this.#inside.has(partial)) this.#enter(partial)
    this.#inside = next
    return this.#counts.map((counts) => counts.size)
  }

  added(partial: Partial, slot: number, member: string): void {
    if (!this.#inside.has(partial)) return
    const counts = this.#counts[this.#sets.indexOf(slot)]
    counts?.set(member, (counts.get(member) ?? 0) + 1)
  }

  closed(): void {}

  #enter(partial: Partial): void {
    for (const [index, slot] of this.#sets.entries()) {
      const counts = this.#counts[index] as Map<string, number>
      for (const member of partial.sets[slot] ?? []) {
        counts.set(member, (counts.get(member) ?? 0) + 1)
      }
    }
  }

  #leave(partial: Partial): void {
    for (const [index, slot] of this.#sets.entries()) {
      const counts = this.#counts[index] as Map<string, number>
      for (const member of partial.sets[slot] ?? []) {
        const count = counts.get(member) ?? 0
        if (count > 1) counts.set(member, count - 1)
        else counts.delete(member)
      }
    }
  }
}

/** For windows side by side, which share nothing: united once, when the row is made. */
export class SeparateUnions implements Unions {
  readonly #sets: readonly number[]

  constructor({ sets }: RowAggregation) {
    this.#sets = sets
  }

  sizes(_end: Timestamp, inside: readonly Partial[]): readonly number[] {
    return this.#sets.map((slot) => {
      const sets = inside.flatMap(({ sets }) => sets[slot] ?? [])
      if (sets.length <= 1) return sets[0]?.size ?? 0
      return united(sets).size
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

  added({ pane, end: first }: Partial, slot: number, member: string): void {
    const index = this.#sets.indexOf(slot)
    const last = this.#grid.lastEnd(pane)
    for (let end = first; end <= last; end = this.#grid.endAfter(end)) {
      this.#windows.get(end)?.[index]?.add(member)
    }
  }

  closed(end: Timestamp): void {
    this.#windows.delete(end)
  }
}

/** The largest is copied whole, the others are added. */
function united(sets: readonly ReadonlySet<string>[]): Set<string> {
  const [largest, ...others] = [...sets].sort((a, b) => b.size - a.size)
  const union = new Set(largest)
  for (const set of others) for (const member of set) union.add(member)
  return union
}
