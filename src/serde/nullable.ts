/** Lets null through to a serde that knows none: records without a key, tombstones. */
import { readsInPlaceAs } from './in-place.ts'
import { writesPassingAs } from './passing-bytes.ts'
import type { Serde } from './serde.ts'

/** `nullable(string())`: without it, a topic rejects null as `null_key` or `null_value`. */
export function nullable<T>(inner: Serde<T>): Serde<T | null> {
  const serde = Object.freeze({
    name: `nullable(${inner.name})`,
    serialize: (value: T | null) => (value === null ? null : inner.serialize(value)),
    deserialize: (bytes: Uint8Array) => inner.deserialize(bytes),
    deserializeNull: () => null,
  })
  writesPassingAs(serde, inner)
  return readsInPlaceAs<T | null>(serde, inner)
}
