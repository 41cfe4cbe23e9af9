/**
 * Twenty leaders killed (two in the short form) while a million records are written in
 * transactions of either version, and as many without: read back by Kafka's own client, exactly
 * what was meant.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AbortedError, FencedError } from '../../src/errors.ts'
import { taskId } from '../../src/ids.ts'
import { IdempotentProducer } from '../../src/kafka/idempotent-producer.ts'
import { KafkaLog } from '../../src/kafka/kafka-log.ts'
import { BatchChain } from '../../src/kafka/record-batch-chain.ts'
import { silentLogger } from '../../src/log.ts'
import { FaultyCluster } from '../support/faulty-cluster.ts'
import { forEachCommitted } from '../support/foreign-client.ts'
import { type BrokerNode, type RunningBroker, startBroker } from '../support/kafka-broker.ts'
import { createTopic } from '../support/kafka-tools.ts'
import { isFull } from '../support/lengths.ts'
import { bytes, Member, tasksOver } from '../support/log-port-tools.ts'
import { Random, seedOfRun } from '../support/random.ts'

const kills = isFull ? 20 : 2
const recordsMin = isFull ? 1_000_000 : 40_000
const partitions = 4

let brokers: RunningBroker
let cluster: FaultyCluster

beforeAll(async () => {
  // A leader that is killed is missed soon: most of a round is waiting for that.
  const properties = { 'broker.session.timeout.ms': '2000', 'broker.heartbeat.interval.ms': '250' }
  brokers = await startBroker({ nodes: 3, heapMb: 384, properties })
  cluster = new FaultyCluster(connection('killed'))
})

afterAll(async () => {
  cluster?.close()
  await brokers?.stop()
})

function connection(clientId: string) {
  return { brokers: brokers.brokers, clientId, logger: silentLogger, requestTimeoutMs: 3_000 }
}

/** Writes 0, 1, 2, … into each partition, as fast as it may, and slowly when it is ahead. */
abstract class Writer {
  readonly topic: string
  /** Records of each partition that are surely written. */
  written = 0
  allowed = 0
  #isOver = false

  constructor(topic: string) {
    this.topic = topic
  }

  get total(): number {
    return this.written * partitions
  }

