/** Small things that suites on a real broker need: topics of their own, and a look into them. */
import { randomUUID } from 'node:crypto'
import { Cluster } from '../../src/kafka/cluster.ts'
import { errorCodes, kafkaError } from '../../src/kafka/kafka-errors.ts'
import { ensureCodecs, scanBatches } from '../../src/kafka/record-batch.ts'
import { BatchChain, type BatchChainOptions } from '../../src/kafka/record-batch-chain.ts'
import { BatchCursor } from '../../src/kafka/record-batch-cursor.ts'
import { fetch, type Isolation, listOffsets } from '../../src/kafka/requests/records.ts'
import { createTopics } from '../../src/kafka/requests/topics.ts'
import { silentLogger } from '../../src/log.ts'

export function connectTo(brokers: readonly string[]): Cluster {
  return new Cluster({ brokers, clientId: 'test', logger: silentLogger })
}

/** Resolves when all partitions have leaders. */
export async function createTopic(
  cluster: Cluster,
  options: {
    readonly partitions?: number
    readonly config?: Readonly<Record<string, string>>
  } = {}
): Promise<string> {
  const { partitions = 1, config = {} } = options
  const topic = `t-${randomUUID()}`
  const wanted = { topic, partitions, replicationFactor: -1, config }
  const request = { topics: [wanted], timeoutMs: 10_000 }
  // Longer than suites want answers that brokers which are killed owe them. Where the answer comes
  // later still, the topic is there at the next attempt: its name is nobody else's.
  await cluster.retrying(`CreateTopics ${topic}`, {}, async () => {
    const [created] = await cluster.send(await cluster.controller(), createTopics, request, {
      timeoutMs: 30_000,
    })
    const error = created?.error ?? -1
    if (error === 0 || error === errorCodes.TOPIC_ALREADY_EXISTS) return
    throw kafkaError(error, `CreateTopics ${topic}`, created?.message ?? null)
  })
  await cluster.retrying(`leaders of ${topic}`, {}, async () => {
    await cluster.refresh([topic])
    for (let partition = 0; partition < partitions; partition++) {
      if (!cluster.leader({ topic, partition })) throw kafkaError(5, topic)
    }
  })
  return topic
}

export function batchOf(values: readonly string[], options: BatchChainOptions = {}) {
  const chain = new BatchChain(options)
  for (const value of values) chain.append(Date.now(), null, Buffer.from(value))
  const [batch] = chain.take()
  if (batch === undefined) throw new Error('a batch needs values')
  return batch
}

export interface SeenRecord {
  readonly offset: number
  readonly value: string
}

/** All there is up to the end as of now: the last stable offset, or the high watermark. */
export async function readAll(
  cluster: Cluster,
  topic: string,
  partition: number,
  isolation: Isolation = 'committed'
): Promise<readonly SeenRecord[]> {
  const request = { isolation, partitions: [{ topic, partition, at: 'latest' as const }] }
  const [end] = await cluster.callLeaders('ListOffsets', request.partitions, (address) =>
    cluster.send(address, listOffsets, request)
  )
  const seen: SeenRecord[] = []
  let offset = 0
  while (offset < (end?.offset ?? 0)) {
    const fetched = await fetchOnce(cluster, topic, partition, offset, isolation)
    const scan = scanBatches(fetched.records, offset)
    await ensureCodecs(scan)
    const cursor = new BatchCursor(fetched.records, {
      from: offset,
      aborted: fetched.aborted,
      partition: `${topic}-${partition}`,
    })
    while (cursor.advance()) seen.push({ offset: cursor.offset, value: String(cursor.value) })
    offset = cursor.position
  }
  return seen
}

export async function fetchOnce(
  cluster: Cluster,
  topic: string,
  partition: number,
  offset: number,
  isolation: Isolation
) {
  const wanted = { topic, partition, offset, leaderEpoch: -1, bytesMax: 1_000_000 }
  const how = { waitMs: 100, bytesMin: 1, bytesMax: 10_000_000, isolation }
  const [fetched] = await cluster.callLeaders(
    'Fetch',
    [wanted],
    async (address) =>
      (await cluster.send(address, fetch, { ...how, partitions: [wanted] }, { role: 'fetch' }))
        .partitions
  )
  if (fetched === undefined || fetched.error !== 0) {
    throw kafkaError(fetched?.error ?? -1, `Fetch ${topic}-${partition}@${offset}`)
  }
  return fetched
}
