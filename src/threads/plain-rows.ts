/**
 * Queries and rows of stores as bytes, on their way between threads. Keys go through their serde;
 * values are copied as `structuredClone` does it, and one that would lose something is refused.
 */
import { deserialize, serialize } from 'node:v8'
import { FatalError } from '../errors.ts'
import type { ReadableStore } from '../processor/readable.ts'
import type { RowQuery, StoreRow } from '../processor/store-rows.ts'

const keyFields = ['key', 'from', 'to'] as const

export interface PlainQuery extends Pick<RowQuery, 'times' | 'asOf'> {
  /** Only those that the query has. */
  readonly keys: Readonly<Partial<Record<(typeof keyFields)[number], Uint8Array | null>>>
}

export function toPlainQuery(
  { key: serde }: ReadableStore,
  { times, asOf, ...keys }: RowQuery
): PlainQuery {
  const given = keyFields.filter((field) => keys[field] !== undefined)
  return {
    keys: Object.fromEntries(given.map((field) => [field, serde.serialize(keys[field])])),
    ...(times === undefined ? {} : { times }),
    ...(asOf === undefined ? {} : { asOf }),
  }
}

export function fromPlainQuery(
  { key: serde }: ReadableStore,
  { keys, ...rest }: PlainQuery
): RowQuery {
  const read = (bytes: Uint8Array | null): unknown =>
    bytes === null ? null : serde.deserialize(bytes)
  const found = Object.entries(keys).map(([field, bytes]) => [field, read(bytes)])
  return { ...rest, ...Object.fromEntries(found) }
}

/** Throws `MILLRACE_STORE_ROW_BOUND` for a value that is more than data. */
export function toPlainRow(store: ReadableStore, { key, ...rest }: StoreRow): Uint8Array {
  if (!isData(rest.value)) throw bound(store.name)
  return serialize({ ...rest, key: store.key.serialize(key) })
}

export function fromPlainRow({ key: serde }: ReadableStore, bytes: Uint8Array): StoreRow {
  const { key, ...rest } = deserialize(bytes) as StoreRow & { readonly key: Uint8Array | null }
  return { ...rest, key: key === null ? null : serde.deserialize(key) }
}

/** Whether nothing is lost when it is copied: classes would lose their methods, in silence. */
function isData(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false
  if (typeof value !== 'object' || value === null) return true
  if (Array.isArray(value)) return value.every(isData)
  if (value instanceof Map) return [...value].every(isData)
  if (value instanceof Set) return [...value].every(isData)
  if (ArrayBuffer.isView(value) || value instanceof Date) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  return Object.values(value).every(isData)
}

function bound(store: string): FatalError {
  return new FatalError(
    'MILLRACE_STORE_ROW_BOUND',
    `Store '${store}' has values that are instances of a class, and cannot leave the thread of ` +
      'their task whole: let its serde make plain data, or run with one thread'
  )
}
