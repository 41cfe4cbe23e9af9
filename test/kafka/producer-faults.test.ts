/** Three brokers that die, fall silent and come back while two producers write to them. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AbortedError, FencedError } from '../../src/errors.ts'
import { IdempotentProducer } from '../../src/kafka/idempotent-producer.ts'
import { UnknownOutcomeError } from '../../src/kafka/kafka-errors.ts'
import { TransactionalProducer } from '../../src/kafka/transactional-producer.ts'
import { silentLogger } from '../../src/log.ts'
import { FaultyCluster } from '../support/faulty-cluster.ts'
import { type BrokerNode, type RunningBroker, startBroker } from '../support/kafka-broker.ts'
import { batchOf, createTopic, readAll } from '../support/kafka-tools.ts'

let brokers: RunningBroker
let cluster: FaultyCluster
/** For transactions of the first version. */
let older: FaultyCluster

beforeAll(async () => {
  brokers = await startBroker({ nodes: 3, heapMb: 384 })
  const options = {
    brokers: brokers.brokers,
    clientId: 'faults',
    logger: silentLogger,
    requestTimeoutMs: 2_000,
  }
  cluster = new FaultyCluster(options)
  older = new FaultyCluster(options)
  older.transactions = 1
})

afterAll(async () => {
  cluster?.close()
  older?.close()
  await brokers?.stop()
})

function nodeAt(address: string | undefined): BrokerNode {
  const node = brokers.nodes.find((candidate) => candidate.address === address)
  if (node === undefined) throw new Error(`No node at ${address}`)
  return node
}

/** What became of the values, as far as the producer was told. */
interface Told {
  readonly written: string[]
  readonly unknown: Set<string>
}

function nothingTold(): Told {
  return { written: [], unknown: new Set() }
}

async function writeAlone(topic: string, told: Told, until: AbortSignal): Promise<void> {
  const producer = new IdempotentProducer({ cluster })
  for (let index = 0; !until.aborted; index += 5) {
    const values = [0, 1, 2, 3, 4].map((more) => String(index + more))
    const sends = values.map(async (value) => {
      await producer.send(topic, 0, batchOf([value]))
      told.written.push(value)
    })
    await Promise.all(sends)
    await sleep(5)
  }
  producer.close()
}

async function writeInTransactions(
  via: FaultyCluster,
  topic: string,
  told: Told,
  until: AbortSignal
): Promise<void> {
  const producer = new TransactionalProducer({ cluster: via, transactionalId: randomUUID() })
  await producer.initTransactions()
  for (let round = 0; !until.aborted; round++) {
    const values = [0, 1, 2].map((index) => `${round}.${index}`)
    if (!producer.isReady) await producer.initTransactions()
    producer.begin()
    for (const value of values) void producer.send(topic, 0, batchOf([value]))
    try {
      await producer.commit()
      told.written.push(...values)
    } catch (error) {
      if (error instanceof UnknownOutcomeError) for (const value of values) told.unknown.add(value)
      else expect(error instanceof AbortedError || error instanceof FencedError).toBe(true)
      await producer.abort()
    }
    await sleep(5)
  }
  producer.close()
}

async function valuesIn(topic: string): Promise<readonly string[]> {
  return (await readAll(cluster, topic, 0)).map(({ value }) => value)
}

/** Resolves when both writers have got on. */
async function progress(...all: readonly Told[]): Promise<void> {
  const before = all.map(({ written }) => written.length)
  const gotOn = (): boolean =>
    all.every(({ written }, index) => written.length >= (before[index] ?? 0) + 15)
  await expect.poll(gotOn, { timeout: 60_000 }).toBe(true)
}

/** All that was written, in order, and of the rest nothing, or what nobody knew; nothing twice. */
async function expectExactly(topic: string, { written, unknown }: Told): Promise<void> {
  // The end of a transaction is answered before its markers are in the log.
  const known = async (): Promise<readonly string[]> =>
    (await valuesIn(topic)).filter((value) => !unknown.has(value))
  await expect.poll(known, { timeout: 10_000 }).toEqual(written)
  const seen = await valuesIn(topic)
  expect(new Set(seen).size).toBe(seen.length)
}

test('dying, silent and returning leaders: nothing is lost, doubled or out of order', async () => {
  const [alone, together] = [await createTopic(cluster), await createTopic(cluster)]
  const before = await createTopic(older)
  const idempotent = nothingTold()
  const transactional = nothingTold()
  const inOldStyle = nothingTold()
  const all = [idempotent, transactional, inOldStyle]
  const end = new AbortController()
  const writing = Promise.all([
    writeAlone(alone, idempotent, end.signal),
    writeInTransactions(cluster, together, transactional, end.signal),
    writeInTransactions(older, before, inOldStyle, end.signal),
  ])
  await progress(...all)
  const killed = nodeAt(cluster.leader({ topic: alone, partition: 0 })?.address)
  await killed.kill()
  await progress(...all)
  await killed.start()
  await progress(...all)
  const silent = nodeAt(cluster.leader({ topic: together, partition: 0 })?.address)
  silent.pause()
  await progress(...all)
  silent.resume()
  await progress(...all)
  end.abort()
  await writing
  expect(await valuesIn(alone)).toEqual(idempotent.written)
  await expectExactly(together, transactional)
  await expectExactly(before, inOldStyle)
}, 300_000)

test('a commit into silence is unknown, and settled for good by the next epoch', async () => {
  const topic = await createTopic(cluster)
  const transactionalId = randomUUID()
  const producer = new TransactionalProducer({ cluster, transactionalId, stepTimeoutMs: 5_000 })
  await producer.initTransactions()
  producer.begin()
  await producer.send(topic, 0, batchOf(['perhaps']))
  for (const node of brokers.nodes) node.pause()
  const outcome = await producer.commit().then(
    () => 'committed',
    (error: unknown) => error
  )
  for (const node of brokers.nodes) node.resume()
  expect(outcome).toBeInstanceOf(UnknownOutcomeError)
  await cluster.retrying('abort', {}, () => producer.abort())
  const settled = await valuesIn(topic)
  producer.begin()
  await producer.send(topic, 0, batchOf(['surely']))
  await producer.commit()
  await expect.poll(() => valuesIn(topic)).toEqual([...settled, 'surely'])
  expect([[], ['perhaps']]).toContainEqual(settled)
  producer.close()
})
