/**
 * One key of a store in memory: its live value, and which layers it belongs to.
 *
 *     clean    neither dirty nor sealed: as LevelDB has it; may be evicted
 *     dirty    in the array of the open layer
 *     sealed   in the array of the sealed layer, whose bytes LevelDB does not have yet
 *     ghost    not resident: left the map; an array may still hold it
 *
 * Invariants: a dirty or sealed entry is resident, unless its key came and went within one layer;
 * `stored` is false only if neither LevelDB nor the changelog can know the key.
 */
import type { StoreDefinition } from './contract.ts'

/** What the layers need to know of the store that an entry belongs to. */
export interface EntryOwner {
  readonly definition: StoreDefinition<unknown>
  /** Starts every key of this store in LevelDB. */
  readonly prefix: string
  /** Takes the entry out of the map. */
  drop(entry: Entry): void
  /** Puts an entry made from sealed bytes into the map, in place of whatever is there. */
  adopt(entry: Entry): void
}

export class Entry {
  readonly owner: EntryOwner
  readonly key: string
  /** Undefined: the key is deleted, or was never there. */
  value: unknown
  stored: boolean
  dirty = false
  sealed = false
  resident = false
  /** Read or written since the eviction last came by. */
  touched = true
  /** Counted in the layers, at present, for this entry. */
  bytes = 0
  /** Where it is in the sealed layer, if it is sealed. */
  sealedAt = -1

  constructor(owner: EntryOwner, key: string, value: unknown, stored: boolean) {
    this.owner = owner
    this.key = key
    this.value = value
    this.stored = stored
  }
}

/** Map slot, entry, key header and array slots: measured over a million small entries. */
const entryOverheadBytes = 270

/** Assumed where the codec does not tell. */
const valueBytesDefault = 32

/** Rough size in memory of an entry with this value. */
export function entryBytes(owner: EntryOwner, key: string, value: unknown): number {
  const base = entryOverheadBytes + key.length
  if (value === undefined) return base
  const codec = owner.definition.codec
  return base + (codec.sizeOf === undefined ? valueBytesDefault : codec.sizeOf(value))
}
