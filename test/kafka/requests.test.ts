/** Each request once against a real broker: what no other suite speaks. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { IdempotentProducer } from '../../src/kafka/idempotent-producer.ts'
import { errorCodes } from '../../src/kafka/kafka-errors.ts'
import { heartbeat, joinGroup, leaveGroup, syncGroup } from '../../src/kafka/requests/groups.ts'
import { offsetCommit, offsetFetch } from '../../src/kafka/requests/offsets.ts'
import { deleteRecords, fetch, listOffsets } from '../../src/kafka/requests/records.ts'
import {
  createTopics,
  deleteTopics,
  describeConfigs,
  incrementalAlterConfigs,
} from '../../src/kafka/requests/topics.ts'
import { batchOf, connectTo, createTopic } from '../support/kafka-tools.ts'
import { sharedBroker } from '../support/shared-broker.ts'

let cluster: Cluster
let address = ''

beforeAll(async () => {
  cluster = connectTo(await sharedBroker())
  address = await cluster.controller()
})

afterAll(() => cluster?.close())

test('topics are created once, described, changed, and deleted', async () => {
  const topic = await createTopic(cluster, { partitions: 2, config: { 'retention.ms': '1234' } })
  const again = { topic, partitions: 2, replicationFactor: 1, config: {} }
  const [refused] = await cluster.send(address, createTopics, { topics: [again], timeoutMs: 5_000 })
  expect(refused).toMatchObject({ topic, error: errorCodes.TOPIC_ALREADY_EXISTS })
  const config = { 'cleanup.policy': 'compact', 'retention.ms': null }
  const altered = await cluster.send(address, incrementalAlterConfigs, {
    topics: [{ topic, config }],
  })
  expect(altered).toEqual([{ topic, error: 0, message: expect.toSatisfy(isEmpty) }])
  const names = ['cleanup.policy', 'retention.ms']
  await expect
    .poll(async () => {
      const [seen] = await cluster.send(address, describeConfigs, { topics: [topic], names })
      return Object.fromEntries(seen?.config ?? [])
    })
    .toEqual({ 'cleanup.policy': 'compact', 'retention.ms': '604800000' })
  const [deleted] = await cluster.send(address, deleteTopics, { topics: [topic], timeoutMs: 5_000 })
  expect(deleted).toMatchObject({ topic, error: 0 })
  await expect
    .poll(async () => (await cluster.metadata([topic])).topics[0]?.error)
    .toBe(errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
})

test('offsets by time, and what is left after records were deleted', async () => {
  const topic = await createTopic(cluster)
  const producer = new IdempotentProducer({ cluster })
  await producer.send(topic, 0, batchOf(['a', 'b', 'c']))
  producer.close()
  const partition = { topic, partition: 0 }
  const offsets = async (at: number | 'latest' | 'earliest') => {
    const request = { isolation: 'uncommitted', partitions: [{ ...partition, at }] } as const
    return (await cluster.send(address, listOffsets, request))[0]
  }
  expect(await offsets('earliest')).toMatchObject({ error: 0, offset: 0, leaderEpoch: 0 })
  expect(await offsets('latest')).toMatchObject({ error: 0, offset: 3 })
  expect(await offsets(0)).toMatchObject({ error: 0, offset: 0, timestamp: expect.any(Number) })
  expect(await offsets(Date.now() + 60_000)).toMatchObject({ error: 0, offset: -1 })
  const purge = { timeoutMs: 5_000, partitions: [{ ...partition, before: 2 }] }
  expect(await cluster.send(address, deleteRecords, purge)).toEqual([
    { ...partition, error: 0, logStart: 2 },
  ])
  expect(await offsets('earliest')).toMatchObject({ offset: 2 })
  const [fetched] = await fetchAt(topic, 0)
  expect(fetched).toMatchObject({ error: errorCodes.OFFSET_OUT_OF_RANGE })
  const [rest] = await fetchAt(topic, 2)
  expect(rest).toMatchObject({ error: 0, logStart: 2, highWatermark: 3, lastStableOffset: 3 })
})

test('a leader epoch from the future is refused', async () => {
  const topic = await createTopic(cluster)
  const [fetched] = await fetchAt(topic, 0, 7)
  expect(fetched).toMatchObject({ error: errorCodes.UNKNOWN_LEADER_EPOCH })
})

test('a member joins, beats, commits offsets, and leaves', async () => {
  const topic = await createTopic(cluster)
  const groupId = randomUUID()
  const coordinator = await cluster.retrying('coordinator', {}, () =>
    cluster.coordinator('group', groupId)
  )
  const join = (memberId: string) =>
    cluster.callCoordinator(
      'group',
      groupId,
      joinGroup,
      {
        groupId,
        sessionTimeoutMs: 6_000,
        rebalanceTimeoutMs: 6_000,
        memberId,
        instanceId: null,
        protocolType: 'test',
        protocols: [{ name: 'p', metadata: Buffer.from('meta') }],
      },
      ({ error }) => error
    )
  const { error, memberId } = await join('')
  expect(error).toBe(errorCodes.MEMBER_ID_REQUIRED)
  const joined = await join(memberId)
  expect(joined).toMatchObject({ error: 0, generation: 1, protocol: 'p', leaderId: memberId })
  expect(joined.members).toEqual([{ memberId, instanceId: null, metadata: Buffer.from('meta') }])
  const identity = { groupId, generation: 1, memberId, instanceId: null }
  const assignments = [{ memberId, assignment: Buffer.from('work') }]
  const synced = await cluster.send(coordinator, syncGroup, { ...identity, assignments })
  expect(synced).toEqual({ error: 0, assignment: Buffer.from('work') })
  expect(await cluster.send(coordinator, heartbeat, identity)).toEqual({ error: 0 })
  const offset = { topic, partition: 0, offset: 5, metadata: 'hé' }
  const commit = { ...identity, offsets: [offset] }
  expect(await cluster.send(coordinator, offsetCommit, commit)).toMatchObject([{ error: 0 }])
  const stale = { ...commit, generation: 0 }
  expect(await cluster.send(coordinator, offsetCommit, stale)).toMatchObject([
    { error: errorCodes.ILLEGAL_GENERATION },
  ])
  const asked = [
    { topic, partition: 0 },
    { topic, partition: 9 },
  ]
  const request = { groupId, partitions: asked, requireStable: true }
  expect(await cluster.send(coordinator, offsetFetch, request)).toMatchObject({
    error: 0,
    offsets: [
      { offset: 5, metadata: 'hé' },
      { offset: -1, metadata: '' },
    ],
  })
  const leaving = { groupId, members: [{ memberId, instanceId: null }] }
  expect(await cluster.send(coordinator, leaveGroup, leaving)).toEqual({
    error: 0,
    members: [{ memberId, error: 0 }],
  })
  expect(await cluster.send(coordinator, heartbeat, identity)).toEqual({
    error: errorCodes.UNKNOWN_MEMBER_ID,
  })
})

async function fetchAt(topic: string, offset: number, leaderEpoch = -1) {
  const partitions = [{ topic, partition: 0, offset, leaderEpoch, bytesMax: 1_000_000 }]
  const how = { waitMs: 0, bytesMin: 0, bytesMax: 1_000_000, isolation: 'committed' } as const
  return (await cluster.send(address, fetch, { ...how, partitions })).partitions
}

function isEmpty(message: unknown): boolean {
  return message === null || message === ''
}
