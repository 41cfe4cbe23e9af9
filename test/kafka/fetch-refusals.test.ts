/** What the fetcher makes of brokers that refuse, against one that says what it is told. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FatalError } from '../../src/errors.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { Fetcher } from '../../src/kafka/fetcher.ts'
import { FrameBuffers } from '../../src/kafka/frame-buffers.ts'
import { errorCodes } from '../../src/kafka/kafka-errors.ts'
import { stampBatch } from '../../src/kafka/record-batch.ts'
import type { FetchRequest, FetchResponse } from '../../src/kafka/requests/records.ts'
import { PartitionReader } from '../../src/kafka/source-reader.ts'
import { ThrottledLog } from '../../src/kafka/throttled-log.ts'
import { silentLogger } from '../../src/log.ts'
import { batchOf } from '../support/kafka-tools.ts'

const clock = { now: () => Date.now() }

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
})

afterEach(() => {
  vi.useRealTimers()
})

class ScriptedBroker {
  /** Codes of the answers to come: of the whole answer, or of the partition. */
  refusals: { readonly top?: number; readonly partition?: number }[] = []
  refusal: FatalError | undefined
  asked = 0

  reader(): PartitionReader {
    const cluster = {
      logger: silentLogger,
      links: { buffers: new FrameBuffers() },
      signal: new AbortController().signal,
      leader: () => ({ address: 'model:1', nodeId: 1, epoch: 0 }),
      refresh: () => Promise.resolve(),
      topicRefusal: () => this.refusal,
      // Where there is no more, a request is parked.
      send: (_address: string, _rpc: unknown, { partitions }: FetchRequest) =>
        partitions[0]?.offset === 0 ? Promise.resolve(this.#answer()) : new Promise(() => {}),
    } as unknown as Cluster
    const log = new ThrottledLog(silentLogger, clock)
    const fetcher = new Fetcher({ cluster, clock, role: 'fetch', log })
    return new PartitionReader(fetcher, { topic: 't', partition: 0 }, 0)
  }

  #answer(): FetchResponse {
    this.asked++
    const { top = 0, partition = 0 } = this.refusals.shift() ?? {}
    if (top !== 0) return { error: top, partitions: [] }
    const { bytes } = batchOf(['x'])
    stampBatch(bytes, { producerId: 1, epoch: 0, sequence: 0, isTransactional: false })
    const place = { topic: 't', partition: 0, logStart: 0, aborted: [], divergesAt: undefined }
    const records = partition === 0 ? bytes : Buffer.alloc(0)
    const ends = { highWatermark: 1, lastStableOffset: 1 }
    return { error: 0, partitions: [{ ...place, ...ends, error: partition, records }] }
  }
}

/** What the reader says in the end, however long that takes. */
async function outcome(reader: PartitionReader, seconds: number): Promise<string> {
  for (let ms = 0; ms < seconds * 1_000; ms += 500) {
    try {
      if (reader.advance()) return String(reader.value)
    } catch (error) {
      return (error as FatalError).code
    } finally {
      await vi.advanceTimersByTimeAsync(500)
    }
  }
  return 'nothing'
}

const { UNKNOWN_SERVER_ERROR: stumble, NOT_LEADER_OR_FOLLOWER: moved } = errorCodes

test.each([
  ['of the partition', { partition: stumble }],
  ['of the whole answer', { top: stumble }],
])('an error that a broker cannot name, %s, is asked away, with pauses', async (_, refusal) => {
  const broker = new ScriptedBroker()
  broker.refusals = Array.from({ length: 20 }, () => refusal)
  const reader = broker.reader()
  expect(await outcome(reader, 50)).toBe('x')
  expect(broker.asked).toBeLessThan(30)
  reader.close()
})

test('one that stays ends the reading with its name', async () => {
  const broker = new ScriptedBroker()
  broker.refusals = Array.from({ length: 1_000 }, () => ({ partition: stumble }))
  const reader = broker.reader()
  expect(await outcome(reader, 30)).toBe('nothing')
  expect(await outcome(reader, 60)).toBe('MILLRACE_KAFKA_UNKNOWN_SERVER_ERROR')
})

test('a topic that may not be seen any more ends the reading at once', async () => {
  const broker = new ScriptedBroker()
  broker.refusal = new FatalError('MILLRACE_TEST_FORBIDDEN', 'not yours')
  broker.refusals = Array.from({ length: 1_000 }, () => ({ partition: moved }))
  expect(await outcome(broker.reader(), 5)).toBe('MILLRACE_TEST_FORBIDDEN')
})
