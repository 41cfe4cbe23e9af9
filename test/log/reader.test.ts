/** Claims about reading that only the embedded log makes: its answers, its tail, its bounds. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { EmbeddedLog } from '../../src/log/embedded-log.ts'
import { Partition } from '../../src/log/partition.ts'
import { PartitionReader } from '../../src/log/reader.ts'
import { memoryStorage } from '../../src/log/storage.ts'
import { bytes, createTopic, Reading, textOf, textRecord } from '../support/log-port-tools.ts'

const at = { topic: 'in', partition: 0 }
let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'millrace-log-'))
})

afterEach(() => rmSync(home, { recursive: true, force: true }))

describe('an answer', () => {
  it('is always of now: an idle reader is never out of date', async () => {
    const clock = new ManualClock(1_000)
    const log = EmbeddedLog.inMemory({ clock })
    await createTopic(log, 'in', 1)
    const reader = log.read(at, 'earliest')
    const empty = { logStart: 0, highWatermark: 0 }
    expect(reader.answer).toEqual({ sentAt: 1_000, answeredAt: 1_000, ...empty })
    clock.advance(60_000)
    expect(reader.answer).toEqual({ sentAt: 61_000, answeredAt: 61_000, ...empty })
    await log.append('in', [textRecord('a')])
    expect(reader.answer).toMatchObject({ sentAt: 61_000, highWatermark: 1 })
    expect(reader.position).toBe(0)
  })

  it('is told of again and again, so that an idle reader can look at the clock', async () => {
    const log = await EmbeddedLog.open({ path: join(home, 'log'), answerEveryMs: 1 })
    await createTopic(log, 'in', 1)
    const reading = new Reading(log, at, 'earliest')
    expect(reading.reader.advance()).toBe(false)
    await reading.sign()
    await reading.sign()
    await log.close()
  })
})

describe('a reader', () => {
  it('closed, tells nothing any more and yields nothing', async () => {
    const log = EmbeddedLog.inMemory({ clock: new ManualClock(0) })
    await createTopic(log, 'in', 1)
    let calls = 0
    const reader = log.read(at, 'earliest', { onData: () => calls++ })
    await log.append('in', [textRecord('a')])
    reader.close()
    await log.append('in', [textRecord('b')])
    expect([reader.advance(), calls]).toEqual([false, 1])
  })

  it('overtaken by a purge while it loads says so, and speaks of no damage', async () => {
    const entry = { id: 1, name: 'in', partitions: 1, config: {}, consumed: false }
    const source = new Partition(entry, 0, 0)
    source.recover({ ...source.entry(), end: 100 }, 0)
    let fail = (_error: Error): void => {}
    const storage = {
      ...memoryStorage,
      load: () => new Promise<never>((_resolve, reject) => (fail = reject)),
    }
    const context = { storage, clock: new ManualClock(0), onClosed: () => {} }
    const reader = new PartitionReader(source, 0, context)
    expect(reader.advance()).toBe(false)
    source.logStart = 50
    fail(new Error('a hole'))
    await Promise.resolve()
    expect(() => reader.advance()).toThrow('Offset 0 of in-0 is not in the log')
  })

  it('passes over what compaction has left empty', async () => {
    const log = EmbeddedLog.inMemory({ clock: new ManualClock(0) })
    const config = { 'cleanup.policy': 'compact', 'delete.retention.ms': '0' }
    await createTopic(log, 'in', 1, config)
    await log.append('in', [{ partition: 0, timestamp: 0, key: bytes('k'), value: bytes('v') }])
    await log.append('in', [{ partition: 0, timestamp: 0, key: bytes('k'), value: null }])
    await log.maintain({ compact: true })
    const reader = log.read(at, 'earliest')
    expect(reader.advance()).toBe(false)
    expect([reader.position, reader.answer?.highWatermark]).toEqual([2, 2])
  })

  it('from storage and memory gives every record once, in order, whatever the sizes', async () => {
    let life = 0
    const sizes = fc.array(fc.oneof(fc.nat(100), fc.nat(60_000)), { minLength: 1, maxLength: 40 })
    const plan = fc.record({
      batches: fc.array(sizes, { minLength: 1, maxLength: 6 }),
      tailBytesMax: fc.nat(200_000),
      bufferBytes: fc.integer({ min: 1, max: 300_000 }),
      from: fc.nat(50),
    })
    await fc.assert(
      fc.asyncProperty(plan, async ({ batches, tailBytesMax, bufferBytes, from }) => {
        const path = join(home, `${life++}`)
        const log = await EmbeddedLog.open({ path, tailBytesMax })
        await createTopic(log, 'in', 1)
        let count = 0
        const write = async (sizesOfBatch: readonly number[]): Promise<void> => {
          const records = sizesOfBatch.map((size) => textRecord(`${count++} ${'x'.repeat(size)}`))
          await log.append('in', records)
        }
        for (const batch of batches.slice(1)) await write(batch)
        const start = Math.min(from, count)
        const reading = new Reading(log, at, start, bufferBytes)
        const reads = reading.take(count - start + (batches[0]?.length ?? 0))
        await write(batches[0] ?? [])
        const seen = (await reads).map(({ offset, value }) => [
          offset,
          Number.parseInt(value ?? '', 10),
        ])
        expect(seen).toEqual(
          Array.from({ length: count - start }, (_, i) => [start + i, start + i])
        )
        expect([reading.reader.advance(), reading.reader.position]).toEqual([false, count])
        await log.close()
      }),
      { numRuns: 15 }
    )
  })

  it('reads from disk what a new process finds there', async () => {
    const path = join(home, 'log')
    const log = await EmbeddedLog.open({ path })
    await createTopic(log, 'in', 1)
    await log.append(
      'in',
      ['a', 'b', 'c'].map((value) => textRecord(value))
    )
    await log.close()
    const again = await EmbeddedLog.open({ path })
    const reader = again.read(at, 1)
    expect(reader.advance()).toBe(false)
    const reading = new Reading(again, at, 1)
    const [first] = await reading.take(2)
    expect([first?.offset, first?.value]).toEqual([1, 'b'])
    while (!reader.advance()) await new Promise((resolve) => setImmediate(resolve))
    expect(textOf(reader.value)).toBe('b')
    await again.close()
  })
})
