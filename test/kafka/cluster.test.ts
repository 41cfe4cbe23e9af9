import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FatalError, RetriableError } from '../../src/errors.ts'
import { Cluster } from '../../src/kafka/cluster.ts'
import { ConnectionError, errorCodes } from '../../src/kafka/kafka-errors.ts'
import { Leaders } from '../../src/kafka/leaders.ts'
import { syncGroup } from '../../src/kafka/requests/groups.ts'
import type { MetadataResponse } from '../../src/kafka/requests/metadata.ts'
import { listOffsets } from '../../src/kafka/requests/records.ts'
import { silentLogger } from '../../src/log.ts'
import { connectTo, createTopic } from '../support/kafka-tools.ts'
import { sharedBroker } from '../support/shared-broker.ts'

let cluster: Cluster

beforeAll(async () => {
  cluster = connectTo(await sharedBroker())
})

afterAll(() => cluster?.close())

test('leaders are known after a refresh, with their epochs', async () => {
  const topic = await createTopic(cluster, { partitions: 3 })
  expect(cluster.leader({ topic, partition: 2 })).toMatchObject({ epoch: 0 })
  expect(cluster.leader({ topic, partition: 3 })).toBeUndefined()
})

test('leaders of several partitions are asked at once; each answers for its own', async () => {
  const topic = await createTopic(cluster, { partitions: 3 })
  const entries = [0, 1, 2].map((partition) => ({ topic, partition, at: 'latest' as const }))
  const results = await cluster.callLeaders('ListOffsets', entries, (address, partitions) =>
    cluster.send(address, listOffsets, { isolation: 'committed', partitions })
  )
  expect(results.map(({ offset }) => offset)).toEqual([0, 0, 0])
})

test('a coordinator is found, and forgotten when it says so, or stumbles', async () => {
  const groupId = randomUUID()
  const request = {
    groupId,
    generation: 1,
    memberId: 'nobody',
    instanceId: null,
    assignments: [],
  }
  const answer = await cluster.callCoordinator(
    'group',
    groupId,
    syncGroup,
    request,
    ({ error }) => error
  )
  expect(answer.error).toBe(errorCodes.UNKNOWN_MEMBER_ID)
  for (const code of [errorCodes.NOT_COORDINATOR, errorCodes.UNKNOWN_SERVER_ERROR]) {
    let asked = 0
    await cluster.callCoordinator('group', groupId, syncGroup, request, () =>
      asked++ === 0 ? code : errorCodes.NONE
    )
    expect(asked).toBe(2)
  }
})

test('what cannot be repeated away is thrown at once, the rest until the deadline', async () => {
  let attempts = 0
  const fail = (error: Error) => () => {
    attempts++
    return Promise.reject(error)
  }
  const fatal = new FatalError('MILLRACE_TEST', 'fatal')
  await expect(cluster.retrying('x', {}, fail(fatal))).rejects.toBe(fatal)
  expect(attempts).toBe(1)
  const passing = new RetriableError('MILLRACE_TEST', 'passing')
  await expect(cluster.retrying('x', { deadlineMs: 100 }, fail(passing))).rejects.toBe(passing)
  expect(attempts).toBeGreaterThan(2)
})

test('a signal ends the attempts with its reason', async () => {
  const stop = new AbortController()
  const waiting = cluster.retrying('x', { signal: stop.signal }, () =>
    Promise.reject(new RetriableError('MILLRACE_TEST', 'passing'))
  )
  stop.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
})

test('brokers that are away are an error that may pass, and health says which', async () => {
  const brokers = ['127.0.0.1:1', '127.0.0.1:2']
  const lost = new Cluster({ brokers, clientId: 'lost', logger: silentLogger })
  expect(lost.health()).toEqual({ ok: true })
  await expect(lost.metadata([])).rejects.toThrow(ConnectionError)
  expect(lost.health()).toMatchObject({
    ok: false,
    reason: expect.stringContaining('No connection to the broker 127.0.0.1:'),
  })
  lost.close()
})

test('nothing goes on after close', async () => {
  const closed = connectTo(await sharedBroker())
  await closed.metadata([])
  const waiting = closed.retrying('x', {}, () =>
    Promise.reject(new RetriableError('MILLRACE_TEST', 'passing'))
  )
  closed.close()
  await expect(waiting).rejects.toMatchObject({ code: 'MILLRACE_KAFKA_CLOSED' })
  await expect(closed.metadata([])).rejects.toMatchObject({ code: 'MILLRACE_KAFKA_CLOSED' })
})

test('an answer with an older leader epoch is believed only if it keeps coming', () => {
  const leaders = new Leaders()
  const tell = (leader: number, leaderEpoch: number): void => {
    const partition = { error: 0, partition: 0, leader, leaderEpoch, replicas: [], inSync: [] }
    const response: MetadataResponse = {
      brokers: [1, 2].map((nodeId) => ({ nodeId, host: `b${nodeId}`, port: 9092 })),
      clusterId: 'c',
      controllerId: 1,
      topics: [{ error: 0, topic: 't', topicId: '0', partitions: [partition] }],
    }
    leaders.take(response)
  }
  const leader = (): number | undefined => leaders.of({ topic: 't', partition: 0 })?.nodeId
  tell(1, 5)
  expect(leader()).toBe(1)
  tell(2, 4)
  expect(leader()).toBe(1)
  tell(2, 6)
  expect(leader()).toBe(2)
  for (let answers = 0; answers < 5; answers++) tell(1, 0)
  expect(leader()).toBe(1)
  tell(-1, 1)
  expect(leader()).toBeUndefined()
})
