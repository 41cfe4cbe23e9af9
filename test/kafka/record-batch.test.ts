import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Codec, ensureCodec } from '../../src/kafka/compression.ts'
import { at, scanBatches, stampBatch } from '../../src/kafka/record-batch.ts'
import { BatchChain, splitBatch } from '../../src/kafka/record-batch-chain.ts'
import { BatchCursor } from '../../src/kafka/record-batch-cursor.ts'
import { RecordBatchEncoder, recordBytesMax } from '../../src/kafka/record-batch-encoder.ts'
import { readInt64, writeInt64 } from '../../src/kafka/wire.ts'
import type { RecordHeaders } from '../../src/record.ts'
import { expectInPlace } from '../support/in-place.ts'

interface Plain {
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: RecordHeaders
}

const bytes = fc.option(fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)))
const plainRecord: fc.Arbitrary<Plain> = fc.record({
  timestamp: fc.integer({ min: 0, max: 4_102_444_800_000 }),
  key: bytes,
  value: bytes,
  headers: fc.array(fc.tuple(fc.string({ maxLength: 10 }), bytes), { maxLength: 3 }),
})

const stamp = { producerId: 2 ** 40 + 1, epoch: 3, sequence: 17, isTransactional: false }

function encoded(records: readonly Plain[], baseOffset: number, codec: Codec = 'none'): Buffer {
  const encoder = new RecordBatchEncoder({ bytes: 70 })
  for (const { timestamp, key, value, headers } of records) {
    const before = encoder.bytes
    encoder.append(timestamp, key, value, headers)
    expect(encoder.bytes - before).toBeLessThanOrEqual(recordBytesMax(key, value, headers))
  }
  const batch = encoder.seal({ codec })
  stampBatch(batch, stamp)
  writeInt64(batch, baseOffset, at.baseOffset)
  return batch
}

function all(cursor: BatchCursor): (Plain & { readonly offset: number })[] {
  const records = []
  while (cursor.advance()) {
    const { offset, timestamp, key, value, headers } = cursor
    expectInPlace(cursor)
    records.push({ offset, timestamp, key, value, headers: [...headers] })
  }
  return records
}

const opened = (fetched: Buffer, from: number): BatchCursor =>
  new BatchCursor(fetched, { from, partition: 'orders-3' })

const three: readonly Plain[] = [0, 1, 2].map((index) => ({
  timestamp: 1_000 + index,
  key: Buffer.from(`k${index}`),
  value: Buffer.from(`v${index}`),
  headers: [],
}))

test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
  'records come back as they went in (%s)',
  async (codec) => {
    await ensureCodec(codec)
    const property = fc.property(
      fc.array(fc.array(plainRecord, { minLength: 1, maxLength: 20 }), { maxLength: 4 }),
      fc.integer({ min: 0, max: 2 ** 45 }),
      (groups, base) => {
        let next = base
        const batches: Buffer[] = []
        for (const records of groups) {
          batches.push(encoded(records, next, codec))
          next += records.length
        }
        const cursor = opened(Buffer.concat(batches), base)
        expect(all(cursor)).toEqual(
          groups.flat().map((record, index) => ({ ...record, offset: base + index }))
        )
        expect(cursor.position).toBe(next)
        expect(scanBatches(Buffer.concat(batches), base).position).toBe(next)
      }
    )
    fc.assert(property, { numRuns: codec === 'none' ? 100 : 20 })
  }
)

test('numbers come back whatever their length is', () => {
  const edges = [6, 7, 13, 14, 20, 21, 27, 28, 29, 30, 31, 32, 34, 35, 41].flatMap((bits) => {
    return [2 ** bits - 1, 2 ** bits, 2 ** bits + 1].flatMap((edge) => [edge, -edge])
  })
  const first = 2 ** 42
  const records = [0, ...edges].map((edge) => {
    return { timestamp: first + edge, key: null, value: null, headers: [] }
  })
  const found = all(opened(encoded(records, 0), 0))
  expect(found.map(({ timestamp }) => timestamp - first)).toEqual([0, ...edges])
})

test('bytes come back whatever their length is, and so do many records', () => {
  const lengths = [0, 31, 32, 33, 63, 64, 8_191, 8_192, 2 ** 20 - 1, 2 ** 20]
  const long = lengths.map((length, timestamp) => {
    const bytes = Buffer.alloc(length, timestamp + 1)
    return { timestamp, key: bytes, value: bytes, headers: [['h', bytes] as const] }
  })
  const cursor = opened(encoded(long, 0), 0)
  for (const { key, value, headers } of long) {
    expect(cursor.advance()).toBe(true)
    const read = [cursor.key, cursor.value, cursor.headers[0]?.[1]]
    expect(read.map(sumOf)).toEqual([key, value, headers[0]?.[1]].map(sumOf))
  }
  const times = Array.from({ length: 8_200 }, (_, index) => index)
  const encoder = new RecordBatchEncoder()
  for (const time of times) encoder.append(time, Buffer.from('k'), null)
  const batch = encoder.seal()
  stampBatch(batch, stamp)
  writeInt64(batch, 0, at.baseOffset)
  const many = opened(batch, 0)
  const found = times.map(() => (many.advance() ? [many.offset, many.timestamp] : []))
  expect(found).toEqual(times.map((time) => [time, time]))
  expect(many.advance()).toBe(false)
})

