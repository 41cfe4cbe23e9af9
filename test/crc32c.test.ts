import { expect, test } from 'vitest'
import { crc32c } from '../src/crc32c.ts'

const digits = Buffer.from('123456789')

test('the checksum agrees with the published test vectors', () => {
  expect(crc32c(digits)).toBe(0xe3069283)
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e)
  expect(crc32c(new Uint8Array(0))).toBe(0)
})

test('a checksum in pieces equals the checksum of the whole, wherever it is cut', () => {
  const bytes = Uint8Array.from({ length: 61 }, (_, index) => (index * 37) & 255)
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(crc32c(bytes, cut, bytes.length, crc32c(bytes, 0, cut))).toBe(crc32c(bytes))
  }
})

test('a range counts only its own bytes, and ends with the array at the latest', () => {
  const framed = Buffer.concat([Buffer.from('xx'), digits, Buffer.from('yyyyyyyyyy')])
  expect(crc32c(framed, 2, 11)).toBe(0xe3069283)
  expect(crc32c(digits, 0, 99)).toBe(0xe3069283)
})

test('long ranges agree with the definition, wherever in memory they begin and end', () => {
  const bytes = Uint8Array.from({ length: 400 }, (_, index) => (index * index * 31) & 255)
  for (let start = 0; start < 9; start++) {
    for (const end of [127, 128, 129, 140, 255, 256, 300, 393, 400]) {
      expect(crc32c(bytes, start, end)).toBe(bitByBit(bytes.subarray(start, end)))
      expect(crc32c(bytes.subarray(start, end))).toBe(bitByBit(bytes.subarray(start, end)))
    }
  }
})

test('very long ranges agree with their pieces, wherever they begin and end', () => {
  const bytes = Uint8Array.from(
    { length: 150_000 },
    (_, index) => Math.imul(index, index * 31) >> 5
  )
  const inPieces = (start: number, end: number, previous: number) => {
    let crc = previous
    for (let at = start; at < end; at += 8_000) {
      crc = crc32c(bytes, at, Math.min(end, at + 8_000), crc)
    }
    return crc
  }
  for (const length of [12_287, 12_288, 12_289, 38_088, 38_089, 38_090, 70_856, 70_857, 140_000]) {
    for (const start of [0, 1, 15, 16, 4_099]) {
      for (const previous of [0, 1, 0x8000_0000, 0xffff_ffff]) {
        const expected = inPieces(start, start + length, previous)
        expect(crc32c(bytes, start, start + length, previous)).toBe(expected)
        expect(crc32c(bytes.subarray(start, start + length), 0, length, previous)).toBe(expected)
      }
    }
  }
})

test('one bit that is wrong shows, wherever it is', () => {
  const bytes = new Uint8Array(80_000)
  const sums = new Set([crc32c(bytes)])
  const places = [0, 1, 5_320, 5_321, 32_767, 32_768, 70_000, 74_670, 74_690, 79_999]
  for (const at of places) {
    bytes[at] = 1
    sums.add(crc32c(bytes))
    bytes[at] = 0
  }
  expect(sums.size).toBe(places.length + 1)
  expect(sums).toContain(crc32c(bytes))
})

test('what is folded away is a multiple of the polynomial', () => {
  // One byte, and the same again where it is worth as much: together they are worth nothing.
  const bytes = new Uint8Array(5_322)
  for (const at of [0, 1_747, 2_830, 5_321]) bytes[at] = 0x5a
  expect(crc32c(bytes, 0, bytes.length, 0xffff_ffff)).toBe(0xffff_ffff)
})

function bitByBit(bytes: Uint8Array): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
