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

function bitByBit(bytes: Uint8Array): number {
  let crc = ~0
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
