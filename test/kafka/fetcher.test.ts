/** How long requests park on a broker while partitions come, one after the other, to be fetched. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { Fetcher } from '../../src/kafka/fetcher.ts'
import { FrameBuffers } from '../../src/kafka/frame-buffers.ts'
import type { FetchRequest } from '../../src/kafka/requests/records.ts'
import { PartitionReader } from '../../src/kafka/source-reader.ts'
import { ThrottledLog } from '../../src/kafka/throttled-log.ts'
import { pause } from '../../src/kafka/waiting.ts'
import { silentLogger } from '../../src/log.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

/** A leader of empty partitions: it parks every request for as long as that allows. */
class EmptyLeader {
  readonly requests: FetchRequest[] = []
  readonly #closing = new AbortController()
  readonly fetcher: Fetcher

  constructor() {
    const cluster = {
      links: { buffers: new FrameBuffers() },
      signal: this.#closing.signal,
      leader: () => ({ address: 'model:1', nodeId: 1, epoch: 0 }),
      send: (_address: string, _rpc: unknown, request: FetchRequest) => this.#answer(request),
    } as unknown as Cluster
    const log = new ThrottledLog(silentLogger, systemClock)
    const clock = systemClock
    this.fetcher = new Fetcher({ cluster, clock, role: 'fetch', log, waitMs: 250 })
  }

  /** The number of partitions in the latest request. */
  get asked(): number | undefined {
    return this.requests.at(-1)?.partitions.length
  }

  read(partition: number): PartitionReader {
    return new PartitionReader(this.fetcher, { topic: 'events', partition }, 7)
  }

  close(): void {
    this.fetcher.close()
    this.#closing.abort()
  }

  async #answer(request: FetchRequest) {
    this.requests.push(request)
    await pause(request.waitMs, this.#closing.signal)
    const empty = { error: 0, highWatermark: 7, logStart: 0, aborted: [], divergesAt: undefined }
    const partitions = request.partitions.map(({ topic, partition }) => {
      return { ...empty, topic, partition, records: Buffer.alloc(0) }
    })
    return { error: 0, partitions }
  }
}

it('parks no request while partitions come, so that none waits behind another', async () => {
  const leader = new EmptyLeader()
  leader.read(0)
  await vi.advanceTimersByTimeAsync(100)
  leader.read(1)
  await vi.advanceTimersByTimeAsync(20)
  expect(leader.asked).toBe(2)
  leader.close()
})

it('lets requests park once no partition has come for a while', async () => {
  const leader = new EmptyLeader()
  leader.read(0)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(leader.requests.at(-1)?.waitMs).toBe(250)
  leader.close()
})
