/**
 * Every supported line of Apache Kafka beside the one that all other tests run against: the port
 * suite, and two instances of an application that hand over; in the short form one line, another
 * one each time. At length also three nodes of every line that lose a leader. And brokers that
 * nobody should try.
 */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { present } from '../../src/assert.ts'
import { KafkaLog, type KafkaLogOptions } from '../../src/kafka/kafka-log.ts'
import { createLogger, silentLogger } from '../../src/log.ts'
import { Committing } from '../support/committing.ts'
import { FakeBroker, type Offered } from '../support/fake-broker.ts'
import { itHandsOver } from '../support/hand-over-suite.ts'
import { type BrokerNode, type RunningBroker, startBroker } from '../support/kafka-broker.ts'
import { defaultVersion, kafkaVersions } from '../support/kafka-jars.ts'
import { connectTo } from '../support/kafka-tools.ts'
import { isFull, isLong } from '../support/lengths.ts'
import { describeLogPort } from '../support/log-port-suite.ts'
import { createTopic, Reading } from '../support/log-port-tools.ts'
import { Random, seedOfRun } from '../support/random.ts'

async function connect(more: Pick<KafkaLogOptions, 'brokers'> & Partial<KafkaLogOptions>) {
  return await KafkaLog.connect({
    clientId: 'versions',
    logger: silentLogger,
    applicationId: `versions-${randomUUID()}`,
    instance: randomUUID(),
    ...more,
  })
}

async function leaderOf(brokers: RunningBroker, topic: string): Promise<BrokerNode> {
  const client = connectTo(brokers.brokers)
  await client.refresh([topic])
  const address = client.leader({ topic, partition: 0 })?.address
  client.close()
  return present(
    brokers.nodes.find((node) => node.address === address),
    `the leader of ${topic}`
  )
}

const others = kafkaVersions.filter((version) => version !== defaultVersion)
const only = new Random(seedOfRun()).below(others.length)
const chosen = others.filter((_, index) => isLong || index === only)

describe.each(chosen)('Kafka %s', (version) => {
  let broker: RunningBroker
  let directory: string

  beforeAll(async () => {
    broker = await startBroker({ version })
    directory = await mkdtemp(join(tmpdir(), 'millrace-versions-'))
  })
  afterAll(async () => {
    await broker?.stop()
    await rm(directory, { recursive: true, force: true })
  })

  for (const guarantee of ['exactly_once', 'at_least_once'] as const) {
    if (guarantee === 'at_least_once' && !isFull) continue
    describeLogPort(`Kafka ${version}, ${guarantee}`, async () => ({
      open: (applicationId) =>
        connect({
          brokers: broker.brokers,
          applicationId,
          guarantee,
          stateDirectory: join(directory, applicationId),
          fetchWaitMs: 50,
        }),
      close: async () => undefined,
    }))
  }
  itHandsOver('hands tasks over with their state', () => ({ brokers: broker.brokers }))
})

describe.each(isFull ? kafkaVersions : [])('three nodes of Kafka %s', (version) => {
  let cluster: RunningBroker

  beforeAll(async () => {
    cluster = await startBroker({ version, nodes: 3, heapMb: 384 })
  })
  afterAll(() => cluster?.stop())

  it.each(['exactly_once', 'at_least_once'] as const)(
    'lose no record over the death of a leader, %s',
    async (guarantee) => {
      const log = await connect({
        brokers: cluster.brokers,
        guarantee,
        requestTimeoutMs: 2_000,
        stepTimeoutMs: 10_000,
      })
      onTestFinished(() => log.close())
      const [source, sink] = [`source-${randomUUID()}`, `sink-${randomUUID()}`]
      await createTopic(log, source, 1)
      await createTopic(log, sink, 1)
      const committing = new Committing(log, source, sink)
      await committing.start()
      const reading = new Reading(log, { topic: sink, partition: 0 }, 'earliest')
      const taking = reading.take(80)
      await committing.until(30)
      const leader = await leaderOf(cluster, sink)
      await leader.kill()
      await committing.until(60)
      await leader.start()
      await committing.until(80)
      const numbers = (await taking).map(({ value }) => Number(value))
      const distinct = [...new Set(numbers)]
      expect(distinct).toEqual(Array.from(distinct, (_, i) => i + 1))
      if (guarantee === 'exactly_once') expect(distinct).toEqual(numbers)
      reading.reader.close()
    }
  )
})

describe('a broker that is too old, or too new', () => {
  async function refusal(except: Offered): Promise<unknown> {
    const broker = await FakeBroker.start(except)
    onTestFinished(() => broker.close())
    const lines: string[] = []
    const logger = createLogger({ level: 'warn', write: (line) => lines.push(line) })
    const failure = await connect({ brokers: [broker.address], logger }).then(
      () => undefined,
      (error: unknown) => error
    )
    expect(lines).toEqual([])
    return failure
  }

  it('is refused at the start, with the requests that it lacks', async () => {
    const failure = await refusal({ TxnOffsetCommit: [0, 2], DeleteRecords: undefined })
    expect(failure).toMatchObject({
      code: 'MILLRACE_KAFKA_VERSION_UNSUPPORTED',
      message: expect.stringContaining(
        'does not speak DeleteRecords 2 (offered: not at all), TxnOffsetCommit 3 (offered: ' +
          '0 to 2); use Apache Kafka 3.9'
      ),
    })
  })

  it('is refused if it has given up what is spoken here', async () => {
    expect(await refusal({ Fetch: [13, 17] })).toMatchObject({
      code: 'MILLRACE_KAFKA_VERSION_UNSUPPORTED',
      message: expect.stringContaining('Fetch 12 (offered: 13 to 17)'),
    })
  })
})
