/**
 * Keys that need no serde. Types are gone at run time, so the bytes say what they are: a string is
 * plain UTF-8, as Java writes it; the others follow a byte 0xFF, which UTF-8 never contains, and a
 * letter. Where Java reads numeric keys, say `{ key: int64() }` and the like.
 *
 *     'ann' → 61 6e 6e     7 → ff 'n' float64     7n → ff 'i' int64     bytes → ff 'b' bytes
 */
import { TopologyError } from '../errors.ts'
import { bytes, float64, int64 } from './primitives.ts'
import type { Serde } from './serde.ts'
import { decodeUtf8, encodeUtf8 } from './text.ts'

/** The types of keys that have a default serde. */
export type KeyDefault = string | number | bigint | Uint8Array

const mark = 0xff
const letters = { n: 0x6e, i: 0x69, b: 0x62 } as const

export const defaultKey: Serde<unknown> = Object.freeze({
  name: 'default key',
  serialize(key: unknown) {
    if (typeof key === 'string') return encodeUtf8(key)
    if (typeof key === 'number') return marked(letters.n, float64().serialize(key))
    if (typeof key === 'bigint') return marked(letters.i, int64().serialize(key))
    if (key instanceof Uint8Array) return marked(letters.b, key)
    throw new TopologyError(
      'MILLRACE_SERDE_MISSING',
      `A key of type ${typeof key} has no default serde: equal objects may have unequal bytes. ` +
        'Give the grouping or repartition { key: serde }.'
    )
  },
  deserialize(from: Uint8Array) {
    if (from[0] !== mark) return decodeUtf8(from)
    const rest = from.subarray(2)
    if (from[1] === letters.n) return float64().deserialize(rest)
    if (from[1] === letters.i) return int64().deserialize(rest)
    if (from[1] === letters.b) return bytes().deserialize(rest)
    throw new TypeError(`No default key starts with the bytes 255 and ${from[1]}`)
  },
})

function marked(letter: number, content: Uint8Array | null): Uint8Array {
  const size = content?.length ?? 0
  const out = new Uint8Array(size + 2)
  out[0] = mark
  out[1] = letter
  if (content !== null) out.set(content, 2)
  return out
}
