/** Serdes of single values, byte for byte those of the Java client. */
import { ShortViews } from '../short-views.ts'
import { readsInPlace } from './in-place.ts'
import { writesPassing } from './passing-bytes.ts'
import type { Serde } from './serde.ts'
import { decodeUtf8, decodeUtf8At, encodeUtf8 } from './text.ts'

const strings: Serde<string> = Object.freeze({
  name: 'string',
  serialize: encodeUtf8,
  deserialize: decodeUtf8,
})
readsInPlace(strings, () => decodeUtf8At)
writesPassing(strings, () => {
  const views = new ShortViews()
  return (text) => views.ofAscii(text) ?? encodeUtf8(text)
})

const copies: Serde<Uint8Array> = Object.freeze({
  name: 'bytes',
  serialize: (bytes: Uint8Array) => bytes,
  deserialize: (bytes: Uint8Array) => copyOf(bytes, 0, bytes.length),
})
readsInPlace(copies, () => copyOf)

const booleans: Serde<boolean> = Object.freeze({
  name: 'boolean',
  serialize: (value: boolean) => Uint8Array.of(value ? 1 : 0),
  deserialize: (bytes: Uint8Array) => booleanAt(bytes, 0, bytes.length),
})
readsInPlace(booleans, () => booleanAt)

const int32s = fixed<number>(
  'int32',
  4,
  (view, value) => {
    if (value !== (value | 0)) throw new RangeError(`Not a 32-bit integer: ${value}`)
    view.setInt32(0, value)
  },
  (view) => view.getInt32(0)
)

const int64s = fixed<bigint>(
  'int64',
  8,
  (view, value) => {
    if (BigInt.asIntN(64, value) !== value) throw new RangeError(`Not a 64-bit integer: ${value}`)
    view.setBigInt64(0, value)
  },
  (view) => view.getBigInt64(0)
)

const float64s = fixed<number>(
  'float64',
  8,
  (view, value) => view.setFloat64(0, value),
  (view) => view.getFloat64(0)
)

/** UTF-8, as Java's StringSerializer. */
export function string(): Serde<string> {
  return strings
}

/** The bytes themselves; read ones are copies, so they may be kept. */
export function bytes(): Serde<Uint8Array> {
  return copies
}

/** Four bytes, big endian, as Java's IntegerSerializer. A number outside its range is refused. */
export function int32(): Serde<number> {
  return int32s
}

/** Eight bytes, big endian, as Java's LongSerializer. A bigint outside its range is refused. */
export function int64(): Serde<bigint> {
  return int64s
}

/** IEEE 754 double, big endian, as Java's DoubleSerializer. */
export function float64(): Serde<number> {
  return float64s
}

/** One byte, 0 or 1, as Java's BooleanSerializer. */
export function boolean(): Serde<boolean> {
  return booleans
}

/** For readers in place: what they answer may be kept, and what it was read from used again. */
function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, start, end)
}

function fixed<T>(
  name: string,
  size: number,
  write: (view: DataView, value: T) => void,
  read: (view: DataView) => T
): Serde<T> {
  const readAt = (bytes: Uint8Array, start: number, end: number): T => {
    expectSize(name, size, end - start)
    return read(new DataView(bytes.buffer, bytes.byteOffset + start, size))
  }
  const serde = Object.freeze({
    name,
    serialize(value: T) {
      const bytes = new Uint8Array(size)
      write(new DataView(bytes.buffer), value)
      return bytes
    },
    deserialize: (bytes: Uint8Array) => readAt(bytes, 0, bytes.length),
  })
  return readsInPlace<T>(serde, () => readAt)
}

function booleanAt(bytes: Uint8Array, start: number, end: number): boolean {
  expectSize('boolean', 1, end - start)
  if (bytes[start] === 1) return true
  if (bytes[start] === 0) return false
  throw new TypeError(`A boolean is a byte of 0 or 1, not ${bytes[start]}`)
}

function expectSize(name: string, size: number, length: number): void {
  if (length === size) return
  throw new TypeError(`${name} takes ${size} byte${size === 1 ? '' : 's'}, not ${length}`)
}
