/** From a handle to what reads its store. */
import type { Keeps, Readable, ReadableKind, ReadableStore } from '../processor/readable.ts'
import { unknownStore } from './store-errors.ts'
import type { PartsOf, StoreView } from './store-views.ts'
import {
  ReadOnlyKeyValueStore,
  ReadOnlySessionStore,
  ReadOnlyVersionedStore,
  ReadOnlyWindowStore,
} from './store-views.ts'

/** What `app.store(…)` and `driver.store(…)` take and answer. */
export interface ReadsStores {
  <K, V>(handle: Readable<'key-value', K, V>): ReadOnlyKeyValueStore<K, V>
  <K, V>(handle: Readable<'window', K, V> & Keeps<K>): ReadOnlyWindowStore<K, V>
  <K, V>(handle: Readable<'session', K, V>): ReadOnlySessionStore<K, V>
  <K, V>(handle: Readable<'versioned', K, V>): ReadOnlyVersionedStore<K, V>
}

const kinds = {
  'key-value': ReadOnlyKeyValueStore,
  window: ReadOnlyWindowStore,
  session: ReadOnlySessionStore,
  versioned: ReadOnlyVersionedStore,
} as const

/** Throws a TopologyError if the topology has no such store. */
export function openView(
  handle: Readable<ReadableKind, unknown, unknown>,
  readable: readonly ReadableStore[],
  parts: PartsOf
): StoreView {
  const store = readable.find(({ name }) => name === handle.name)
  if (store === undefined || store.kind !== handle.kind) throw unknownStore(handle, store?.kind)
  return new kinds[store.kind](store, parts)
}
