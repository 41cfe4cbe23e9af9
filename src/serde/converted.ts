/** A serde on top of another: values in a form of their own, written as those of the other. */
import { readsInPlaceOf } from './in-place.ts'
import type { Serde } from './serde.ts'

export interface ConvertedOptions<Written, T> {
  readonly read: (written: Written) => T
  readonly write: (value: T) => Written
  /** What a null is read as; without it a null is rejected. */
  readonly readNull?: () => T
}

/**
 * `converted('price', json<string>(), { read: parsePrice, write: formatPrice })`. What `read`
 * throws refuses the record as the `deserialize` of a serde does. Where `inner` reads records
 * without copying them, this does, too.
 */
export function converted<Written, T>(
  name: string,
  inner: Serde<Written>,
  { read, write, readNull }: ConvertedOptions<Written, T>
): Serde<T> {
  const serde: Serde<T> = Object.freeze({
    name,
    serialize: (value: T) => inner.serialize(write(value)),
    deserialize: (bytes: Uint8Array) => read(inner.deserialize(bytes)),
    ...(readNull === undefined ? {} : { deserializeNull: readNull }),
  })
  return readsInPlaceOf(serde, inner, read)
}