function sumOf(bytes: Uint8Array | null | undefined): string {
  return bytes ? `${bytes.length} of ${bytes.at(0)} to ${bytes.at(-1)}` : 'none'
}

test('the bytes of a batch are those that Kafka documents', () => {
  const encoder = new RecordBatchEncoder()
  encoder.append(1_700_000_000_000, Buffer.from('k'), Buffer.from('v'), [['h', Buffer.from('x')]])
  const batch = encoder.seal()
  stampBatch(batch, { producerId: 1, epoch: 2, sequence: 3, isTransactional: true })
  const hex = (start: number, end?: number): string => batch.subarray(start, end).toString('hex')
  expect(hex(0, 17)).toBe('00000000000000000000003effffffff02')
  expect(hex(21, 27)).toBe('001000000000')
  expect(hex(27, 43)).toBe('0000018bcfe568000000018bcfe56800')
  expect(hex(43, 61)).toBe('000000000000000100020000000300000001')
  expect(hex(61)).toBe('18000000026b02760202680278')
})

test('the position follows record by record, and skips to the end of the batch at last', () => {
  const batch = encoded(three, 10)
  batch.writeInt32BE(7, at.lastOffsetDelta)
  stampBatch(batch, stamp)
  const cursor = opened(batch, 10)
  const positions = []
  while (cursor.advance()) positions.push(cursor.position)
  expect(positions).toEqual([11, 12, 13])
  expect(cursor.position).toBe(18)
})

test('records before the asked offset are skipped', () => {
  const cursor = opened(Buffer.concat([encoded(three, 10), encoded(three, 13)]), 14)
  expect(cursor.position).toBe(14)
  expect(all(cursor).map(({ offset }) => offset)).toEqual([14, 15])
})

test('a batch emptied by compaction yields nothing and moves the position', () => {
  const empty = encoded(three, 10).subarray(0, 61)
  empty.writeInt32BE(61 - 12, at.length)
  empty.writeInt32BE(0, at.count)
  stampBatch(empty, stamp)
  const cursor = opened(empty, 10)
  expect(cursor.advance()).toBe(false)
  expect(cursor.position).toBe(13)
})

test('a batch that is cut off is left for the next fetch', () => {
  const whole = Buffer.concat([encoded(three, 10), encoded(three, 13)])
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (length) => {
      const cursor = opened(whole.subarray(0, length), 10)
      const isFirstWhole = length >= whole.length / 2
      expect(all(cursor)).toHaveLength(isFirstWhole ? 3 : 0)
      expect(cursor.position).toBe(isFirstWhole ? 13 : 10)
    })
  )
})

test('times of appending hold for all records of a batch', () => {
  const batch = encoded(three, 10)
  batch.writeInt16BE(0x08, at.attributes)
  writeInt64(batch, 5_555, at.maxTimestamp)
  stampBatch(batch, stamp)
  expect(all(opened(batch, 10)).map(({ timestamp }) => timestamp)).toEqual([5_555, 5_555, 5_555])
})

test('a flipped bit anywhere behind the checksum is found', () => {
  fc.assert(
    fc.property(fc.integer({ min: at.crc, max: encoded(three, 0).length - 1 }), (index) => {
      const batch = encoded(three, 10)
      batch[index] = (batch[index] ?? 0) ^ 0x10
      expect(() => all(opened(batch, 10))).toThrow(/orders-3@10: the checksum is wrong/)
    })
  )
})

test('a format from before batches is refused', () => {
  const batch = encoded(three, 10)
  batch[at.magic] = 1
  expect(() => opened(batch, 10).advance()).toThrow(/record format 1/)
})

test('a chain keeps its batches within the bound and all records in order', () => {
  const chain = new BatchChain({ batchBytesMax: 1_000 })
  const values = Array.from({ length: 100 }, (_, index) => Buffer.alloc(50, index))
  for (const value of values) chain.append(5, null, value)
  chain.append(5, null, Buffer.alloc(3_000, 1))
  chain.append(5, null, Buffer.alloc(50, 2))
  expect(chain.records).toBe(102)
  const sealed = chain.take()
  expect(chain.records).toBe(0)
  expect(chain.bytes).toBe(0)
  expect(
    sealed.filter((batch) => batch.bytes.length > 1_000).map(({ records }) => records)
  ).toEqual([1])
  expect(sealed.reduce((sum, batch) => sum + batch.records, 0)).toBe(102)
  const read = sealed.flatMap(({ bytes }) => {
    stampBatch(bytes, stamp)
    return all(opened(bytes, 0)).map(({ value }) => value?.[0])
  })
  expect(read).toEqual([...values.map((_, index) => index), 1, 2])
})

test('a batch splits into two with the same records, and one record does not split', () => {
  const halves = splitBatch(encoded(three, 0)) ?? []
  expect(halves.map(({ records }) => records)).toEqual([1, 2])
  const read = halves.flatMap(({ bytes }) => {
    stampBatch(bytes, stamp)
    return all(opened(bytes, 0)).map(({ value }) => String(value))
  })
  expect(read).toEqual(['v0', 'v1', 'v2'])
  expect(splitBatch(encoded(three.slice(0, 1), 0))).toBeUndefined()
})

test('a batch can be stamped again', () => {
  const batch = encoded(three, 0)
  stampBatch(batch, { ...stamp, producerId: 9, sequence: 2 ** 31 - 1 })
  expect(readInt64(batch, at.producerId)).toBe(9)
  expect(all(opened(batch, 0))).toHaveLength(3)
})
