/**
 * Committed reads of a topic that is really aborted and really compacted, against a model that
 * knows what every transaction wrote and how it ended.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { at, batchEnd, headerBytes } from '../../src/kafka/record-batch.ts'
import { BatchChain } from '../../src/kafka/record-batch-chain.ts'
import { BatchCursor } from '../../src/kafka/record-batch-cursor.ts'
import { type FetchedPartition, fetch } from '../../src/kafka/requests/records.ts'
import { TransactionalProducer } from '../../src/kafka/transactional-producer.ts'
import { type RunningBroker, startBroker } from '../support/kafka-broker.ts'
import { connectTo, createTopic } from '../support/kafka-tools.ts'
import { Random, seedOfRun } from '../support/random.ts'

const rounds = 90
const keys = 20

let broker: RunningBroker
let cluster: Cluster
const producers: TransactionalProducer[] = []

// A broker of its own: the cleaner of a shared one has the topics of all other tests to look after.
beforeAll(async () => {
  broker = await startBroker()
  cluster = connectTo(broker.brokers)
})

afterAll(async () => {
  for (const producer of producers) producer.close()
  cluster?.close()
  await broker?.stop()
})

/** Key 0 is four zero bytes, which look like the key of an abort marker. */
function keyOf(index: number): Buffer {
  const key = Buffer.alloc(4)
  key.writeInt32BE(index)
  return key
}

/** One transaction: the keys it writes, in order; none of the values is written twice. */
async function transact(
  producer: TransactionalProducer,
  topic: string,
  written: readonly (readonly [number, string | null])[],
  commit: boolean
): Promise<void> {
  if (!producer.isReady) await producer.initTransactions()
  producer.begin()
  for (const [key, value] of written) {
    const chain = new BatchChain()
    chain.append(Date.now(), keyOf(key), value === null ? null : Buffer.from(value))
    for (const batch of chain.take()) void producer.send(topic, 0, batch)
  }
  if (commit) return await producer.commit()
  // Written to the log before it is given up, or there is nothing to hide.
  const last = new BatchChain()
  last.append(Date.now(), keyOf(0), Buffer.from('never'))
  for (const batch of last.take()) await producer.send(topic, 0, batch)
  await producer.abort()
}

async function fetchFrom(topic: string, offset: number): Promise<FetchedPartition> {
  const wanted = { topic, partition: 0, offset, leaderEpoch: -1, bytesMax: 5_000 }
  const request = {
    waitMs: 100,
    bytesMin: 1,
    bytesMax: 1_000_000,
    isolation: 'committed' as const,
    partitions: [wanted],
  }
  const [fetched] = await cluster.callLeaders(
    'Fetch',
    [wanted],
    async (address) => (await cluster.send(address, fetch, request, { role: 'fetch' })).partitions
  )
  expect.assert(fetched?.error === 0)
  return fetched
}

interface Seen {
  /** The latest value of each key; null: deleted. */
  readonly table: ReadonlyMap<number, string | null>
  readonly batches: number
  readonly records: number
  readonly emptyBatches: number
  readonly aborted: number
}

async function readTable(topic: string): Promise<Seen> {
  const table = new Map<number, string | null>()
  const counts = { batches: 0, records: 0, emptyBatches: 0, aborted: 0 }
  for (let offset = 0; ; ) {
    const { records, aborted, lastStableOffset } = await fetchFrom(topic, offset)
    counts.aborted += aborted.length
    for (let start = 0, end = batchEnd(records, 0); end !== undefined; ) {
      counts.batches++
      if (records.readInt32BE(start + at.count) === 0) {
        expect(end - start).toBe(headerBytes)
        counts.emptyBatches++
      }
      start = end
      end = batchEnd(records, start)
    }
    const cursor = new BatchCursor(records, { from: offset, aborted, partition: `${topic}-0` })
    while (cursor.advance()) {
      counts.records++
      const key = Buffer.from(cursor.key ?? []).readInt32BE()
      table.set(key, cursor.value === null ? null : Buffer.from(cursor.value).toString())
    }
    offset = cursor.position
    if (offset >= lastStableOffset) return { table, ...counts }
  }
}

test('tables read from it are right before, while and after the cleaner works', async () => {
  const seed = seedOfRun()
  console.info(`compacted and aborted with seed ${seed}`)
  const random = new Random(seed)
  const topic = await createTopic(cluster, {
    config: {
      'cleanup.policy': 'compact',
      'segment.ms': '100',
      'min.cleanable.dirty.ratio': '0.01',
      'delete.retention.ms': '0',
    },
  })
  for (let i = 0; i < 4; i++) {
    producers.push(new TransactionalProducer({ cluster, transactionalId: randomUUID() }))
  }
  const model = new Map<number, string | null>()
  let committed = 0
  let aborts = 0
  for (let round = 0; round < rounds; round++) {
    const producer = producers[random.below(producers.length)]
    expect.assert(producer)
    const written = Array.from({ length: 1 + random.below(6) }, (_, i) => {
      const isDeleted = random.chance(0.1)
      const value = isDeleted ? null : `${round}.${i}`.padEnd(100, '.')
      return [random.below(keys), value] as const
    })
    const commit = random.chance(0.7)
    await transact(producer, topic, written, commit)
    if (!commit) {
      aborts++
      continue
    }
    committed += written.length
    for (const [key, value] of written) model.set(key, value)
  }
  const living = (table: ReadonlyMap<number, string | null>) =>
    [...table].filter(([, value]) => value !== null).sort(([left], [right]) => left - right)
  const before = await readTable(topic)
  expect(living(before.table)).toEqual(living(model))
  expect(aborts).toBeGreaterThan(0)
  // Nobody says when the cleaner has been: the log does. What it reads is right at all times. It
  // leaves the last segment alone, which a write after 100 ms makes the last but one.
  const [first] = producers
  expect.assert(first)
  let now = before
  let looks = 0
  const isCleaned = async (): Promise<boolean> => {
    const look = `look ${looks++}`
    await transact(first, topic, [[keys, look]], true)
    model.set(keys, look)
    now = await readTable(topic)
    expect(living(now.table)).toEqual(living(model))
    // It may have begun before the first look.
    return now.records < committed / 2
  }
  await expect.poll(isCleaned, { timeout: 100_000, interval: 500 }).toBe(true)
}, 150_000)
