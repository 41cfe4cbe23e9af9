/**
 * The end of a transaction that reaches one leader late: the coordinator, on another broker, has
 * answered, and the way between the two is frozen.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { KafkaLog } from '../../src/kafka/kafka-log.ts'
import { transactionalIdOf } from '../../src/kafka/transactional-id.ts'
import { silentLogger } from '../../src/log.ts'
import { type RunningBroker, startBroker } from '../support/kafka-broker.ts'
import { connectTo, createTopic } from '../support/kafka-tools.ts'
import { bytes, commitOne, Member, Reading, tasksOver, textOf } from '../support/log-port-tools.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

/** In front of each broker, for the others. */
const proxies: TcpProxy[] = []
let broker: RunningBroker
let cluster: Cluster
const logs: KafkaLog[] = []

beforeAll(async () => {
  broker = await startBroker({
    nodes: 2,
    heapMb: 384,
    // Each partition on one broker: nothing but markers goes between them.
    properties: {
      'default.replication.factor': '1',
      'offsets.topic.replication.factor': '1',
      'transaction.state.log.replication.factor': '1',
    },
    advertiseAmongBrokers: async (nodeId, address) => {
      const proxy = await TcpProxy.to(address)
      proxies[nodeId - 1] = proxy
      return proxy.address
    },
  })
  cluster = connectTo(broker.brokers)
})

afterAll(async () => {
  for (const proxy of proxies) proxy.setWeather({})
  for (const log of logs) await log.close()
  cluster?.close()
  await broker?.stop()
  for (const proxy of proxies) proxy.close()
})

async function connect(applicationId: string, instanceId?: string): Promise<KafkaLog> {
  const log = await KafkaLog.connect({
    brokers: broker.brokers,
    clientId: 'late',
    logger: silentLogger,
    applicationId,
    instance: randomUUID(),
    ...(instanceId === undefined ? {} : { instanceId }),
  })
  logs.push(log)
  return log
}

async function coordinator(kind: 'group' | 'transaction', key: string): Promise<string> {
  return await cluster.retrying(key, {}, () => cluster.coordinator(kind, key))
}

/** An instance id whose transactions have the same coordinator as the group. */
async function instanceBeside(applicationId: string, address: string): Promise<string> {
  for (;;) {
    const instanceId = randomUUID()
    const name = transactionalIdOf(applicationId, instanceId)
    if ((await coordinator('transaction', name)) === address) return instanceId
  }
}

async function topicElsewhere(address: string): Promise<string> {
  for (;;) {
    const topic = await createTopic(cluster)
    if (cluster.leader({ topic, partition: 0 })?.address !== address) return topic
  }
}

test('nobody takes what is there without its marker for all there is', async () => {
  const applicationId = `late-${randomUUID()}`
  const near = await coordinator('group', applicationId)
  const writer = await connect(applicationId, await instanceBeside(applicationId, near))
  const [source, topic] = [await createTopic(cluster), await topicElsewhere(near)]
  const changelog = { topic, partition: 0 }
  const far = cluster.leader(changelog)
  const proxy = proxies[(far?.nodeId ?? 0) - 1]
  expect.assert(proxy)
  const member = new Member()
  await member.join(writer, tasksOver(source, 1))
  await member.until((owned) => owned.size === 1)
  const put = (value: string) => (batch: ReturnType<KafkaLog['createBatch']>) =>
    batch.append(topic, 0, Date.now(), bytes('key'), bytes(value))
  await commitOne(writer, source, 1, put('first'))
  const reader = await connect(applicationId)
  const reading = new Reading(reader, changelog, 'earliest')
  expect((await reading.take(1))[0]?.value).toBe('first')
  await reading.until(() => reading.reader.position === 2)

  proxy.setWeather({ frozen: 'requests' })
  await commitOne(writer, source, 2, put('second'))
  const [committed] = await reader.committed([{ topic: source, partition: 0 }])
  expect(committed).toMatchObject({ offset: 2, metadata: 'commit 2' })
  const restores = (['earliest', 2] as const).map((from) => {
    const applied: (string | null)[] = []
    const ends: number[] = []
    const reached: number[] = []
    const done = reader.restore(changelog, from, {
      signal: new AbortController().signal,
      onBounds: (_, end) => void ends.push(end),
      apply: ({ value }) => void applied.push(textOf(value)),
      flush: () => {},
    })
    return { applied, ends, reached, done: done.then((position) => void reached.push(position)) }
  })
  await expect.poll(() => restores.map(({ ends }) => ends)).toEqual([[3], [3]])
  await expect.poll(() => restores[0]?.applied).toEqual(['first'])
  await reading.until(() => reading.reader.answer?.highWatermark === 3)
  for (let answers = 0; answers < 8; answers++) {
    await reading.sign()
    expect(reading.reader.advance()).toBe(false)
    expect(reading.reader.position).toBe(2)
  }
  expect(restores.map(({ applied, reached }) => [applied, reached])).toEqual([
    [['first'], []],
    [[], []],
  ])

  proxy.setWeather({})
  expect((await reading.take(1))[0]?.value).toBe('second')
  for (const { done } of restores) await done
  expect(restores.map(({ applied }) => applied)).toEqual([['first', 'second'], ['second']])
  for (const { reached } of restores) expect(reached[0]).toBeGreaterThanOrEqual(3)
  await commitOne(writer, source, 3, put('third'))
  expect((await reading.take(1))[0]?.value).toBe('third')
  reading.reader.close()
})
