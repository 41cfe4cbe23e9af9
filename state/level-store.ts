/**
 * One store of a task: a map of live entries over LevelDB.
 *
 *     get ─▶ map (open, sealed and clean at once) ─▶ filter of what left it ─▶ LevelDB (getSync)
 *
 * Invariants: an entry in the map is always newer than, or equal to, what LevelDB has; only clean
 * entries are evicted; the entry last touched may be out of the map, but then it is clean and true;
 * as long as the filter of what is gone exists (the store began empty, here, and all that has left
 * the map since and may be in LevelDB is in it), LevelDB is asked for no key that neither knows.
 */
import { assert } from '../src/assert.ts'
import type { KeyValueState, StoreDefinition } from './contract.ts'
import { Entry, type EntryOwner } from './entry.ts'
import { KeyFilter } from './key-filter.ts'
import type { Layers } from './layers.ts'
import { MergedRange } from './range.ts'
import type { TaskDatabase } from './task-database.ts'

/** What a store gets from its task. */
export interface StoreHost {
  readonly layers: Layers
  /** Throws when the state is closed or broken. */
  database(): TaskDatabase
  /** Called when clean entries have come in. */
  evict(): void
  /** What the filter of a store may take at present, of the memory for clean entries. */
  filterBytesMax(): number
}

export class LevelStore<V> implements KeyValueState<V>, EntryOwner {
  readonly definition: StoreDefinition<V>
  /** Changes only when the state is wiped. */
  prefix: string
  readonly #host: StoreHost
  readonly #layers: Layers
  readonly #entries = new Map<string, Entry>()
  readonly #cached: boolean
  /** What LevelDB may have beside the map; undefined: nobody knows. */
  #gone: KeyFilter | undefined
  #recent: Entry | undefined
  #hand: MapIterator<Entry> | undefined

  /** @param isEmpty LevelDB has nothing of it */
  constructor(definition: StoreDefinition<V>, prefix: string, host: StoreHost, isEmpty: boolean) {
    this.definition = definition
    this.prefix = prefix
    this.#gone = isEmpty ? new KeyFilter(host.filterBytesMax) : undefined
    this.#host = host
    this.#layers = host.layers
    this.#cached = definition.cached !== false
  }

  get name(): string {
    return this.definition.name
  }

  get(key: string): V | undefined {
    // The map first: it compares hashes, and not, as with the last one, long common beginnings.
    let entry = this.#entries.get(key) ?? this.#recentOf(key)
    if (entry === undefined) entry = this.#load(key)
    this.#recent = entry
    entry.touched = true
    return entry.value as V | undefined
  }

  getFresh(key: string): V | undefined {
    let entry = this.#entries.get(key) ?? this.#recentOf(key)
    if (entry === undefined) entry = this.#arrive(new Entry(this, key, undefined, false))
    this.#recent = entry
    entry.touched = true
    return entry.value as V | undefined
  }

  put(key: string, value: V): void {
    assert(value !== undefined, 'a stored value is never undefined')
    const entry = this.#entryOf(key)
    if (!entry.resident) this.adopt(entry)
    this.#layers.change(entry, value)
  }

  delete(key: string): void {
    const entry = this.#entryOf(key)
    if (entry.stored || entry.sealed) {
      if (!entry.resident) this.adopt(entry)
      this.#layers.change(entry, undefined)
    } else if (entry.value !== undefined) {
      // It came within this layer, and takes itself back: nobody outside will know.
      if (entry.resident) this.drop(entry)
      entry.value = undefined
    }
  }

  range(from = '', to?: string): AsyncIterable<readonly [key: string, value: V]> {
    const database = this.#host.database()
    const scan = new MergedRange({ store: this, layers: this.#layers, database, from, to })
    return scan as AsyncIterable<readonly [key: string, value: unknown]> as AsyncIterable<
      readonly [key: string, value: V]
    >
  }

  /** The entry of this key, if it is in memory. */
  resident(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  drop(entry: Entry): void {
    if (entry.stored) this.#letGo(entry.key)
    this.#entries.delete(entry.key)
    this.#layers.leave(entry)
  }

  adopt(entry: Entry): void {
    assert(!this.#entries.has(entry.key), 'an adopted entry replaces nothing')
    this.#entries.set(entry.key, entry)
    this.#layers.enter(entry)
  }

  /** Forgets everything in memory; the layers are reset by their owner. */
  clear(): void {
    this.#forgetGone()
    this.#entries.clear()
    this.#recent = undefined
    this.#hand = undefined
  }

  get size(): number {
    return this.#entries.size
  }

  /** Moves the hand over at most `steps` entries; clean ones not touched since it last came go. */
  evict(bytes: number, steps: number): number {
    let freed = 0
    for (let step = 0; step < steps && freed < bytes; step++) {
      this.#hand ??= this.#entries.values()
      const { done, value: entry } = this.#hand.next()
      if (done === true) {
        this.#hand = undefined
        if (this.#entries.size === 0) break
      } else if (entry.touched) {
        entry.touched = false
      } else if (!entry.dirty && !entry.sealed) {
        freed += entry.bytes
        this.drop(entry)
      }
    }
    return freed
  }

  /** The entry last touched, if it is the one of this key: it may be out of the map. */
  #recentOf(key: string): Entry | undefined {
    return this.#recent?.key === key ? this.#recent : undefined
  }

  /** LevelDB may have what leaves the map. Uncached, all would go through the filter: no filter. */
  #letGo(key: string): void {
    const gone = this.#gone
    if (gone === undefined) return
    const bytesBefore = gone.bytes
    const isKnown = this.#cached && gone.add(key)
    this.#layers.filterBytes += gone.bytes - bytesBefore
    if (!isKnown) this.#forgetGone()
  }

  #forgetGone(): void {
    this.#layers.filterBytes -= this.#gone?.bytes ?? 0
    this.#gone = undefined
  }

  #load(key: string): Entry {
    const isNowhere = this.#gone?.mayHold(key) === false
    const bytes = isNowhere ? undefined : this.#host.database().read(this.prefix + key)
    if (bytes === undefined) return this.#arrive(new Entry(this, key, undefined, false))
    return this.#arrive(new Entry(this, key, this.definition.codec.decode(bytes), true))
  }

  /** A clean entry has come; it stays only if this store keeps clean values. */
  #arrive(entry: Entry): Entry {
    if (!this.#cached) return entry
    this.#entries.set(entry.key, entry)
    this.#layers.enter(entry)
    this.#host.evict()
    return entry
  }

  #entryOf(key: string): Entry {
    let entry = this.#recent
    if (entry === undefined || entry.key !== key) {
      // Without a read nobody knows whether LevelDB has the key: assume that it has.
      entry = this.#entries.get(key) ?? new Entry(this, key, undefined, true)
      this.#recent = entry
    }
    return entry
  }
}
