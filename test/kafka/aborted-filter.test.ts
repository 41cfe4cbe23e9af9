/** Committed reads against a model that knows, for every record, what became of its transaction. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { at, attribute, stampBatch } from '../../src/kafka/record-batch.ts'
import { BatchCursor } from '../../src/kafka/record-batch-cursor.ts'
import { RecordBatchEncoder } from '../../src/kafka/record-batch-encoder.ts'
import type { AbortedTransaction } from '../../src/kafka/requests/records.ts'
import { writeInt64 } from '../../src/kafka/wire.ts'

/** Producer 0 writes without transactions; what the others write waits for a marker. */
type Step =
  | { readonly kind: 'write'; readonly producer: number; readonly records: number }
  | { readonly kind: 'end'; readonly producer: number; readonly commit: boolean }

interface Aborted extends AbortedTransaction {
  readonly marker: number
}

interface ModelLog {
  readonly batches: readonly Buffer[]
  /** Offsets that a committed read must show. */
  readonly visible: ReadonlySet<number>
  readonly aborted: readonly Aborted[]
  readonly end: number
}

const producer = fc.integer({ min: 0, max: 4 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    producer,
    records: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ kind: fc.constant('end' as const), producer, commit: fc.boolean() })
)

function build(steps: readonly Step[]): ModelLog {
  const batches: Buffer[] = []
  const visible = new Set<number>()
  const aborted: Aborted[] = []
  const open = new Map<number, number[]>()
  let end = 0
  const endAll = [1, 2, 3, 4].map((id): Step => ({ kind: 'end', producer: id, commit: true }))
  // Without open transactions the last stable offset is the end, and everything may be read.
  for (const next of [...steps, ...endAll]) {
    const offsets = open.get(next.producer)
    if (next.kind === 'write') {
      const written = Array.from({ length: next.records }, (_, index) => end + index)
      batches.push(dataBatch(next.producer, end, next.records))
      end += next.records
      if (next.producer === 0) for (const offset of written) visible.add(offset)
      else open.set(next.producer, [...(offsets ?? []), ...written])
    } else if (offsets?.[0] !== undefined) {
      batches.push(markerBatch(next.producer, end, next.commit))
      if (next.commit) for (const offset of offsets) visible.add(offset)
      else aborted.push({ producerId: next.producer, firstOffset: offsets[0], marker: end })
      open.delete(next.producer)
      end++
    }
  }
  return { batches, visible, aborted, end }
}

function dataBatch(producerId: number, base: number, records: number): Buffer {
  const encoder = new RecordBatchEncoder()
  for (let index = 0; index < records; index++) {
    // Four zero bytes look like the key of an abort marker to those who do not ask for the flag.
    encoder.append(1, Buffer.alloc(4), Buffer.from(String(base + index)))
  }
  return finished(encoder.seal(), producerId, base)
}

function markerBatch(producerId: number, base: number, commit: boolean): Buffer {
  const encoder = new RecordBatchEncoder()
  encoder.append(1, Buffer.from([0, 0, 0, commit ? 1 : 0]), Buffer.alloc(6))
  const batch = encoder.seal()
  batch.writeInt16BE(attribute.control, at.attributes)
  return finished(batch, producerId, base)
}

function finished(batch: Buffer, producerId: number, base: number): Buffer {
  stampBatch(batch, { producerId, epoch: 0, sequence: 0, isTransactional: producerId !== 0 })
  writeInt64(batch, base, at.baseOffset)
  return batch
}

/** What compaction leaves of a batch whose records were all overwritten: the header. */
function emptied(batch: Buffer): Buffer {
  const rest = Buffer.from(batch.subarray(0, 61))
  rest.writeInt32BE(61 - 12, at.length)
  rest.writeInt32BE(0, at.count)
  const producerId = Number(batch.readBigInt64BE(at.producerId))
  stampBatch(rest, { producerId, epoch: 0, sequence: 0, isTransactional: producerId !== 0 })
  return rest
}

function read(fetched: Buffer, from: number, aborted: readonly AbortedTransaction[]) {
  const cursor = new BatchCursor(fetched, { from, aborted, partition: 'changelog-0' })
  const offsets: number[] = []
  while (cursor.advance()) {
    expect(String(cursor.value)).toBe(String(cursor.offset))
    offsets.push(cursor.offset)
  }
  return { offsets, position: cursor.position }
}

test('committed reads show exactly what was committed, wherever they start and stop', () => {
  const property = fc.property(
    fc.array(step, { maxLength: 40 }),
    fc.nat(),
    fc.nat(),
    fc.array(fc.nat({ max: 9 }), { maxLength: 40 }),
    fc.infiniteStream(fc.nat()),
    (steps, start, stop, fates, order) => {
      const log = build(steps)
      const from = start % (log.end + 1)
      // A fetch begins with the batch that holds the offset and ends with any later one.
      const bases = log.batches.map((batch) => Number(batch.readBigInt64BE(at.baseOffset)))
      const first = Math.max(
        0,
        bases.findLastIndex((base) => base <= from)
      )
      const last = first + 1 + (stop % (log.batches.length - first + 1))
      const upTo = bases[last] ?? log.end
      const gone = new Set<number>()
      const fetched = log.batches.slice(first, last).map((batch, index) => {
        const isControl = (batch.readInt16BE(at.attributes) & attribute.control) !== 0
        if (isControl || fates[index] !== 0) return batch
        const base = bases[first + index] ?? 0
        for (let i = 0; i <= batch.readInt32BE(at.lastOffsetDelta); i++) gone.add(base + i)
        return emptied(batch)
      })
      const aborted = log.aborted
        .filter(({ firstOffset, marker }) => firstOffset < upTo && marker >= from)
        .map((transaction) => ({ transaction, rank: order.next().value ?? 0 }))
        .sort((left, right) => left.rank - right.rank)
        .map(({ transaction }) => transaction)
      const expected = [...log.visible]
        .filter((offset) => offset >= from && offset < upTo && !gone.has(offset))
        .sort((left, right) => left - right)
      const seen = read(Buffer.concat(fetched), from, aborted)
      expect(seen.offsets).toEqual(expected)
      expect(seen.position).toBe(Math.max(from, upTo))
    }
  )
  fc.assert(property, { numRuns: 1_000 })
})

test('uncommitted reads show all records and no markers', () => {
  const log = build([
    { kind: 'write', producer: 1, records: 2 },
    { kind: 'end', producer: 1, commit: false },
    { kind: 'write', producer: 0, records: 1 },
  ])
  expect(read(Buffer.concat(log.batches), 0, []).offsets).toEqual([0, 1, 3])
})
