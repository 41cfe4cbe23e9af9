/** Single values must have the very bytes of the Java client. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boolean, bytes, float64, int32, int64, string } from '../../src/serde/primitives.ts'
import type { Serde } from '../../src/serde/serde.ts'

const hex = (from: Uint8Array | null): string => Buffer.from(from ?? []).toString('hex')
const unhex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))

describe('the primitive serdes', () => {
  it.each<[string, Serde<never>, unknown, string]>([
    ['string', string() as Serde<never>, 'héllo €', '68c3a96c6c6f20e282ac'],
    ['an empty string', string() as Serde<never>, '', ''],
    ['int32', int32() as Serde<never>, -2, 'fffffffe'],
    ['int64', int64() as Serde<never>, 1n << 40n, '0000010000000000'],
    ['int64 below zero', int64() as Serde<never>, -1n, 'ffffffffffffffff'],
    ['float64', float64() as Serde<never>, 1.5, '3ff8000000000000'],
    ['true', boolean() as Serde<never>, true, '01'],
    ['false', boolean() as Serde<never>, false, '00'],
  ])('write and read %s as Java does', (_what, serde, value, expected) => {
    expect(hex(serde.serialize(value as never))).toBe(expected)
    expect(serde.deserialize(unhex(expected))).toEqual(value)
  })

  it('read from the middle of a larger buffer', () => {
    const inside = unhex('ff000000000000000700').subarray(1, 9)
    expect(int64().deserialize(inside)).toBe(7n)
    expect(string().deserialize(unhex('ff616263ff').subarray(1, 4))).toBe('abc')
  })

  it('round-trip every value', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        fc.integer(),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.double(),
        (text, small, large, real) => {
          expect(string().deserialize(written(string(), text))).toBe(text)
          expect(int32().deserialize(written(int32(), small))).toBe(small)
          expect(int64().deserialize(written(int64(), large))).toBe(large)
          expect(float64().deserialize(written(float64(), real))).toBe(real)
        }
      )
    )
  })

  it('refuse numbers outside of their range instead of cutting them', () => {
    expect(() => int32().serialize(2 ** 31)).toThrow(RangeError)
    expect(() => int32().serialize(1.5)).toThrow(RangeError)
    expect(() => int64().serialize(2n ** 63n)).toThrow(RangeError)
  })

  it('refuse bytes of another length', () => {
    expect(() => int32().deserialize(unhex('00'))).toThrow('int32 takes 4 bytes, not 1')
    expect(() => float64().deserialize(unhex(''))).toThrow('float64 takes 8 bytes, not 0')
    expect(() => boolean().deserialize(unhex('02'))).toThrow('not 2')
  })

  it('hand out bytes that may be kept', () => {
    const batch = unhex('010203')
    const kept = bytes().deserialize(batch.subarray(1))
    batch.fill(9)
    expect([...kept]).toEqual([2, 3])
  })

  it('read malformed UTF-8 as Java does, with U+FFFD', () => {
    expect(string().deserialize(unhex('61ff62'))).toBe('a\uFFFDb')
  })
})

function written<T>(serde: Serde<T>, value: T): Uint8Array {
  return serde.serialize(value) as Uint8Array
}
