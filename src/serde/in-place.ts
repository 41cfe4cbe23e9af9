/**
 * Serdes that read bytes where they lie, among others: a view costs more than reading a short text.
 * They are known by identity, not by a method: a copy of a serde with another `deserialize` must
 * not go on reading as the original.
 */
import type { BytesReader } from '../record.ts'
import type { Serde } from './serde.ts'

const makers = new WeakMap<object, () => BytesReader<unknown>>()

/**
 * What `make` makes does what `deserialize` does with `bytes.subarray(start, end)`. Each reader of
 * a partition makes its own, which may remember what it has seen.
 */
export function readsInPlace<T>(serde: Serde<T>, make: () => BytesReader<T>): Serde<T> {
  makers.set(serde, make)
  return serde
}

/** Reads in place what `inner` does, if it does. */
export function readsInPlaceAs<T>(serde: Serde<T>, inner: Serde<unknown>): Serde<T> {
  const make = makers.get(inner)
  if (make !== undefined) makers.set(serde, make)
  return serde
}

/** Reads in place what `inner` does, if it does, and makes something else of it. */
export function readsInPlaceOf<T, Inner>(
  serde: Serde<T>,
  inner: Serde<Inner>,
  read: (value: Inner) => T
): Serde<T> {
  const make = makers.get(inner) as (() => BytesReader<Inner>) | undefined
  if (make === undefined) return serde
  return readsInPlace(serde, () => {
    const readInner = make()
    return (bytes, start, end) => read(readInner(bytes, start, end))
  })
}

/** How the serde reads in place; undefined: it wants a view, which it may keep. */
export function inPlaceReader<T>(serde: Serde<T>): BytesReader<T> | undefined {
  return makers.get(serde)?.() as BytesReader<T> | undefined
}
