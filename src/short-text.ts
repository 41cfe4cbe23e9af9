/**
 * Short texts of one char a byte. They are most keys and values of fields, and a call into native
 * code takes longer than making one of few chars: 18 ns for nine of them, instead of 80 or more.
 */

/** V8 joins texts up to here at once, and longer ones not before somebody looks at them. */
export const shortTextMax = 12
/** All of them are there, which their type does not know. */
const text = String.fromCharCode as (...chars: readonly (number | undefined)[]) => string

/** `b[s, e)` in latin1: all of it is there, and it is no longer than `shortTextMax`. */
export function shortText(b: Uint8Array, s: number, e: number): string {
  switch (e - s) {
    case 0:
      return ''
    case 1:
      return text(b[s])
    case 2:
      return text(b[s], b[s + 1])
    case 3:
      return text(b[s], b[s + 1], b[s + 2])
    case 4:
      return text(b[s], b[s + 1], b[s + 2], b[s + 3])
    case 5:
      return text(b[s], b[s + 1], b[s + 2], b[s + 3], b[s + 4])
    case 6:
      return text(b[s], b[s + 1], b[s + 2], b[s + 3], b[s + 4], b[s + 5])
    case 7:
      return text(b[s], b[s + 1], b[s + 2], b[s + 3], b[s + 4], b[s + 5], b[s + 6])
    case 8:
      return text(b[s], b[s + 1], b[s + 2], b[s + 3], b[s + 4], b[s + 5], b[s + 6], b[s + 7])
    default:
      // As the decoders of buffers have it, instead of never coming to an end.
      if (e < s) return ''
      return shortText(b, s, s + 8) + shortText(b, s + 8, e)
  }
}

/** Whether all of `bytes[start, end)` is there, and ASCII. */
export function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  let bits = 0
  for (let at = start; at < end; at++) bits |= bytes[at] as number
  return bits < 0x80 && end <= bytes.length
}
