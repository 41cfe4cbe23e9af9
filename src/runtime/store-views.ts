/**
 * Tables and stores as they are read from outside: typed, and committed.
 *
 *     view ─▶ parts of the store ─▶ a snapshot of each that is here ─▶ rows
 *
 * Invariants: what no commit has confirmed is never seen (global tables belong to no commit: they
 * show what has arrived); whatever one call reads of a task is of one commit, of several tasks each
 * of its last one; nothing is answered from a part that is being restored.
 */
import type { TaskId, Timestamp } from '../ids.ts'
import type { ReadableStore } from '../processor/readable.ts'
import { allTimes, type RowQuery, type StoreRow } from '../processor/store-rows.ts'
import { partitionForKey } from '../serde/murmur2.ts'
import type { Window } from '../windows/windows.ts'
import { elsewhere, moved, restoring } from './store-errors.ts'
import type { OpenPart, PartState, StorePart } from './store-parts.ts'

/** A row of a table; stores of processors keep no time. */
export interface TableRow<K, V> {
  readonly key: K
  readonly value: V
  /** Event time, epoch milliseconds. */
  readonly timestamp?: Timestamp
}

export interface WindowedTableRow<K, V> extends TableRow<K, V> {
  readonly window: Window
}

/** A part of a store, and whether it can be read here. */
export interface StorePlace {
  readonly task: TaskId | 'global'
  readonly partition: number
  readonly state: PartState
}

/** What views read: throws, with a code, while there is nothing to be read. */
export type PartsOf = (name: string) => readonly StorePart[]

export abstract class StoreView {
  readonly name: string
  readonly #store: ReadableStore
  readonly #parts: PartsOf

  constructor(store: ReadableStore, parts: PartsOf) {
    this.name = store.name
    this.#store = store
    this.#parts = parts
  }

  /** Where the parts are at the moment: to ask other instances for theirs. */
  places(): readonly StorePlace[] {
    return this.#parts(this.name).map(({ task, partition, state }) => ({ task, partition, state }))
  }

  /** All that is here. */
  protected async *scan(query: RowQuery): AsyncIterable<StoreRow> {
    const parts = this.#parts(this.name)
    this.#expectRestored(parts)
    const here = parts.filter(({ state }) => state === 'here')
    if (here.length === 0) throw elsewhere(this.name, tasksOf(parts))
    yield* this.#readAll(here, query)
  }

  /**
   * Rows of one key. They are where the key's bytes say, unless the topic was written by a program
   * that spreads keys in a way of its own: so the other parts are asked too.
   */
  protected async *lookUp(key: unknown, query: RowQuery): AsyncIterable<StoreRow> {
    const parts = this.#parts(this.name)
    const home = homeOf(parts, this.#store.key.serialize(key))
    const here = parts.filter(({ state }) => state === 'here')
    let found = false
    for (const part of here.sort((a, b) => Number(b === home) - Number(a === home))) {
      for await (const row of this.#readAll([part], { ...query, key })) {
        found = true
        yield row
      }
      if (found) return
    }
    if (home === undefined || here.includes(home)) return
    if (home.state === 'restoring') throw restoring(this.name, home.task)
    throw elsewhere(this.name, tasksOf([home]), home.partition)
  }

  protected async first(rows: AsyncIterable<StoreRow>): Promise<StoreRow | undefined> {
    for await (const row of rows) return row
    return undefined
  }

  #expectRestored(parts: readonly StorePart[]): void {
    const unfinished = parts.find(({ state }) => state === 'restoring')
    if (unfinished !== undefined) throw restoring(this.name, unfinished.task)
  }

