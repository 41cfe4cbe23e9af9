/**
 * Changes of a table on their way to the task of their group, as Java's Streams writes them:
 *
 *     old value, 0                          a row left the group
 *     new value, 1                          a row came
 *     length of new, new, old value, 2      a row of the group changed
 */
import { assert } from '../assert.ts'
import { Change } from '../processor/change.ts'
import type { Serde } from '../serde/serde.ts'

const flags = { old: 0, new: 1, both: 2 } as const

export function changeSerde(inner: Serde<unknown>): Serde<Change<unknown>> {
  const bytesOf = (value: unknown): Uint8Array | null =>
    value === null ? null : inner.serialize(value)
  return Object.freeze({
    name: `change(${inner.name})`,
    serialize({ newValue, oldValue }: Change<unknown>) {
      const [after, before] = [bytesOf(newValue), bytesOf(oldValue)]
      assert(after !== null || before !== null, 'a change is of something')
      if (after === null) return joined(before as Uint8Array, [flags.old])
      if (before === null) return joined(after, [flags.new])
      return joined(varint(after.length), after, before, [flags.both])
    },
    deserialize(bytes: Uint8Array) {
      const flag = bytes.at(-1)
      const rest = bytes.subarray(0, -1)
      if (flag === flags.old) return new Change(null, inner.deserialize(rest))
      if (flag === flags.new) return new Change(inner.deserialize(rest), null)
      if (flag !== flags.both) throw new TypeError(`A change ends in 0, 1 or 2, not in ${flag}`)
      const [length, at] = readVarint(rest)
      const after = inner.deserialize(rest.subarray(at, at + length))
      return new Change(after, inner.deserialize(rest.subarray(at + length)))
    },
  })
}

function joined(...parts: readonly ArrayLike<number>[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** A length as Kafka's variable integers: zigzag, seven bits a byte, the lowest first. */
function varint(length: number): readonly number[] {
  const bytes: number[] = []
  let rest = length * 2
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  bytes.push(rest)
  return bytes
}

function readVarint(bytes: Uint8Array): readonly [length: number, at: number] {
  let value = 0
  for (let at = 0, scale = 1; at < bytes.length; at++, scale *= 0x80) {
    const byte = bytes[at] as number
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return [value / 2, at + 1]
  }
  throw new TypeError('A change ends within a length')
}
