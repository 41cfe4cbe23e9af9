/** Text and bytes without detours: the decoders of node's buffers, called on any view of bytes. */

import { isAscii, shortText, shortTextMax } from '../short-text.ts'

interface Slices {
  utf8Slice(start: number, end: number): string
  latin1Slice(start: number, end: number): string
}

// Native, and they take any Uint8Array: no wrapper is made, no encoding is looked up.
const { utf8Slice, latin1Slice } = Buffer.prototype as unknown as Slices

/** Malformed bytes become U+FFFD, as in Java. */
export function decodeUtf8(bytes: Uint8Array): string {
  return decodeUtf8At(bytes, 0, bytes.length)
}

/** As `decodeUtf8`, of `bytes[start, end)`. */
export function decodeUtf8At(bytes: Uint8Array, start: number, end: number): string {
  const isShort = end - start <= shortTextMax && isAscii(bytes, start, end)
  return isShort ? shortText(bytes, start, end) : utf8Slice.call(bytes, start, end)
}

/** As `decodeUtf8At`, of bytes that are known to be there, and to be ASCII. */
export function decodeAsciiAt(bytes: Uint8Array, start: number, end: number): string {
  const isShort = end - start <= shortTextMax
  return isShort ? shortText(bytes, start, end) : latin1Slice.call(bytes, start, end)
}

/** A short loop beats the call into native code. */
const loopCharsMax = 24

export function encodeUtf8(text: string): Uint8Array {
  const { length } = text
  if (length > loopCharsMax) return Buffer.from(text, 'utf8')
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; at++) {
    const char = text.charCodeAt(at)
    if (char > 0x7f) return Buffer.from(text, 'utf8')
    bytes[at] = char
  }
  return bytes
}

/** One char per byte: what stores use as keys. */
export function binaryText(bytes: Uint8Array): string {
  return binaryTextAt(bytes, 0, bytes.length)
}

/** As `binaryText`, of `bytes[start, end)`. */
export function binaryTextAt(bytes: Uint8Array, start: number, end: number): string {
  const isShort = end - start <= shortTextMax && end <= bytes.length
  return isShort ? shortText(bytes, start, end) : latin1Slice.call(bytes, start, end)
}

export function binaryBytes(text: string): Uint8Array {
  return Buffer.from(text, 'latin1')
}
