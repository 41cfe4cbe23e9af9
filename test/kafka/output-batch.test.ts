/** Records on their way into a commit, and those that their topic would refuse. */
import { expect, test } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { RejectedRecordError } from '../../src/errors.ts'
import { KafkaOutputBatch } from '../../src/kafka/output-batch.ts'
import type { TopicLimits } from '../../src/kafka/topic-limits.ts'

const hourMs = 3_600_000
const start = 1_767_225_600_000
const free: TopicLimits = {
  bytesMax: 10_000,
  needsKey: false,
  agoMaxMs: Infinity,
  aheadMaxMs: Infinity,
}
const key = Buffer.from('k')

function batchOf(limits: Partial<TopicLimits>, clock = new ManualClock(start)): KafkaOutputBatch {
  return new KafkaOutputBatch({ limits: new Map([['out', { ...free, ...limits }]]), clock })
}

/** The reason of a refusal; undefined: it was taken. */
function refusal(batch: KafkaOutputBatch, timestamp: number, from: Buffer | null = key): unknown {
  try {
    batch.append('out', 0, timestamp, from, key)
    return undefined
  } catch (error) {
    return (error as RejectedRecordError).reason
  }
}

test('a date too far ahead is refused, whatever was taken before it', () => {
  const clock = new ManualClock(start)
  const batch = batchOf({ aheadMaxMs: hourMs }, clock)
  expect(refusal(batch, start)).toBeUndefined()
  expect(refusal(batch, start + hourMs)).toBeUndefined()
  expect(refusal(batch, start + hourMs + 1)).toBe('refused_timestamp')
  clock.advance(1)
  expect(refusal(batch, start + hourMs + 1)).toBeUndefined()
  expect(refusal(batch, start + hourMs + 2)).toBe('refused_timestamp')
  expect(batch.records).toBe(3)
})

test('a date too long ago is refused, whatever was taken before it', () => {
  const clock = new ManualClock(start)
  const batch = batchOf({ aheadMaxMs: hourMs, agoMaxMs: hourMs }, clock)
  expect(refusal(batch, start - hourMs)).toBeUndefined()
  clock.advance(1)
  expect(refusal(batch, start - hourMs)).toBe('refused_timestamp')
})

test('a key that is missing is refused where it is needed, in time or not', () => {
  const batch = batchOf({ needsKey: true, aheadMaxMs: hourMs })
  expect(refusal(batch, start, null)).toBe('null_key')
  expect(refusal(batch, start)).toBeUndefined()
  expect(refusal(batch, start, null)).toBe('null_key')
  expect(refusal(batchOf({ needsKey: true }), start, null)).toBe('null_key')
})

test('a partition whose only record was refused has nothing to send', () => {
  const batch = batchOf({ bytesMax: 100 })
  expect(() => batch.append('out', 1, start, key, Buffer.alloc(200))).toThrow(RejectedRecordError)
  batch.append('out', 0, start, key, key)
  batch.append('free', 3, start, null, Buffer.alloc(200))
  const taken = batch.take().map(({ topic, partition, batches }) => [topic, partition, batches[0]])
  expect(taken).toMatchObject([
    ['out', 0, { records: 1 }],
    ['free', 3, { records: 1 }],
  ])
  expect(batch.take()).toEqual([])
})
