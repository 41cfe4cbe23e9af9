/** Keys of groups and windows: they must sort, compare and partition by their bytes. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TopologyError } from '../../src/errors.ts'
import { defaultKey } from '../../src/serde/default-key.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { string } from '../../src/serde/primitives.ts'
import { binaryBytes, binaryText } from '../../src/serde/text.ts'
import { noKey, timeWindowed, windowedKeys } from '../../src/serde/windowed.ts'

const hex = (from: Uint8Array | null): string => Buffer.from(from ?? []).toString('hex')

describe('default keys', () => {
  it('write strings as Java does', () => {
    expect(hex(defaultKey.serialize('ann'))).toBe('616e6e')
  })

  it('tell strings, numbers, bigints and bytes apart', () => {
    const key = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.double(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.uint8Array()
    )
    fc.assert(
      fc.property(key, (one) => {
        expect(defaultKey.deserialize(defaultKey.serialize(one) as Uint8Array)).toEqual(one)
      })
    )
  })

  it('refuse objects, and say what to do', () => {
    expect(() => defaultKey.serialize({ user: 'ann' })).toThrow(TopologyError)
    expect(() => defaultKey.serialize({ user: 'ann' })).toThrow('{ key: serde }')
  })
})

describe('windowed keys', () => {
  it('are those of Java: the key, then the start as int64', () => {
    const serde = timeWindowed(string(), '5m')
    const key = { key: 'ann', window: { start: 300_000, end: 600_000 } }
    expect(hex(serde.serialize(key))).toBe('616e6e00000000000493e0')
    expect(serde.deserialize(serde.serialize(key) as Uint8Array)).toEqual(key)
  })

  it('may start below zero, and may have no key', () => {
    const serde = windowedKeys(noKey, { endOf: (start) => start + 10 })
    const key = { key: null, window: { start: -5, end: 5 } }
    expect(hex(serde.serialize(key))).toBe('fffffffffffffffb')
    expect(serde.deserialize(serde.serialize(key) as Uint8Array)).toEqual(key)
  })

  it('refuse bytes that cannot be one', () => {
    const serde = timeWindowed(string(), '5m')
    expect(() => serde.deserialize(new Uint8Array(7))).toThrow('at least 8 bytes, not 7')
  })
})

describe('nullable', () => {
  it('lets null through in both directions, and leaves the rest to the serde', () => {
    const serde = nullable(string())
    expect(serde.serialize(null)).toBeNull()
    expect(serde.deserializeNull?.()).toBeNull()
    expect(serde.deserialize(serde.serialize('a') as Uint8Array)).toBe('a')
  })
})

describe('binary text', () => {
  it('has one char per byte', () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at)
    expect(binaryText(bytes)).toHaveLength(256)
    expect(new Uint8Array(binaryBytes(binaryText(bytes)))).toEqual(bytes)
  })
})
