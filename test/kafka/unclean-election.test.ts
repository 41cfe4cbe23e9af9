/**
 * A replica that was behind becomes the leader: what was read is not in the log any more, and new
 * records have taken its place.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { KafkaLog } from '../../src/kafka/kafka-log.ts'
import { silentLogger } from '../../src/log.ts'
import { Restore } from '../../src/runtime/restore.ts'
import type { TaskState } from '../../state/contract.ts'
import { makeTopic } from '../support/kafka-admin.ts'
import { type BrokerNode, type RunningBroker, startBroker } from '../support/kafka-broker.ts'
import { connectTo } from '../support/kafka-tools.ts'
import { Reading, textRecord } from '../support/log-port-tools.ts'

const nodes = 3

let broker: RunningBroker
let cluster: Cluster
let log: KafkaLog

beforeAll(async () => {
  const properties = {
    'default.replication.factor': '2',
    'min.insync.replicas': '1',
    'unclean.leader.election.enable': 'true',
  }
  broker = await startBroker({ nodes, heapMb: 384, properties })
  cluster = connectTo(broker.brokers)
  log = await KafkaLog.connect({
    brokers: broker.brokers,
    clientId: 'truncated',
    logger: silentLogger,
    applicationId: 'truncated',
    instance: 'only',
    guarantee: 'at_least_once',
  })
})

afterAll(async () => {
  await log?.close()
  cluster?.close()
  await broker?.stop()
})

async function replicas(topic: string): Promise<{ leader: number; all: readonly number[] }> {
  const { topics } = await cluster.metadata([topic])
  const [partition] = topics[0]?.partitions ?? []
  return { leader: partition?.leader ?? -1, all: partition?.replicas ?? [] }
}

function node(id: number | undefined): BrokerNode {
  const found = broker.nodes.find(({ nodeId }) => nodeId === id)
  if (found === undefined) throw new Error(`No node ${id}`)
  return found
}

const named = (name: string, count: number) =>
  Array.from({ length: count }, (_, i) => textRecord(`${name}${i}`, { timestamp: Date.now() }))

test('a reader is told what is gone, although the log is longer than before', async () => {
  // Named as a changelog is: it is both here.
  const topic = 'truncated-counts-changelog'
  await makeTopic(cluster, topic)
  const before = await replicas(topic)
  const [leader, follower] = [
    node(before.leader),
    node(before.all.find((id) => id !== before.leader)),
  ]
  await log.append(topic, named('a', 10))
  const reading = new Reading(log, { topic, partition: 0 }, 'earliest')
  await reading.take(10)
  await follower.kill()
  await log.append(topic, named('b', 10))
  expect((await reading.take(10)).at(-1)?.value).toBe('b9')
  const [epochBefore, epoch] = [reading.reader.epochAt?.(10), reading.reader.epochAt?.(20)]
  expect.assert(epochBefore !== undefined && epoch !== undefined)
  await leader.kill()
  await follower.start()
  const now = async (): Promise<number> => (await replicas(topic)).leader
  await expect.poll(now, { timeout: 60_000 }).toBe(follower.nodeId)
  // Who wrote the lost records is told as well: its sequence goes on behind them.
  const refused = log.append(topic, named('c', 15))
  await expect(refused).rejects.toThrow('the broker answered OUT_OF_ORDER_SEQUENCE_NUMBER')
  // More than were lost: the position that was reached is inside the log again.
  await log.append(topic, named('c', 15))
  await expect(reading.take(1)).rejects.toMatchObject({
    code: 'MILLRACE_LOG_TRUNCATED',
    message: expect.stringMatching(/has lost its records \[10, 20\).*--to-offset 10 /),
  })
  reading.reader.close()
  // Who was away meanwhile is told, too, if it knows under whom it has read.
  const away = log.read({ topic, partition: 0 }, 20, { leaderEpoch: epoch })
  const told = (): unknown => {
    try {
      return away.advance()
    } catch (error) {
      return error
    }
  }
  await expect.poll(told, { timeout: 60_000 }).toMatchObject({
    code: 'MILLRACE_LOG_TRUNCATED',
    message: expect.stringContaining('has lost its records [10, 20)'),
  })
  away.close()
  const restored = new Restore({
    log,
    applicationId: 'truncated',
    task: '0_0',
    partition: 0,
    stores: ['counts'],
    state: { restore: () => {}, flushRestored: async () => {} } as unknown as TaskState,
    checkpoint: { commitNumber: 2, changelogs: { counts: 20 }, epochs: { counts: epoch } },
    committed: 2,
    signal: new AbortController().signal,
    logger: silentLogger,
    ticks: () => 0,
    now: () => 0,
  }).run()
  await expect(restored).rejects.toMatchObject({
    code: 'MILLRACE_CHANGELOG_TRUNCATED',
    message: expect.stringMatching(/stands at 20 of truncated-counts-.*only up to 10: it has lost/),
  })
  const place = { topic, partition: 0 }
  expect(await log.divergence(place, 20, epoch)).toBe(10)
  expect(await log.divergence(place, 10, epochBefore)).toBeUndefined()
  expect(await log.divergence(place, 25, epoch + 1_000)).toBe(0)
  const fresh = new Reading(log, { topic, partition: 0 }, 10)
  expect((await fresh.take(15)).map(({ value }) => value)).toEqual(
    named('c', 15).map((_, i) => `c${i}`)
  )
  fresh.reader.close()
})
