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
import type { SealedLayer } from './sealed-layer.ts'

export class Layers {
  open: Entry[] = []
  sealed: SealedLayer | undefined
  cleanBytes = 0
  dirtyBytes = 0
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
      this.open.push(entry)
    }
  }

  /** Whether a key came and went within the open layer: nobody outside can know of it. */
  isVoid(entry: Entry): boolean {
    return entry.value === undefined && !entry.stored
  }

  /** Ends an entry of the open layer that needs no sealing. */
  forget(entry: Entry): void {
    if (entry.resident) entry.owner.drop(entry)
    entry.dirty = false
  }

  /** The sealed value of this entry is in LevelDB now. */
  written(entry: Entry): void {
    entry.sealed = false
    if (entry.dirty || !entry.resident) return
    this.dirtyBytes -= entry.bytes
    this.cleanBytes += entry.bytes
    if (entry.value === undefined || entry.owner.definition.cached === false) {
      entry.owner.drop(entry)
    }
  }

  /** Hands over the open layer and begins an empty one. */
  takeOpen(): Entry[] {
    const entries = this.open
    this.open = []
    return entries
  }

  /** Entries of a store that LevelDB may not have yet, in key order. */
  unwritten(owner: EntryOwner, from: string, to: string | undefined): Entry[] {
    const found: Entry[] = []
    const take = (entry: Entry): void => {
      const { key } = entry
      const fits = entry.owner === owner && entry.resident && key >= from
      if (fits && (to === undefined || key < to)) found.push(entry)
    }
    for (const entry of this.open) take(entry)
    // One that is dirty as well has been taken already.
    for (const entry of this.sealed ?? []) if (!entry.dirty) take(entry)
    return found.sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  reset(): void {
    this.open = []
    this.sealed = undefined
    this.cleanBytes = 0
    this.dirtyBytes = 0
    this.epoch += 1
  }
}