  async run(): Promise<void> {
    while (!this.#isOver || this.total < this.allowed) {
      const isAhead = this.total >= this.allowed
      const count = isAhead ? 5 : 500
      if (await this.write(this.written, count)) this.written += count
      if (isAhead) await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  end(): void {
    this.#isOver = true
  }

  /** True: all of these are written, in each partition. False: none of them. */
  protected abstract write(from: number, count: number): Promise<boolean>
}

class TransactionalWriter extends Writer {
  readonly #log: KafkaLog
  readonly #source: string
  readonly #member = new Member()
  #number = 0
  aborted = 0

  constructor(log: KafkaLog, source: string, topic: string) {
    super(topic)
    this.#log = log
    this.#source = source
  }

  async join(): Promise<void> {
    await this.#member.join(this.#log, tasksOver(this.#source, partitions))
    await this.#member.until((owned) => owned.size === partitions)
  }

  close(): Promise<void> {
    return this.#log.close()
  }

  protected async write(from: number, count: number): Promise<boolean> {
    const batch = this.#log.createBatch()
    for (let partition = 0; partition < partitions; partition++) {
      for (let i = from; i < from + count; i++) {
        batch.append(this.topic, partition, Date.now(), null, bytes(String(i)))
      }
    }
    const number = ++this.#number
    const offsets = Array.from({ length: partitions }, (_, partition) => ({
      topic: this.#source,
      partition,
      task: taskId(0, partition),
      offset: from + count,
      metadata: `commit ${number}`,
    }))
    try {
      await this.#log.commit({ batch, offsets, number })
      return true
    } catch (error) {
      // Whatever else it may be ends the test: an outcome that nobody knows, above all.
      if (!(error instanceof AbortedError) && !(error instanceof FencedError)) throw error
      this.aborted++
      await this.#member.until((owned) => owned.size === partitions)
      return false
    }
  }
}

class IdempotentWriter extends Writer {
  readonly #producer = new IdempotentProducer({ cluster, deliveryTimeoutMs: 120_000 })

  protected async write(from: number, count: number): Promise<boolean> {
    const sends: Promise<number>[] = []
    for (let partition = 0; partition < partitions; partition++) {
      // Several batches at once: some of them are under way when the leader dies.
      const chain = new BatchChain({ batchBytesMax: 1_000 })
      for (let i = from; i < from + count; i++) chain.append(Date.now(), null, bytes(String(i)))
      for (const batch of chain.take()) {
        sends.push(this.#producer.send(this.topic, partition, batch))
      }
    }
    await Promise.all(sends)
    return true
  }
}

function nodeAt(address: string | undefined): BrokerNode {
  const node = brokers.nodes.find((candidate) => candidate.address === address)
  if (node === undefined) throw new Error(`No node at ${address}`)
  return node
}

/** Resolves when both have written since. */
async function progress(writers: readonly Writer[]): Promise<void> {
  const before = writers.map(({ written }) => written)
  const gotOn = (): boolean => writers.every(({ written }, i) => written > (before[i] ?? 0))
  await expect.poll(gotOn, { timeout: 120_000, interval: 20 }).toBe(true)
}

async function killLeaders(writers: readonly [Writer, ...Writer[]], seed: number): Promise<void> {
  const random = new Random(seed)
  for (let round = 1; round <= kills; round++) {
    for (const writer of writers) writer.allowed = (recordsMin * round) / kills
    const { topic } = random.pick(writers)
    const partition = random.below(partitions)
    await cluster.refresh([topic])
    const node = nodeAt(cluster.leader({ topic, partition })?.address)
    await new Promise((resolve) => setTimeout(resolve, random.below(200)))
    await node.kill()
    const goingOn = progress(writers)
    await node.start()
    await goingOn
  }
}

/** Every partition holds 0, 1, 2, … up to what was written, once each and in order. */
async function expectExactly(writer: Writer): Promise<void> {
  const next = new Array<number>(partitions).fill(0)
  await forEachCommitted(brokers.brokers.join(','), writer.topic, ({ partition, value }) => {
    const expected = next[partition] ?? 0
    if (value !== String(expected)) {
      throw new Error(`${writer.topic}-${partition} holds ${value} instead of ${expected}`)
    }
    next[partition] = expected + 1
  })
  expect(next).toEqual(next.map(() => writer.written))
}

async function transactionalWriter(transactions: 1 | undefined): Promise<TransactionalWriter> {
  const options = connection('transactional')
  const own = new FaultyCluster(options)
  own.transactions = transactions
  const log = await KafkaLog.connect(
    {
      ...options,
      applicationId: `kills-${randomUUID().slice(0, 8)}`,
      instance: 'only',
      stepTimeoutMs: 20_000,
    },
    own
  )
  const source = await createTopic(own, { partitions })
  return new TransactionalWriter(log, source, await createTopic(own, { partitions }))
}

test(`${kills} killed leaders: nothing is lost, doubled or out of order`, async () => {
  const seed = seedOfRun()
  console.info(`leaders killed with seed ${seed}`)
  const [first, second] = [await transactionalWriter(1), await transactionalWriter(undefined)]
  const idempotent = new IdempotentWriter(await createTopic(cluster, { partitions }))
  const writers = [first, second, idempotent] as const
  for (const writer of [first, second]) await writer.join()
  const writing = Promise.all(writers.map((writer) => writer.run()))
  await Promise.race([writing, killLeaders(writers, seed)])
  for (const writer of writers) writer.end()
  await writing
  for (const writer of [first, second]) {
    await writer.close()
    console.info(`${writer.total} records, ${writer.aborted} transactions aborted`)
  }
  for (const writer of writers) {
    expect(writer.total).toBeGreaterThanOrEqual(recordsMin)
    await expectExactly(writer)
  }
}, 600_000)
