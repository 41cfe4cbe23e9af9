/**
 * The layers that all stores of a task share, and the count of what they hold.
 *
 *     clean ──put/delete──▶ open ──seal──▶ sealed ──written──▶ clean
 *
 * Invariants: `dirtyBytes` counts the resident entries that are dirty or sealed, `cleanBytes` all
 * other resident ones; the open array holds each entry at most once, in order of its first write.
 */
import { assert } from '../src/assert.ts'
import { type Entry, type EntryOwner, entryBytes } from './entry.ts'
import { Layer } from './layer.ts'
import type { SealedLayer } from './sealed-layer.ts'

export class Layers {
  #open = new Layer()
  /** The entries of the sealed layer, and more: those that needed no sealing. */
  #frozen = new Layer()
  #sealed: SealedLayer | undefined
  cleanBytes = 0
  dirtyBytes = 0
  /** Of what stores know about keys that have left memory; a reset leaves it to them. */
  filterBytes = 0
  /** Goes up with every rollback: scans that began before it are void. */
  epoch = 0

  /** Counts an entry that has just come into its map, clean. */
  enter(entry: Entry): void {
    entry.resident = true
    entry.bytes = entryBytes(entry.owner, entry.key, entry.value)
    if (entry.dirty || entry.sealed) this.dirtyBytes += entry.bytes
    else this.cleanBytes += entry.bytes
  }

  /** Uncounts an entry that has just left its map. */
  leave(entry: Entry): void {
    if (entry.dirty || entry.sealed) this.dirtyBytes -= entry.bytes
    else this.cleanBytes -= entry.bytes
    entry.resident = false
    entry.bytes = 0
  }

  /** Gives a resident entry a value (undefined: deleted), and makes it part of the open layer. */
  change(entry: Entry, value: unknown): void {
    assert(entry.resident, 'a changed entry is in its map')
    const bytes = entryBytes(entry.owner, entry.key, value)
    if (entry.dirty || entry.sealed) {
      this.dirtyBytes += bytes - entry.bytes
    } else {
      this.cleanBytes -= entry.bytes
      this.dirtyBytes += bytes
    }
    entry.bytes = bytes
    entry.value = value
    entry.touched = true
    if (!entry.dirty) {
      entry.dirty = true
      this.#open.entries.push(entry)
    }
  }

  /** The sealed layer, until it is written or rolled back. */
  get sealed(): SealedLayer | undefined {
    return this.#sealed
  }

  /** Moves what is open into the sealed layer, a new or a kept one, and begins an empty one. */
  seal(sealed: SealedLayer): void {
    const opened = this.#open
    this.#open = new Layer()
    const isKept = this.#sealed === sealed
    if (!isKept) this.#frozen = opened
    this.#sealed = sealed
    for (const entry of opened.entries) {
      if (isVoid(entry)) {
        forget(entry)
        continue
      }
      if (isKept && !entry.sealed) this.#frozen.entries.push(entry)
      sealed.add(entry)
    }
  }

  /** After a reset: the layer is being written, and stays; its entries are new ones. */
  keepSealed(sealed: SealedLayer): void {
    this.#sealed = sealed
    this.#frozen = new Layer([...sealed])
  }

  /** All of the sealed layer is in LevelDB now. */
  endSealed(): void {
    for (const entry of this.#sealed ?? []) this.#written(entry)
    this.#sealed = undefined
    this.#frozen = new Layer()
  }

  /** Entries of a store that LevelDB may not have yet, in key order. */
  unwritten(owner: EntryOwner, from: string, to: string | undefined): readonly Entry[] {
    const open = this.#open.range(owner, from, to).filter((entry) => entry.resident)
    // One that is dirty as well is among the open ones.
    const sealed = this.#frozen
      .range(owner, from, to)
      .filter((entry) => entry.sealed && !entry.dirty)
    if (open.length === 0) return sealed
    return sealed.length === 0 ? open : merged(open, sealed)
  }

  reset(): void {
    this.#open = new Layer()
    this.#frozen = new Layer()
    this.#sealed = undefined
    this.cleanBytes = 0
    this.dirtyBytes = 0
    this.epoch += 1
  }

  #written(entry: Entry): void {
    entry.sealed = false
    if (entry.dirty || !entry.resident) return
    this.dirtyBytes -= entry.bytes
    this.cleanBytes += entry.bytes
    if (entry.value === undefined || entry.owner.definition.cached === false) {
      entry.owner.drop(entry)
    }
  }
}

/** Whether a key came and went within the open layer: nobody outside can know of it. */
function isVoid(entry: Entry): boolean {
  // A deletion that is sealed, and not written: LevelDB may still have what was deleted.
  return entry.value === undefined && !entry.stored && !entry.sealed
}

/** Ends an entry of the open layer that needs no sealing. */
function forget(entry: Entry): void {
  if (entry.resident) entry.owner.drop(entry)
  entry.dirty = false
}

function merged(left: readonly Entry[], right: readonly Entry[]): Entry[] {
  const all: Entry[] = []
  let at = 0
  for (const entry of left) {
    for (; at < right.length && (right[at] as Entry).key < entry.key; at++) {
      all.push(right[at] as Entry)
    }
    all.push(entry)
  }
  return all.concat(right.slice(at))
}
