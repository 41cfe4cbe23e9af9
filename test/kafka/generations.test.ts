/** Offsets of a member that the group has gone on without, by the letter of the protocol. */
import { randomUUID } from 'node:crypto'
import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { FencedError } from '../../src/errors.ts'
import { taskId } from '../../src/ids.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { encodeSubscription } from '../../src/kafka/consumer-protocol.ts'
import { withDefaults } from '../../src/kafka/group-times.ts'
import { errorCodes } from '../../src/kafka/kafka-errors.ts'
import { Member } from '../../src/kafka/member.ts'
import { Offsets } from '../../src/kafka/offsets.ts'
import { digestOf } from '../../src/kafka/plan-digest.ts'
import type { GroupIdentity } from '../../src/kafka/requests/offsets.ts'
import { ThrottledLog } from '../../src/kafka/throttled-log.ts'
import { TransactionalProducer } from '../../src/kafka/transactional-producer.ts'
import { silentLogger } from '../../src/log.ts'
import { connectTo, createTopic } from '../support/kafka-tools.ts'
import { tasksOver } from '../support/log-port-tools.ts'
import { sharedBroker } from '../support/shared-broker.ts'

let brokers: readonly string[] = []

beforeAll(async () => {
  brokers = await sharedBroker()
})

/** Joins twice: answers with who it was in the first generation, and who it is now. */
async function twoGenerations(cluster: Cluster, groupId: string, topic: string) {
  const tasks = tasksOver(topic, 1)
  const planDigest = digestOf(tasks)
  const nothing = (): void => undefined
  const member = new Member(
    { groupId, instanceId: null, tasks, planDigest, ...withDefaults() },
    { cluster, fence: async () => [] },
    { onHeartbeat: nothing, onStandIn: nothing, onWarning: nothing, onFailure: nothing }
  )
  onTestFinished(() => member.leave(true))
  let identity: GroupIdentity = { groupId, memberId: '', generation: -1, instanceId: null }
  const join = async (): Promise<GroupIdentity> => {
    const { memberId, generation } = identity
    const who = { instance: 'one', transactionalId: null, plan: planDigest, generation }
    const data = { ...who, owned: [], held: [], transactionalIds: [] }
    const metadata = encodeSubscription({ topics: [topic], owned: [], data })
    const outcome = await member.join({ memberId, metadata, hasClaims: false })
    if (outcome.kind !== 'joined') throw new Error(outcome.kind)
    identity = { ...identity, memberId: outcome.memberId, generation: outcome.generation }
    return identity
  }
  return { old: await join(), current: await join() }
}

it('are refused with the generation of before, in and outside of transactions', async () => {
  const cluster = connectTo(brokers)
  onTestFinished(() => cluster.close())
  const topic = await createTopic(cluster)
  const groupId = `generations-${randomUUID()}`
  const { old, current } = await twoGenerations(cluster, groupId, topic)
  expect(current.generation).toBeGreaterThan(old.generation)
  const entry = { topic, partition: 0, task: taskId(0, 0), metadata: '' }
  const offsets = new Offsets(cluster, groupId, new ThrottledLog(silentLogger, systemClock))
  const plain = (identity: GroupIdentity, offset: number) =>
    offsets.commit(identity, [{ ...entry, offset }])
  expect(await plain(current, 1)).toMatchObject({ error: 0 })
  expect(await plain(old, 2)).toMatchObject({ error: errorCodes.ILLEGAL_GENERATION })

  const producer = new TransactionalProducer({ cluster, transactionalId: `txn-${groupId}` })
  onTestFinished(() => producer.close())
  const transact = async (identity: GroupIdentity, offset: number): Promise<void> => {
    await producer.initTransactions()
    producer.begin()
    await producer.sendOffsets(identity, [{ ...entry, offset }])
    await producer.commit()
  }
  await expect(transact(old, 3)).rejects.toMatchObject({
    code: 'MILLRACE_KAFKA_ILLEGAL_GENERATION',
  })
  await expect(transact(old, 3)).rejects.toBeInstanceOf(FencedError)
  await transact(current, 4)

  // Brokers take these from anybody.
  const nobody = { ...current, generation: -1 }
  await expect(transact(nobody, 5)).rejects.toThrow(/member of the group/)
  await expect(plain(nobody, 5)).rejects.toThrow(/member of the group/)
  await producer.initTransactions()
  const [found] = await offsets.committed([entry])
  expect(found?.offset).toBe(4)
})
