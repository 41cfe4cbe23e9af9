/** Records as bytes, the way logs hand them out and take them in. */
import type { Offset, Timestamp } from './ids.ts'

/** In order, duplicates kept; a value may be null. */
export type RecordHeaders = readonly (readonly [name: string, value: Uint8Array | null])[]

/** Makes something of `bytes[start, end)`; what it keeps of them it copies. */
export type BytesReader<T> = (bytes: Uint8Array, start: number, end: number) => T

/**
 * A place in a batch of records. The fields speak of the current record and change with the next
 * `advance()`; the bytes are views into the batch: copy what you keep.
 */
export interface RecordCursor {
  readonly offset: Offset
  readonly timestamp: Timestamp
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: RecordHeaders
  /** −1: the key is null. */
  readonly keyLength: number
  /** −1: the value is null. */
  readonly valueLength: number
  /**
   * Reads a key that is not null where it lies: a view costs more than most of what is read. Who
   * needs one takes `key`.
   */
  readKey<T>(read: BytesReader<T>): T
  /** As `readKey`, the value. */
  readValue<T>(read: BytesReader<T>): T
  /** As `readKey`, the first header of this name that is not null; undefined: there is none. */
  readHeader<T>(name: Uint8Array, read: BytesReader<T>): T | undefined
}

/** For whoever keeps them: headers are views into a batch that may be gone by then. */
export function copyOfHeaders(headers: RecordHeaders): RecordHeaders {
  return headers.map(([name, value]) => [name, value && Uint8Array.prototype.slice.call(value)])
}

/** Whether the bytes from `start` on are these. */
export function startsWith(bytes: Uint8Array, start: number, these: Uint8Array): boolean {
  for (let i = 0; i < these.length; i++) if (bytes[start + i] !== these[i]) return false
  return true
}
