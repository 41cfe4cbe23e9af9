/** Typed handles of stores: declared once, and given to the processors that use them. */
import type { Duration } from '../durations.ts'
import { durationMs } from '../durations.ts'
import { TopologyError } from '../errors.ts'
import type { Timestamp } from '../ids.ts'
import type { Serde } from '../serde/serde.ts'

export type StoreKind = 'key-value' | 'window'

declare const types: unique symbol

/** A handle of whatever types. */
export interface AnyStoreHandle {
  readonly kind: StoreKind
  readonly name: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly logged: boolean
  /** Windows only, in milliseconds. */
  readonly sizeMs: number | undefined
  readonly retentionMs: number | undefined
}

/** What `keyValueStore` and `windowStore` make. Processors that are given one share its content. */
export interface StoreHandle<out Kind extends StoreKind, in out K, in out V>
  extends AnyStoreHandle {
  readonly kind: Kind
  /** Carries the types; not there at run time. */
  readonly [types]?: { readonly key: (key: K) => K; readonly value: (value: V) => V }
  /** The same, for those who only read. */
  readonly row?: readonly [key: K, value: V]
}

export interface StoreOptions<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Whether changes go to a changelog, from which a lost store is restored. Default true. */
  readonly logged?: boolean
}

export interface WindowStoreOptions<K, V> extends StoreOptions<K, V> {
  /** Length of a window. */
  readonly size: Duration
  /** How long a window is kept, from its start on, in stream time; at least the size. */
  readonly retention: Duration
}

/** Point reads are at once; scans are in the order of the serialized keys, and asynchronous. */
export interface KeyValueStore<K, V> {
  readonly name: string
  get(key: K): V | undefined
  put(key: K, value: V): void
  /** The value that was there. */
  delete(key: K): V | undefined
  /** Entries with `from` ≤ key < `to`; all of them without arguments. Do not write meanwhile. */
  range(from?: K, to?: K): AsyncIterable<readonly [key: K, value: V]>
}

/** One value by key and window start. Windows past their retention are gone. */
export interface WindowStore<K, V> {
  readonly name: string
  get(key: K, start: Timestamp): V | undefined
  /** Past the retention: dropped, and counted as `expired`. */
  put(key: K, value: V, start: Timestamp): void
  /** The windows of a key with `from` ≤ start ≤ `to`, oldest first. Do not write meanwhile. */
  fetch(
    key: K,
    from: Timestamp,
    to: Timestamp
  ): AsyncIterable<readonly [window: { readonly start: Timestamp; readonly end: Timestamp }, V]>
}

/** `keyValueStore('seen', { key: string(), value: int64() })`; its changelog has its name. */
export function keyValueStore<K, V>(
  name: string,
  options: StoreOptions<K, V>
): StoreHandle<'key-value', K, V> {
  return handle('key-value', name, options, undefined, undefined)
}

/**
 * As `keyValueStore`, one value per window. Throws if it would keep less than one window:
 * `windowStore('recent', { key: string(), value: int64(), size: '5m', retention: '1d' })`.
 */
export function windowStore<K, V>(
  name: string,
  options: WindowStoreOptions<K, V>
): StoreHandle<'window', K, V> {
  const sizeMs = durationMs(options.size)
  const retentionMs = durationMs(options.retention)
  if (sizeMs <= 0 || retentionMs < sizeMs) {
    throw new TopologyError(
      'MILLRACE_STORE_INVALID',
      `Store '${name}' keeps windows of ${options.size} for ${options.retention}: ` +
        'the size must be above 0, and the retention at least the size.'
    )
  }
  return handle('window', name, options, sizeMs, retentionMs)
}

function handle<Kind extends StoreKind, K, V>(
  kind: Kind,
  name: string,
  { key, value, logged = true }: StoreOptions<K, V>,
  sizeMs: number | undefined,
  retentionMs: number | undefined
): StoreHandle<Kind, K, V> {
  // A serde both takes and gives its type: only the handle's own types say which.
  const serdes = { key: key as Serde<unknown>, value: value as Serde<unknown> }
  return Object.freeze({ kind, name, ...serdes, logged, sizeMs, retentionMs })
}
