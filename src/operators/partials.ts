/**
 * The partial results of a window without a key, in memory and in their store. Both phases keep
 * them: the first one to add records, the second one to merge them into windows.
 *
 *     pane, first end, source partition               → n, event times, offset, row of scalars
 *     pane, first end, source partition, slot, number → a block of the members of a set
 *
 * Invariants: what is kept here is complete after `load` (nothing is ever read back); a change
 * reaches the store at the flush, so that what comes and goes between two commits is never written;
 * an entry that is removed is deleted block by block, in bounded steps, its record last: after a
 * restart, what is left is still recognized as removed.
 */

import type { KeyValueState } from '../../state/contract.ts'
import type { RowAggregation } from '../aggregators/row.ts'
import type { Timestamp } from '../ids.ts'
import { steadyList } from '../steady-list.ts'
import type { Grid } from '../windows/grid.ts'
import type { KeptMembers } from './kept-members.ts'
import { MemberBlock } from './member-blocks.ts'
import { Partial, Progress, restored, type Stored } from './partial.ts'
import { blockPrefix, idKey, memberTag, type PartialId, progressKey } from './partial-id.ts'
import { Removal } from './partial-removal.ts'
import { SpareSets } from './spare-sets.ts'

export class Partials {
  /** By pane; each list is short: one per first end and source partition. */
  readonly #panes = new Map<Timestamp, Partial[]>()
  readonly #aggregation: RowAggregation
  readonly #store: KeyValueState<Stored>
  readonly #removed = steadyList<Removal>()
  readonly #kept: KeptMembers
  readonly #spare = new SpareSets()
  readonly #dirty = steadyList<Partial>()
  #size = 0

  constructor(
    aggregation: RowAggregation,
    store: KeyValueState<Stored>,
    kept: KeptMembers = 'once'
  ) {
    this.#kept = kept
    this.#aggregation = aggregation
    this.#store = store
  }

  get size(): number {
    return this.#size
  }

  /** Changed since the last flush, in the order of their first change, and still here. */
  *dirty(): Iterable<Partial> {
    for (const partial of this.#dirty) if (partial.isDirty) yield partial
  }

  /** Everything that the store holds. */
  async load(): Promise<Progress | undefined> {
    let progress: Progress | undefined
    let id = ''
    let partial: Partial | undefined
    for await (const [key, stored] of this.#store.range()) {
      if (stored instanceof Progress) {
        progress = stored
      } else if (stored instanceof MemberBlock) {
        // Members follow their record, which goes last.
        const slot = key.charCodeAt(id.length + 1)
        if (partial !== undefined && key.startsWith(id + memberTag)) {
          partial.blocks[slot]?.load(key.slice(id.length + 2), stored)
        }
      } else {
        id = key
        partial = restored(stored, key, this.#aggregation, this.#kept)
        this.#insert(partial)
      }
    }
    return progress
  }

  find(pane: Timestamp, end: Timestamp, topic: string, partition: number): Partial | undefined {
    const list = this.#panes.get(pane)
    if (list === undefined) return undefined
    for (const one of list) {
      if (one.end === end && one.partition === partition && one.topic === topic) return one
    }
    return undefined
  }

  add(id: PartialId): Partial {
    const partial = new Partial(id, this.#aggregation, this.#kept, this.#spare)
    this.#insert(partial)
    return partial
  }

  /** It has changed, and is to be written. */
  touch(partial: Partial): void {
    if (partial.isDirty) return
    partial.isDirty = true
    this.#dirty.push(partial)
  }

  *all(): Iterable<Partial> {
    for (const list of this.#panes.values()) yield* list
  }

  /** Those with `from` ≤ pane < `to`, by whichever way is shorter. */
  *between(from: Timestamp, to: Timestamp, grid: Grid): Iterable<Partial> {
    if ((to - from) / grid.paneMs < this.#panes.size) {
      for (let pane = grid.firstPane(from); pane < to; pane = grid.paneAfter(pane)) {
        yield* this.#panes.get(pane) ?? []
      }
    } else {
      for (const [pane, list] of this.#panes) if (pane >= from && pane < to) yield* list
    }
  }

  remove(partial: Partial): void {
    const list = this.#panes.get(partial.pane) ?? []
    const rest = list.filter((one) => one !== partial)
    if (rest.length === 0) this.#panes.delete(partial.pane)
    else this.#panes.set(partial.pane, rest)
    this.#size -= 1
    partial.isDirty = false
    if (partial.isStored) this.#removed.push(new Removal(partial))
    this.#spare.keep(partial.leave())
  }

  /** Writes what has changed, and deletes a bounded part of what was removed. */
  flush(progress: Progress | undefined, deletesMax: number): void {
    const store = this.#store
    if (progress !== undefined) store.put(progressKey, progress)
    for (const partial of this.#dirty) {
      if (!partial.isDirty) continue
      partial.isDirty = false
      this.#write(partial)
    }
    this.#dirty.length = 0
    let left = deletesMax
    while (left > 0) {
      const removal = this.#removed[0]
      if (removal === undefined) return
      left -= removal.step(store, left)
      if (removal.isDone) this.#removed.shift()
    }
  }

  /** Whether `flush` left deletes for the next commit. */
  get isRemoving(): boolean {
    return this.#removed.length > 0
  }

  #write(partial: Partial): void {
    const id = idKey(partial)
    partial.isStored = true
    this.#store.put(id, partial)
    for (const [slot, blocks] of partial.blocks.entries()) {
      blocks?.write(this.#store, blockPrefix(id, slot))
    }
  }

  #insert(partial: Partial): void {
    this.#size += 1
    const list = this.#panes.get(partial.pane)
    if (list === undefined) this.#panes.set(partial.pane, [partial])
    else list.push(partial)
  }
}
