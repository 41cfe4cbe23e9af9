/**
 * How many different members the partials of a window hold together, without uniting them anew for
 * every window.
 *
 * A window that moves on takes in the panes that it reaches and lets go of those it leaves: each
 * member knows the newest pane that holds it, and is there as long as that one is. Where rows come
 * with every change, each open window has its own union instead, which grows in place.
 */
import type { RowAggregation } from '../aggregators/row.ts'
import type { Timestamp } from '../ids.ts'
import type { Grid } from '../windows/grid.ts'
import type { Members } from './member-list.ts'
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
    return this.#newest.map(({ size }) => size)
  }

  added(partial: Partial, slot: number, member: string): void {
    if (!this.#inside.has(partial)) return
    this.#newest[this.#sets.indexOf(slot)]?.add(partial.pane, [member])
  }

  closed(): void {}

  #enter(partial: Partial): void {
    for (const [index, slot] of this.#sets.entries()) {
      this.#newest[index]?.add(partial.pane, partial.sets[slot] ?? [])
    }
  }
}

interface Pane {
  readonly start: Timestamp
  /** How many members have it as their newest. */
  members: number
  isLeft: boolean
}

/** So many members of panes that were left are borne beside as many as there are. */
const staleMax = 1_024

/**
 * The members of a window by the newest pane that holds them: when a window leaves a pane, its
 * members need not be looked at.
 *
 *     member → pane     counts while the window holds the pane; those that do not go now and then
 */
class NewestPanes {
  readonly #panes = new Map<Timestamp, Pane>()
  readonly #members = new Map<string, { newest: Pane }>()
  /** How many members there are in panes that were not left. */
  size = 0

  add(start: Timestamp, members: Iterable<string>): void {
    let pane = this.#panes.get(start)
    if (pane === undefined) {
      pane = { start, members: 0, isLeft: false }
      this.#panes.set(start, pane)
    }
    for (const member of members) {
      const known = this.#members.get(member)
      if (known === undefined) {
        this.#members.set(member, { newest: pane })
        this.size += 1
      } else {
        const before = known.newest
        if (before.isLeft) this.size += 1
        else if (before.start < start) before.members -= 1
        else continue
        // In place: looking a member up is most of what this costs.
        known.newest = pane
      }
      pane.members += 1
    }
  }

  /** Windows begin here from now on. */
  leaveBefore(start: Timestamp): void {
    for (const pane of this.#panes.values()) {
      if (pane.start >= start) continue
      pane.isLeft = true
      this.size -= pane.members
      this.#panes.delete(pane.start)
    }
    if (this.#members.size <= this.size * 2 + staleMax) return
    for (const [member, { newest }] of this.#members) {
      if (newest.isLeft) this.#members.delete(member)
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
    const [only] = inside
    return this.#sets.map((slot) => {
      if (inside.length === 1 && only !== undefined && isEachOnce(only, slot)) {
        return only.sets[slot]?.size ?? 0
      }
      return united(inside.flatMap((partial) => partial.sets[slot] ?? [])).size
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
