import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Chunk, ChunkBuilder, openChunk } from '../../src/log/chunk.ts'
import { ChunkCursor, chunkAt } from '../../src/log/chunk-cursor.ts'
import type { RecordHeaders } from '../../src/record.ts'
import { expectInPlace } from '../support/in-place.ts'

interface Written {
  readonly offset: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: RecordHeaders
}

const maybeBytes = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: null })
const timestamp = fc.oneof(
  fc.integer({ min: -1, max: 1_000 }),
  fc.integer({ min: 1_700_000_000_000, max: 1_700_000_100_000 }),
  fc.maxSafeInteger()
)
const record = fc.record({
  gap: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2 ** 31 })),
  timestamp,
  key: maybeBytes,
  value: maybeBytes,
  headers: fc.array(fc.tuple(fc.string({ maxLength: 20 }), maybeBytes), { maxLength: 3 }),
})

function readAll(chunk: Chunk): Written[] {
  const cursor = new ChunkCursor()
  cursor.open(chunk)
  const records: Written[] = []
  while (cursor.next()) {
    const { offset, timestamp: time, key, value, headers } = cursor
    expectInPlace(cursor)
    records.push({ offset, timestamp: time, key: copy(key), value: copy(value), headers })
  }
  return records.map((one) => ({
    ...one,
    headers: one.headers.map(([name, bytes]) => [name, copy(bytes)] as const),
  }))
}

function copy(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : new Uint8Array(bytes)
}

function chunkOf(...values: string[]): Chunk {
  const builder = new ChunkBuilder()
  for (const value of values) builder.append(7, null, Buffer.from(value))
  return builder.finish({ base: 10, end: 10 + builder.span, storedAt: 5 })
}

describe('a chunk', () => {
  it('gives back what was put in, at the offsets it was put, whatever it is', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 40 }), fc.nat(), fc.nat(9), (items, base, more) => {
        const builder = new ChunkBuilder()
        let next = base
        const expected = items.map(({ gap, ...rest }): Written => {
          builder.append(rest.timestamp, rest.key, rest.value, rest.headers, gap)
          next += gap + 1
          return { offset: next - 1, ...rest }
        })
        // The span has 32 bits; gaps of this size come one by one in life.
        fc.pre(next - base < 2 ** 32 - 10)
        const written = builder.finish({ base, end: next + more, storedAt: 99 })
        const chunk = openChunk(written.bytes, 'the test')
        expect(chunk).toEqual(written)
        expect([chunk.base, chunk.end, chunk.records]).toEqual([base, next + more, items.length])
        expect(readAll(chunk)).toEqual(expected)
        const times = items.map((item) => item.timestamp)
        expect(chunk.maxTimestamp).toBe(Math.max(...times))
      })
    )
  })

  it('refuses every flipped bit', () => {
    const { bytes } = chunkOf('one', 'two')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const broken = Buffer.from(bytes)
      broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => openChunk(broken, 'here')).toThrow('Checksum failure in here')
    }
  })

  it('refuses bytes that are cut short', () => {
    const { bytes } = chunkOf('one')
    for (const length of [0, 10, bytes.length - 1]) {
      expect(() => openChunk(bytes.subarray(0, length), 'here')).toThrow('Checksum failure')
    }
  })

  it('shows the time of arrival instead of the records own when the topic wants that', () => {
    const builder = new ChunkBuilder()
    builder.append(1, null, null)
    builder.append(3, null, null)
    const chunk = builder.finish({ base: 0, end: 2, storedAt: 50, appendTime: 50 })
    expect(readAll(chunk).map(({ timestamp: time }) => time)).toEqual([50, 50])
    expect(chunk.maxTimestamp).toBe(50)
  })

  it('is found by any offset it speaks for', () => {
    const spans = [
      [0, 5],
      [5, 6],
      [6, 20],
    ] as const
    const chunks = spans.map(([base, end]) => new ChunkBuilder().finish({ base, end, storedAt: 0 }))
    const found = [0, 4, 5, 6, 19].map((offset) => chunkAt(chunks, offset))
    expect(found).toEqual([0, 0, 1, 2, 2])
    expect(chunkAt(chunks, 20)).toBeUndefined()
    expect(chunkAt([], 0)).toBeUndefined()
  })
})
