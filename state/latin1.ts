/** Keys as binary strings: one character per byte, both ways. */

import { shortText, shortTextMax } from '../src/short-text.ts'

/** A short loop beats the call into native code. */
const loopBytesMax = 24

/** Node's own, which its type declarations leave out; works on any Uint8Array. */
const { latin1Slice } = Buffer.prototype as unknown as {
  readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string
}

export function latin1Bytes(text: string): Uint8Array {
  const { length } = text
  if (length > loopBytesMax) return Buffer.from(text, 'latin1')
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; at++) bytes[at] = text.charCodeAt(at)
  return bytes
}

export function latin1String(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const isShort = end - start <= shortTextMax && end <= bytes.length
  return isShort ? shortText(bytes, start, end) : latin1Slice.call(bytes, start, end)
}
