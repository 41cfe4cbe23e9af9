/**
 * Serdes that write bytes to be looked at and gone, among others: what is sent is copied at once,
 * so an array of its own for each key and value is one too many. Known by identity, as the readers
 * in `in-place.ts` are, and for the same reason.
 */
import type { Serde } from './serde.ts'

/** What it answers is valid until its next call. */
export type PassingWriter<T> = (value: T) => Uint8Array | null

const makers = new WeakMap<object, () => PassingWriter<never>>()

/** What `make` makes answers the bytes that `serialize` does. */
export function writesPassing<T>(serde: Serde<T>, make: () => PassingWriter<T>): Serde<T> {
  makers.set(serde, make)
  return serde
}

/** Writes values other than null as `inner` does, if it writes such bytes. */
export function writesPassingAs<T>(serde: Serde<T | null>, inner: Serde<T>): void {
  const make = makers.get(inner) as (() => PassingWriter<T>) | undefined
  if (make === undefined) return
  writesPassing(serde, () => {
    const write = make()
    return (value) => (value === null ? null : write(value))
  })
}

/** For one who copies what it gets; each has its own. */
export function passingWriter<T>(serde: Serde<T>): PassingWriter<T> {
  const make = makers.get(serde) as (() => PassingWriter<T>) | undefined
  return make?.() ?? ((value) => serde.serialize(value))
}
