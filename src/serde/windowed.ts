/** Keys within windows as bytes, those of Java's time-windowed serde: the key, then the start. */
import type { Duration } from '../durations.ts'
import { durationMs } from '../durations.ts'
import type { Timestamp } from '../ids.ts'
import type { Serde } from './serde.ts'

interface Windowed<K> {
  readonly key: K
  readonly window: { readonly start: Timestamp; readonly end: Timestamp }
}

/** Windows that say where they end. */
interface Ends {
  endOf(start: Timestamp): Timestamp
}

/**
 * `timeWindowed(string(), '5m')` reads and writes the keys of tumbling and hopping windows of that
 * size: the inner key, then the start in epoch milliseconds as int64, big endian. Instead of a size
 * it takes the windows themselves, such as those of a calendar.
 */
export function timeWindowed<K>(inner: Serde<K>, windows: Duration | Ends): Serde<Windowed<K>> {
  if (typeof windows === 'object') return windowedKeys(inner, windows)
  const sizeMs = durationMs(windows)
  return windowedKeys(inner, { endOf: (start) => start + sizeMs })
}

export function windowedKeys<K>(inner: Serde<K>, windows: Ends): Serde<Windowed<K>> {
  return Object.freeze({
    name: `windowed(${inner.name})`,
    serialize({ key, window }: Windowed<K>) {
      const head = inner.serialize(key)
      const size = head?.length ?? 0
      const bytes = Buffer.allocUnsafe(size + 8)
      if (head !== null) bytes.set(head)
      bytes.writeBigInt64BE(BigInt(window.start), size)
      return bytes
    },
    deserialize(bytes: Uint8Array) {
      const at = bytes.length - 8
      if (at < 0) throw new TypeError(`A windowed key takes at least 8 bytes, not ${bytes.length}`)
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const start = Number(view.getBigInt64(at))
      const key = inner.deserialize(bytes.subarray(0, at))
      return { key, window: { start, end: windows.endOf(start) } }
    },
  })
}

/**
 * `sessionWindowed(string())` reads and writes the keys of sessions as Java's session-windowed
 * serde: the inner key, then end and start in epoch milliseconds as int64, big endian.
 */
export function sessionWindowed<K>(inner: Serde<K>): Serde<Windowed<K>> {
  return Object.freeze({
    name: `session(${inner.name})`,
    serialize({ key, window }: Windowed<K>) {
      const head = inner.serialize(key)
      const size = head?.length ?? 0
      const bytes = Buffer.allocUnsafe(size + 16)
      if (head !== null) bytes.set(head)
      bytes.writeBigInt64BE(BigInt(window.end), size)
      bytes.writeBigInt64BE(BigInt(window.start), size + 8)
      return bytes
    },
    deserialize(bytes: Uint8Array) {
      const at = bytes.length - 16
      if (at < 0) throw new TypeError(`A session key takes at least 16 bytes, not ${bytes.length}`)
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const end = Number(view.getBigInt64(at))
      const start = Number(view.getBigInt64(at + 8))
      return { key: inner.deserialize(bytes.subarray(0, at)), window: { start, end } }
    },
  })
}

/** The key of windows that have none: no bytes at all. */
export const noKey: Serde<null> = Object.freeze({
  name: 'no key',
  serialize: () => new Uint8Array(0),
  deserialize: () => null,
})
