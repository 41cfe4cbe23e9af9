import { describe, expect, it } from 'vitest'
import {
  binaryText,
  binaryTextAt,
  decodeAsciiAt,
  decodeUtf8,
  decodeUtf8At,
} from '../../src/serde/text.ts'

/** Short and long, on both sides of what is made without a call into native code. */
const texts = ['', 'a', 's00001234', 'abcdefghijkl', 'abcdefghijklm', 'x'.repeat(300)]
const foreign = [
  'ä',
  'größe',
  '日本語',
  '😀',
  '\u0000',
  'ab\u007f',
  'zehn\u00fcnd2\u00e4',
  '\ufeffx',
]

describe('decodeUtf8At', () => {
  it('reads what a Buffer reads, between other bytes', () => {
    for (const text of [...texts, ...foreign]) {
      const bytes = Buffer.from(`äb${text}öc`)
      const end = bytes.length - 3
      expect(decodeUtf8At(bytes, 3, end)).toBe(text)
      expect(decodeUtf8(bytes.subarray(3, end))).toBe(text)
    }
  })

  it('puts U+FFFD in the place of what is no UTF-8, however short', () => {
    for (const bytes of [[0x80], [0x61, 0xff], [0xc3], [0xe2, 0x82], [0x61, 0xc3, 0x28]]) {
      expect(decodeUtf8(Uint8Array.from(bytes))).toBe(Buffer.from(bytes).toString('utf8'))
    }
  })
})

describe('decodeAsciiAt', () => {
  it('reads what a Buffer reads', () => {
    for (const text of texts) {
      const bytes = Buffer.from(`<${text}>`)
      expect(decodeAsciiAt(bytes, 1, bytes.length - 1)).toBe(text)
    }
  })
})

describe('binaryTextAt', () => {
  it('makes one char of each byte, at any length', () => {
    for (let length = 0; length <= 40; length++) {
      const bytes = Uint8Array.from({ length: length + 2 }, (_, at) => 255 - at * 6)
      const expected = Buffer.from(bytes.subarray(1, 1 + length)).toString('latin1')
      expect(binaryTextAt(bytes, 1, 1 + length)).toBe(expected)
      expect(binaryText(bytes.subarray(1, 1 + length))).toBe(expected)
    }
  })
})
