import { describe, expect, it } from 'vitest'
import { isAscii, shortText, shortTextMax } from '../src/short-text.ts'

const all = Uint8Array.from({ length: 256 }, (_, byte) => byte)

describe('shortText', () => {
  it('makes the latin1 text of every byte, at every length and place', () => {
    for (let length = 0; length <= shortTextMax; length++) {
      for (let start = 0; start + length <= all.length; start++) {
        const expected = Buffer.from(all.buffer, start, length).toString('latin1')
        expect(shortText(all, start, start + length)).toBe(expected)
      }
    }
  })
})

describe('isAscii', () => {
  it('finds a byte that is none wherever it stands', () => {
    const bytes = new Uint8Array(9).fill(0x7f)
    expect(isAscii(bytes, 0, 9)).toBe(true)
    for (let at = 0; at < 9; at++) {
      const other = bytes.with(at, 0x80)
      expect(isAscii(other, 0, 9)).toBe(false)
      expect(isAscii(other, 0, at)).toBe(true)
      expect(isAscii(other, at + 1, 9)).toBe(true)
    }
  })

  it('wants all of the bytes', () => {
    expect(isAscii(new Uint8Array(3), 0, 4)).toBe(false)
  })
})

it('a text that ends before it begins is empty, as the decoders have it', () => {
  const bytes = Buffer.from('abcdef')
  expect(shortText(bytes, 4, 2)).toBe(bytes.toString('latin1', 4, 2))
})
