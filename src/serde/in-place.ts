/**
 * Serdes that read bytes where they lie, among others: a view costs more than reading a short text.
 * They are known by identity, not by a method: a copy of a serde with another `deserialize` must
 * not go on reading as the original.
 */
import type { BytesReader } from '../record.ts'
import type { Serde } from './serde.ts'

const readers = new WeakMap<object, BytesReader<unknown>>()

/** `read` does what `deserialize` does with `bytes.subarray(start, end)`. */
export function readsInPlace<T>(serde: Serde<T>, read: BytesReader<T>): Serde<T> {
  readers.set(serde, read)
  return serde
}

/** How the serde reads in place; undefined: it wants a view, which it may keep. */
export function inPlaceReader<T>(serde: Serde<T>): BytesReader<T> | undefined {
  return readers.get(serde) as BytesReader<T> | undefined
}
