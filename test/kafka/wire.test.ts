import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readInt64, WireReader, WireWriter, writeInt64 } from '../../src/kafka/wire.ts'

const flavours = [{ flexible: false }, { flexible: true }]

function written(writer: WireWriter): Buffer {
  return Buffer.concat(writer.chunks())
}

test.each(flavours)('what is written is read again ($flexible)', (options) => {
  fc.assert(
    fc.property(
      fc.option(fc.string({ unit: 'grapheme', maxLength: 300 })),
      fc.option(fc.uint8Array({ maxLength: 5_000 })),
      fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
      fc.maxSafeInteger(),
      (text, bytes, numbers, big) => {
        const writer = new WireWriter({ ...options, bytes: 1 })
        writer.string(text).bytes(bytes).int64(big).boolean(true)
        writer.array(numbers, (number) =>
          writer
            .int32(number)
            .int16(number % 1_000)
            .end()
        )
        writer.int8(-1).end()
        const reader = new WireReader(written(writer), options)
        expect(reader.nullableString()).toBe(text)
        expect(reader.nullableBytes()).toEqual(bytes === null ? null : Buffer.from(bytes))
        expect(reader.int64()).toBe(big)
        expect(reader.boolean()).toBe(true)
        const read = reader.array(() => {
          const pair = [reader.int32(), reader.int16()]
          reader.end()
          return pair
        })
        expect(read).toEqual(numbers.map((number) => [number, (number % 1_000) + 0]))
        expect(reader.int8()).toBe(-1)
        reader.end()
        expect(reader.remaining).toBe(0)
      }
    )
  )
})

test('long bytes go out as they are, between what was written around them', () => {
  const writer = new WireWriter({ flexible: false })
  const long = Buffer.alloc(4_000, 7)
  writer.int32(1).bytes(long).int32(2)
  expect(writer.chunks()).toHaveLength(3)
  expect(writer.chunks()[1]).toBe(long)
})

test('64-bit numbers are two’s complement, and exact to 2^53', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      const bytes = Buffer.alloc(8)
      writeInt64(bytes, value, 0)
      expect(bytes.readBigInt64BE(0)).toBe(BigInt(value))
      expect(readInt64(bytes, 0)).toBe(value)
    })
  )
})

test('tagged fields nobody knows are skipped', () => {
  const bytes = Buffer.from([2, 0, 3, 9, 9, 9, 5, 1, 8, 42])
  const reader = new WireReader(bytes, { flexible: true })
  reader.end()
  expect(reader.int8()).toBe(42)
})

test('bytes that end too early are a RangeError', () => {
  const reader = new WireReader(Buffer.from([0, 5, 65]), { flexible: false })
  expect(() => reader.string()).toThrow(RangeError)
})
