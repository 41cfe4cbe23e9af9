/** Binary records: whatever is written comes back, and a torn record is refused. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/aggregators/bytes.ts'
import { memberKey } from '../../src/aggregators/member.ts'

test('whatever is written comes back', () => {
  const big = fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n })
  const record = fc.tuple(fc.maxSafeNat(), fc.double(), big, fc.uint8Array(), fc.nat(255))
  fc.assert(
    fc.property(fc.array(record, { maxLength: 40 }), (records) => {
      const writer = new ByteWriter()
      for (const [count, double, bigint, bytes, u8] of records) {
        writer
          .count(count)
          .float64(double)
          .bigint(bigint)
          .bytes(bytes)
          .u8(u8)
          .u32(u8 * 2 ** 24)
        writer.binary(Buffer.from(bytes).toString('latin1'))
      }
      const reader = new ByteReader(writer.take())
      for (const [count, double, bigint, bytes, u8] of records) {
        expect(reader.count()).toBe(count)
        expect(reader.float64()).toBe(double)
        expect(reader.bigint()).toBe(bigint)
        expect(reader.bytes()).toEqual(Buffer.from(bytes))
        expect([reader.u8(), reader.u32()]).toEqual([u8, u8 * 2 ** 24])
        expect(reader.binary()).toBe(Buffer.from(bytes).toString('latin1'))
      }
      expect(reader.isDone).toBe(true)
    })
  )
})

test('a record that ends too early is refused', () => {
  const writer = new ByteWriter()
  const whole = writer.count(300).bytes(new Uint8Array(20)).bigint(-5n).take()
  for (let length = 0; length < whole.length; length++) {
    const reader = new ByteReader(whole.subarray(0, length))
    expect(() => [reader.count(), reader.bytes(), reader.bigint()]).toThrow(RangeError)
  }
})

test('members are equal exactly if their keys are', () => {
  const member = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 5 }),
    fc.double(),
    fc.bigInt(),
    fc.boolean(),
    fc.uint8Array({ maxLength: 4 })
  )
  const isSame = (a: unknown, b: unknown): boolean =>
    a instanceof Uint8Array && b instanceof Uint8Array
      ? Buffer.compare(a, b) === 0
      : a === b || (Number.isNaN(a) && Number.isNaN(b))
  fc.assert(
    fc.property(member, member, fc.boolean(), (a, other, isTwin) => {
      const b = isTwin ? a : other
      expect(memberKey(a) === memberKey(b)).toBe(isSame(a, b))
    })
  )
  expect(memberKey('1')).not.toBe(memberKey(1))
  expect(memberKey(1)).not.toBe(memberKey(1n))
  expect(memberKey(-0)).toBe(memberKey(0))
  expect(memberKey('é')).toBe('s\u00c3\u00a9')
  expect([memberKey(null), memberKey(undefined)]).toEqual([undefined, undefined])
})
