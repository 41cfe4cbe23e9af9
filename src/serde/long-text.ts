/**
 * Long texts in JSON: native code finds where they end, and what would make them other than they
 * look is looked for four bytes at a time.
 */

interface Searches {
  indexOf(value: number, from: number): number
}

// Native, and it takes any Uint8Array: `Uint8Array.prototype.indexOf` takes ten times as long.
const { indexOf } = Buffer.prototype as unknown as Searches

const quote = 0x22
const space = 0x20
const lastAscii = 0x7f

/** Where the next quote is; `end` if there is none before it. */
export function quoteAt(bytes: Uint8Array, from: number, end: number): number {
  const found = indexOf.call(bytes, quote, from)
  return found < 0 ? end : Math.min(found, end)
}

/**
 * Whether `bytes[start, end)` are chars of ASCII, and none of those that JSON wants escaped because
 * nobody could see them.
 *
 * @param view of the bytes
 */
export function isPrintable(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number
): boolean {
  let at = start
  let bits = 0
  for (; at + 16 <= end; at += 16) {
    bits |= suspects(view.getInt32(at, true)) | suspects(view.getInt32(at + 4, true))
    bits |= suspects(view.getInt32(at + 8, true)) | suspects(view.getInt32(at + 12, true))
  }
  for (; at < end; at++) {
    const char = bytes[at] as number
    if (char < space || char > lastAscii) return false
  }
  return (bits & 0x80808080) === 0
}

/**
 * The highest bit of a byte is set if it is none of ASCII, or below a space: taking the space away
 * borrows then, and not before.
 */
function suspects(word: number): number {
  return word | (word - 0x20202020)
}
