/**
 * The entries of one layer: in order of their first write for the seal, and by key for scans.
 *
 *     entries   e0 e1 e2 e3 e4 e5 …           appended, all stores of the task
 *     view      │ sorted by key │ recent │    of one store, made by its first scan, read up to here
 *
 * Invariant: a view holds each of its store's entries up to where it has read, once; an entry is in
 * `recent` until there are enough to be worth a merge, so that scans between writes stay cheap.
 */
import { steadyList } from '../src/steady-list.ts'
import type { Entry, EntryOwner } from './entry.ts'

/** So many are filtered and sorted by each scan rather than merged once. */
const recentMax = 256

export class Layer {
  readonly entries: Entry[]
  #views: Map<EntryOwner, SortedView> | undefined

  constructor(entries = steadyList<Entry>()) {
    this.entries = entries
  }

  /** Entries of a store with `from` ≤ key < `to`, by key; some may have left the layer since. */
  range(owner: EntryOwner, from: string, to: string | undefined): Entry[] {
    if (this.entries.length === 0) return []
    this.#views ??= new Map()
    let view = this.#views.get(owner)
    if (view === undefined) {
      view = new SortedView(owner, this.entries)
      this.#views.set(owner, view)
    }
    return view.range(from, to)
  }
}

class SortedView {
  readonly #owner: EntryOwner
  readonly #entries: readonly Entry[]
  #readTo = 0
  #sorted: Entry[] = []
  #recent: Entry[] = []

  constructor(owner: EntryOwner, entries: readonly Entry[]) {
    this.#owner = owner
    this.#entries = entries
  }

  range(from: string, to: string | undefined): Entry[] {
    this.#catchUp()
    const start = firstAtLeast(this.#sorted, from)
    const end = to === undefined ? this.#sorted.length : firstAtLeast(this.#sorted, to)
    const found = this.#sorted.slice(start, end)
    const sortedCount = found.length
    for (const entry of this.#recent) {
      if (entry.key >= from && (to === undefined || entry.key < to)) found.push(entry)
    }
    return found.length === sortedCount ? found : found.sort(byKey)
  }

  #catchUp(): void {
    for (; this.#readTo < this.#entries.length; this.#readTo++) {
      const entry = this.#entries[this.#readTo] as Entry
      if (entry.owner === this.#owner) this.#recent.push(entry)
    }
    if (this.#recent.length <= recentMax) return
    // Two runs, one of them sorted already: the built-in sort merges such runs.
    this.#sorted = this.#sorted.concat(this.#recent.sort(byKey)).sort(byKey)
    this.#recent = []
  }
}

function firstAtLeast(sorted: readonly Entry[], key: string): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as Entry).key < key) low = middle + 1
    else high = middle
  }
  return low
}

function byKey(left: Entry, right: Entry): number {
  if (left.key === right.key) return 0
  return left.key < right.key ? -1 : 1
}