  /** All are opened in the same instant. */
  async *#readAll(parts: readonly StorePart[], query: RowQuery): AsyncIterable<StoreRow> {
    const waits = parts.flatMap((part) => part.shown() ?? [])
    if (waits.length > 0) {
      await Promise.all(waits)
      this.#expectRestored(parts)
    }
    const opened: (readonly [StorePart, OpenPart])[] = []
    try {
      for (const part of parts) opened.push([part, part.open()])
      for (const [part, open] of opened) yield* this.#read(part, open, query)
    } finally {
      for (const [, open] of opened) open.close()
    }
  }

  async *#read(part: StorePart, open: OpenPart, query: RowQuery): AsyncIterable<StoreRow> {
    try {
      yield* open.find(query)
    } catch (error) {
      if (part.state === 'here') throw error
      throw moved(this.name, part.task, error)
    }
  }
}

/** Of `StoredKTable`, `GlobalKTable` and `keyValueStore(…)`. */
export class ReadOnlyKeyValueStore<K, V> extends StoreView {
  /** Undefined: there is no such row. */
  async get(key: K): Promise<V | undefined> {
    return (await this.first(this.lookUp(key, {})))?.value as V | undefined
  }

  /** Keys with `from` ≤ key < `to` that are on this instance, by task and serialized key. */
  range(from?: K, to?: K): AsyncIterable<TableRow<K, V>> {
    return this.scan({ from, to }) as AsyncIterable<TableRow<K, V>>
  }

  /** Every row on this instance. */
  all(): AsyncIterable<TableRow<K, V>> {
    return this.range()
  }
}

/** Of `VersionedKTable`. */
export class ReadOnlyVersionedStore<K, V> extends StoreView {
  /** The newest row, or the one that held at a time; undefined: there was none, or it is past. */
  async get(key: K, asOf?: Timestamp): Promise<V | undefined> {
    return (await this.first(this.lookUp(key, during(asOf))))?.value as V | undefined
  }

  /** Every row on this instance, as it is or as it was at a time. */
  all(asOf?: Timestamp): AsyncIterable<TableRow<K, V>> {
    return this.scan(during(asOf)) as AsyncIterable<TableRow<K, V>>
  }
}

abstract class WindowedView<K, V> extends StoreView {
  /** Rows of a key, oldest window first; times are included, and default to all. */
  fetch(key: K, from?: Timestamp, to?: Timestamp): AsyncIterable<WindowedTableRow<K, V>> {
    return this.lookUp(key, within(from, to)) as AsyncIterable<WindowedTableRow<K, V>>
  }

  /** Rows of all keys on this instance, by task and window. */
  fetchAll(from?: Timestamp, to?: Timestamp): AsyncIterable<WindowedTableRow<K, V>> {
    return this.scan(within(from, to)) as AsyncIterable<WindowedTableRow<K, V>>
  }

  /** Every row on this instance that is within its retention. */
  all(): AsyncIterable<WindowedTableRow<K, V>> {
    return this.fetchAll()
  }
}

/** Of `WindowedKTable` and `windowStore(…)`: `fetch` takes windows by their start. */
export class ReadOnlyWindowStore<K, V> extends WindowedView<K, V> {
  /** The row of the window that starts then. */
  async get(key: K, start: Timestamp): Promise<V | undefined> {
    return (await this.first(this.lookUp(key, within(start, start))))?.value as V | undefined
  }
}

/** Of `SessionKTable`: `fetch` takes sessions that have a part in the time asked for. */
export class ReadOnlySessionStore<K, V> extends WindowedView<K, V> {}

function within(from = allTimes.from, to = allTimes.to): RowQuery {
  return { times: { from, to } }
}

function during(asOf: Timestamp | undefined): RowQuery {
  return asOf === undefined ? {} : { asOf }
}

function homeOf(parts: readonly StorePart[], key: Uint8Array | null): StorePart | undefined {
  const partition = key === null ? 0 : partitionForKey(key, Math.max(1, parts.length))
  return parts.find((part) => part.partition === partition)
}

function tasksOf(parts: readonly StorePart[]): readonly TaskId[] {
  return parts.flatMap(({ task }) => (task === 'global' ? [] : [task]))
}
