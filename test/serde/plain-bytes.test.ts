import { afterEach, expect, test, vi } from 'vitest'
import { arePlain } from '../../src/serde/plain-bytes.ts'

const pageBytes = 65_536
const lengths = [1, 15, 16, 63, 64, 65, 127, 128, 129, 1_000, pageBytes - 1, pageBytes, 70_001]

function isPlainChar(char: number): boolean {
  return char >= 0x20 && char <= 0x7f && char !== 0x5c
}

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

test('each byte is told as what it is, and leaves nothing behind', () => {
  for (let char = 0; char < 256; char++) {
    const bytes = new Uint8Array(200).fill(0x61)
    bytes[100] = char
    expect(arePlain(bytes, 0, 200), `char ${char}`).toBe(isPlainChar(char))
    expect(arePlain(bytes, 101, 200)).toBe(true)
    expect(arePlain(bytes, 0, 100)).toBe(true)
  }
})

test('an odd byte is found wherever it is, in texts of any length', () => {
  for (const length of lengths) {
    const bytes = new Uint8Array(length).fill(0x7a)
    const step = Math.ceil(length / 70)
    for (let at = length - 1; at >= 0; at -= step) {
      for (const odd of [0x1f, 0x5c, 0x80, 0xff]) {
        bytes[at] = odd
        expect(arePlain(bytes, 0, length), `${odd} at ${at} of ${length}`).toBe(false)
      }
      bytes[at] = 0x7a
    }
    expect(arePlain(bytes, 0, length)).toBe(true)
  }
})

test('what is around a text does not count, nor what a longer one was before', () => {
  const all = Buffer.alloc(4_000, 0)
  const view = all.subarray(3)
  for (const [start, end] of [
    [1, 3_000],
    [7, 8],
    [100, 420],
    [100, 163],
  ] as const) {
    all.fill(0)
    view.fill(0x62, start, end)
    expect(arePlain(view, start, end)).toBe(true)
    expect(arePlain(view, start, end + 1)).toBe(false)
    expect(arePlain(view, start - 1, end)).toBe(false)
    expect(arePlain(view, start, end)).toBe(true)
  }
})

test('without WebAssembly nobody can tell, and texts are read the same', async () => {
  vi.stubGlobal('WebAssembly', undefined)
  vi.resetModules()
  const fresh = await import('../../src/serde/plain-bytes.ts')
  expect(fresh.arePlain(new Uint8Array(400).fill(0x61), 0, 400)).toBeUndefined()
  const { shapedJson } = await import('../../src/serde/json-shape.ts')
  const read = shapedJson()
  for (const put of ['x', '\\', 'ä', '\n']) {
    const event = { text: `${'y'.repeat(1_500)}${put}` }
    const bytes = Buffer.from(JSON.stringify(event))
    expect(read(bytes, 0, bytes.length)).toEqual(event)
    expect(read(bytes, 0, bytes.length)).toEqual(event)
  }
})
