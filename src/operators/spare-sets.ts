/**
 * Sets of partials that are gone, for those that come: a set grows from little to what it holds,
 * and what it leaves behind each time is memory outside of the heap, of which a few megabytes are
 * enough to have all of the heap looked through.
 *
 *     partial goes ──▶ sets, cleared, by slot ──▶ partial comes
 *
 * Invariants: a set is here or in a partial, never both; what is kept here is bounded.
 *
 * The shop makes 1,200 sets of a thousand members of 1,000,000 events: 82 MB, of which 24 are left.
 */
import type { Members } from './member-list.ts'
import { MemberSet } from './member-set.ts'

/** For so many members, of about 30 bytes each: what one commit lets go of, in a fast replay. */
const roomMax = 131_072

export class SpareSets {
  readonly #bySlot = new Map<number, MemberSet[]>()
  #room = 0

  /** An empty one, if one is left. */
  take(slot: number): MemberSet | undefined {
    const set = this.#bySlot.get(slot)?.pop()
    if (set !== undefined) this.#room -= set.room
    return set
  }

  /** Of a partial that nobody asks or adds to any more, by slot. */
  keep(sets: readonly (Members | undefined)[]): void {
    for (const [slot, set] of sets.entries()) {
      if (!(set instanceof MemberSet) || this.#room + set.room > roomMax) continue
      set.clear()
      this.#room += set.room
      const spare = this.#bySlot.get(slot)
      if (spare === undefined) this.#bySlot.set(slot, [set])
      else spare.push(set)
    }
  }
}
