/** Transactions on a real broker, in both versions. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { AbortedError, FencedError } from '../../src/errors.ts'
import { UnknownOutcomeError } from '../../src/kafka/kafka-errors.ts'
import { joinGroup, syncGroup } from '../../src/kafka/requests/groups.ts'
import { type GroupIdentity, offsetFetch } from '../../src/kafka/requests/offsets.ts'
import { fenceTransactionalId } from '../../src/kafka/transaction-client.ts'
import { TransactionalProducer } from '../../src/kafka/transactional-producer.ts'
import { silentLogger } from '../../src/log.ts'
import { FaultyCluster } from '../support/faulty-cluster.ts'
import { batchOf, createTopic, readAll } from '../support/kafka-tools.ts'
import { sharedBroker } from '../support/shared-broker.ts'

let cluster: FaultyCluster
const producers: TransactionalProducer[] = []

beforeAll(async () => {
  cluster = await connect()
})

afterEach(async () => {
  for (const producer of producers.splice(0)) {
    await producer.abort()
    producer.close()
  }
})

afterAll(() => cluster?.close())

async function connect(): Promise<FaultyCluster> {
  const brokers = await sharedBroker()
  return new FaultyCluster({ brokers, clientId: 'test', logger: silentLogger })
}

async function ready(
  transactionalId: string = randomUUID(),
  options: { readonly transactionTimeoutMs?: number; readonly stepTimeoutMs?: number } = {}
): Promise<TransactionalProducer> {
  const producer = new TransactionalProducer({ cluster, transactionalId, ...options })
  producers.push(producer)
  await producer.initTransactions()
  return producer
}

async function joinAlone(groupId: string, memberId = ''): Promise<GroupIdentity> {
  const joining = {
    groupId,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId,
    instanceId: null,
    protocolType: 'millrace-test',
    protocols: [{ name: 'any', metadata: Buffer.alloc(0) }],
  }
  const errorOf = (response: { readonly error: number }): number => response.error
  const joined = await cluster.callCoordinator('group', groupId, joinGroup, joining, errorOf)
  if (joined.memberId !== memberId) return joinAlone(groupId, joined.memberId)
  const identity = { groupId, generation: joined.generation, memberId, instanceId: null }
  const assignments = [{ memberId, assignment: Buffer.from('all') }]
  const syncing = { ...identity, assignments }
  await cluster.callCoordinator('group', groupId, syncGroup, syncing, errorOf)
  return identity
}

async function committed(groupId: string, topic: string, requireStable = true) {
  const request = { groupId, partitions: [{ topic, partition: 0 }], requireStable }
  const response = await cluster.callCoordinator(
    'group',
    groupId,
    offsetFetch,
    request,
    ({ error }) => error
  )
  return response.offsets[0]
}

const values = async (topic: string, partition = 0): Promise<readonly string[]> =>
  (await readAll(cluster, topic, partition)).map(({ value }) => value)

describe.each([1, 2] as const)('transactions of version %i', (version) => {
  beforeAll(() => {
    cluster.transactions = version === 1 ? 1 : undefined
  })

  test('what is committed becomes visible, what is aborted never does', async () => {
    const topic = await createTopic(cluster, { partitions: 2 })
    const producer = await ready()
    producer.begin()
    await producer.send(topic, 0, batchOf(['a']))
    await producer.send(topic, 1, batchOf(['b']))
    expect(await values(topic, 0)).toEqual([])
    await producer.commit()
    await expect.poll(() => values(topic, 0)).toEqual(['a'])
    await expect.poll(() => values(topic, 1)).toEqual(['b'])

    producer.begin()
    await producer.send(topic, 0, batchOf(['dropped']))
    await producer.abort()
    producer.begin()
    await expect(producer.send(topic, 0, batchOf(['c']))).resolves.toBe(4)
    await producer.commit()
    await expect.poll(() => values(topic, 0)).toEqual(['a', 'c'])
    const raw = await readAll(cluster, topic, 0, 'uncommitted')
    expect(raw.map(({ value }) => value)).toEqual(['a', 'dropped', 'c'])
  })

  test('nobody has to wait for each send: commit does', async () => {
    const topic = await createTopic(cluster, { partitions: 3 })
    const producer = await ready()
    const numbers = Array.from({ length: 300 }, (_, index) => index)
    for (const round of [0, 1, 2]) {
      producer.begin()
      for (const index of numbers.slice(round * 100, round * 100 + 100)) {
        void producer.send(topic, index % 3, batchOf([String(index)]))
      }
      await producer.commit()
    }
    for (const partition of [0, 1, 2]) {
      const expected = numbers.filter((index) => index % 3 === partition).map(String)
      await expect.poll(() => values(topic, partition)).toEqual(expected)
    }
  })

  test('offsets are committed with the records, under the membership of the group', async () => {
    const topic = await createTopic(cluster)
    const groupId = randomUUID()
    const member = await joinAlone(groupId)
    const producer = await ready()
    const offset = { topic, partition: 0, metadata: 'commit 1' }
    producer.begin()
    await producer.sendOffsets(member, [{ ...offset, offset: 7 }])
    expect(await committed(groupId, topic)).toMatchObject({ error: 88 })
    await producer.commit()
    await expect
      .poll(() => committed(groupId, topic))
      .toMatchObject({ error: 0, offset: 7, metadata: 'commit 1' })

    producer.begin()
    await producer.send(topic, 0, batchOf(['x']))
    await producer.sendOffsets(member, [{ ...offset, offset: 8 }])
    await producer.abort()
    expect(await committed(groupId, topic)).toMatchObject({ error: 0, offset: 7 })
    expect(await values(topic)).toEqual([])
  })

  test('a member of an older generation, or of none, cannot commit offsets', async () => {
    const topic = await createTopic(cluster)
    const groupId = randomUUID()
    const member = await joinAlone(groupId)
    const offsets = [{ topic, partition: 0, offset: 1, metadata: '' }]
    for (const zombie of [
      { ...member, generation: member.generation - 1 },
      { ...member, memberId: 'somebody' },
    ]) {
      const producer = await ready()
      producer.begin()
      await expect(producer.sendOffsets(zombie, offsets)).rejects.toThrow(FencedError)
      await expect(producer.commit()).rejects.toThrow(FencedError)
    }
    const producer = await ready()
    producer.begin()
    const nobody = { ...member, generation: -1, memberId: '' }
    await expect(producer.sendOffsets(nobody, offsets)).rejects.toThrow('Broken invariant')
    expect(await committed(groupId, topic)).toMatchObject({ offset: -1 })
  })

  test('the same id elsewhere fences, and the fenced one can begin anew', async () => {
    const topic = await createTopic(cluster)
    const old = await ready('fence-elsewhere')
    old.begin()
    await old.send(topic, 0, batchOf(['old']))
    const young = await ready('fence-elsewhere')
    await expect(old.commit()).rejects.toThrow(FencedError)
    young.begin()
    await young.send(topic, 0, batchOf(['young']))
    await young.commit()
    await expect.poll(() => values(topic)).toEqual(['young'])
    await old.abort()
    old.begin()
    await old.send(topic, 0, batchOf(['again']))
    await old.commit()
    await expect.poll(() => values(topic)).toEqual(['young', 'again'])
  })

  test('fencing a producer that is gone ends its transaction at once', async () => {
    const topic = await createTopic(cluster)
    const gone = await ready()
    gone.begin()
    await gone.send(topic, 0, batchOf(['left open']))
    await fenceTransactionalId(cluster, gone.transactionalId)
    const next = await ready()
    next.begin()
    await next.send(topic, 0, batchOf(['next']))
    await next.commit()
    await expect.poll(() => values(topic)).toEqual(['next'])
  })

  test('a transaction that outlives its timeout is fenced, and the next one works', async () => {
    const topic = await createTopic(cluster)
    const producer = await ready(randomUUID(), { transactionTimeoutMs: 2_000 })
    producer.begin()
    await producer.send(topic, 0, batchOf(['late']))
    // The broker looks for such transactions every half second.
    await expect
      .poll(async () => (await readAll(cluster, topic, 0, 'uncommitted')).length, {
        timeout: 20_000,
      })
      .toBe(1)
    await expect
      .poll(() => producer.send(topic, 0, batchOf(['later'])).then(() => '', String), {
        timeout: 20_000,
        interval: 200,
      })
      .toMatch(/INVALID_PRODUCER_EPOCH|PRODUCER_FENCED/)
    await expect(producer.commit()).rejects.toThrow(FencedError)
    await producer.abort()
    producer.begin()
    await producer.send(topic, 0, batchOf(['good']))
    await producer.commit()
    await expect.poll(() => values(topic)).toEqual(['good'])
  })

  test('a record the topic refuses fails the whole transaction, and says why', async () => {
    const topic = await createTopic(cluster, {
      partitions: 2,
      config: { 'max.message.bytes': '1000' },
    })
    const producer = await ready()
    producer.begin()
    await producer.send(topic, 1, batchOf(['fine']))
    const refused = { code: 'MILLRACE_KAFKA_MESSAGE_TOO_LARGE' }
    const large = producer.send(topic, 0, batchOf(['x'.repeat(5_000)]))
    await expect(large).rejects.toMatchObject(refused)
    await expect(producer.commit()).rejects.toMatchObject(refused)
    await producer.abort()
    expect(await values(topic, 1)).toEqual([])
  })

  test('a commit whose answer is lost is repeated until it is known', async () => {
    const topic = await createTopic(cluster)
    const producer = await ready()
    const address = await cluster.coordinator('transaction', producer.transactionalId)
    for (let round = 0; round < 10; round++) {
      producer.begin()
      await producer.send(topic, 0, batchOf([String(round)]))
      const committing = producer.commit()
      setImmediate(() => cluster.links.cut(address, 'control'))
      await committing
      if (!producer.isReady) await producer.initTransactions()
    }
    const expected = Array.from({ length: 10 }, (_, index) => String(index))
    await expect.poll(() => values(topic)).toEqual(expected)
  })

  test.each(['EndTxn', 'TxnOffsetCommit'])(
    'a cut connection that left an %s behind does nothing to the next transaction',
    async (name) => {
      const topic = await createTopic(cluster)
      const groupId = randomUUID()
      const member = await joinAlone(groupId)
      const offset = { topic, partition: 0, metadata: '' }
      const producer = await ready()
      const seen = cluster.seen(name)
      producer.begin()
      await producer.send(topic, 0, batchOf(['one']))
      cluster.rule(name, 'mute')
      const committing = producer
        .sendOffsets(member, [{ ...offset, offset: 1 }])
        .then(() => producer.commit())
      await cluster.untilSeen(name, seen + 1)
      cluster.lift(name)
      await committing
      if (!producer.isReady) await producer.initTransactions()
      producer.begin()
      await producer.send(topic, 0, batchOf(['two']))
      const late = JSON.stringify(await cluster.replay(name))
      expect(late).toMatch(/"error":(47|90)\b/)
      expect(await values(topic)).toEqual(['one'])
      await producer.sendOffsets(member, [{ ...offset, offset: 2 }])
      await producer.commit()
      await expect.poll(() => values(topic)).toEqual(['one', 'two'])
      await expect.poll(() => committed(groupId, topic)).toMatchObject({ error: 0, offset: 2 })
    }
  )

  test('with no coordinator in reach the outcome of a commit is unknown', async () => {
    const own = await connect()
    own.transactions = cluster.transactions
    const transactionalId = randomUUID()
    const producer = new TransactionalProducer({
      cluster: own,
      transactionalId,
      stepTimeoutMs: 3_000,
    })
    const topic = await createTopic(own)
    await producer.initTransactions()
    producer.begin()
    await producer.send(topic, 0, batchOf(['perhaps']))
    const address = await own.coordinator('transaction', transactionalId)
    const cutting = setInterval(() => own.links.cut(address), 0)
    const committing = producer.commit()
    own.links.cut(address)
    const outcome = await committing.then(
      () => 'committed',
      (error: unknown) => error
    )
    clearInterval(cutting)
    producer.close()
    own.close()
    expect(outcome === 'committed' || outcome instanceof UnknownOutcomeError).toBe(true)
    await fenceTransactionalId(cluster, transactionalId)
    expect([[], ['perhaps']]).toContainEqual(await values(topic))
  })

  test('connections cut in the middle of transactions lose and double nothing', async () => {
    const topic = await createTopic(cluster, { partitions: 2 })
    const producer = await ready()
    const address = cluster.leader({ topic, partition: 0 })?.address ?? ''
    const done: number[] = []
    for (let round = 0; round < 40; round++) {
      if (!producer.isReady) await producer.initTransactions()
      producer.begin()
      for (let index = 0; index < 10; index++) {
        void producer.send(topic, index % 2, batchOf([String(round * 10 + index)]))
      }
      await new Promise((resolve) => setImmediate(resolve))
      if (round % 2 === 0) cluster.links.cut(address, round % 4 === 0 ? 'produce' : 'control')
      try {
        await producer.commit()
        done.push(round)
      } catch (error) {
        expect(error).toBeInstanceOf(AbortedError)
        await producer.abort()
      }
    }
    expect(done.length).toBeGreaterThan(30)
    for (const partition of [0, 1]) {
      const expected = done.flatMap((round) =>
        [0, 2, 4, 6, 8].map((index) => String(round * 10 + index + partition))
      )
      await expect.poll(() => values(topic, partition)).toEqual(expected)
    }
  })
})

test('features that all brokers agreed on are known, and others are not there', async () => {
  expect(await cluster.feature('metadata.version')).toBeGreaterThan(0)
  expect(await cluster.feature('no.such.feature')).toBe(0)
})
