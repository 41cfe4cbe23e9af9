/** A member in its own thread, on a real broker, while the thread of its tasks is blocked. */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { FatalError } from '../../src/errors.ts'
import { Cluster } from '../../src/kafka/cluster.ts'
import { encodeSubscription } from '../../src/kafka/consumer-protocol.ts'
import { type GroupTimes, withDefaults } from '../../src/kafka/group-times.ts'
import { errorCodes } from '../../src/kafka/kafka-errors.ts'
import { KafkaLog } from '../../src/kafka/kafka-log.ts'
import { Member as Speaker } from '../../src/kafka/member.ts'
import { digestOf } from '../../src/kafka/plan-digest.ts'
import { silentLogger } from '../../src/log.ts'
import { Member, tasksOver } from '../support/log-port-tools.ts'
import { sharedBroker } from '../support/shared-broker.ts'

const tasks = tasksOver('never-read', 4)
const times = { sessionMs: 2_000, heartbeatMs: 100, rebalanceMs: 10_000 }
const closing: (() => unknown)[] = []

let brokers: readonly string[] = []

beforeAll(async () => {
  brokers = await sharedBroker()
})

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function connect(applicationId: string, more: GroupTimes = {}): Promise<KafkaLog> {
  const log = await KafkaLog.connect({
    brokers,
    clientId: 'test',
    logger: silentLogger,
    applicationId,
    instance: randomUUID(),
    group: { ...times, ...more },
  })
  closing.push(() => log.close())
  return log
}

/** As a user's function does that computes for a while: no timer, no message, no socket. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** A member that answers the coordinator only when the test says so. */
async function reticent(groupId: string): Promise<{
  readonly rejoin: () => Promise<readonly string[]>
  /** Resolves when another member wants to join. */
  readonly asked: Promise<void>
}> {
  const cluster = new Cluster({ brokers, clientId: 'reticent', logger: silentLogger })
  closing.push(() => cluster.close())
  let onAsked: () => void = () => undefined
  const asked = new Promise<void>((resolve) => (onAsked = resolve))
  const speaker = new Speaker(
    { groupId, instanceId: null, tasks, planDigest: digestOf(tasks), ...withDefaults(times) },
    { cluster, fence: async () => [] },
    {
      onHeartbeat: (_memberId, _generation, code) => {
        if (code === errorCodes.REBALANCE_IN_PROGRESS) onAsked()
      },
      onStandIn: () => undefined,
      onWarning: () => undefined,
      onFailure: () => undefined,
    }
  )
  closing.push(() => speaker.leave(true))
  let memberId = ''
  const rejoin = async (): Promise<readonly string[]> => {
    const owned: never[] = []
    const plan = digestOf(tasks)
    const member = { instance: 'reticent', transactionalId: null, plan, generation: -1 }
    const data = { ...member, owned, held: [], transactionalIds: [] }
    const metadata = encodeSubscription({ topics: ['never-read'], owned, data })
    const outcome = await speaker.join({ memberId, metadata, hasClaims: false })
    if (outcome.kind !== 'joined') throw new Error(outcome.kind)
    memberId = outcome.memberId
    return outcome.assignment.tasks
  }
  return { rejoin, asked }
}

describe('a member of a process that is busy', () => {
  it('stays in the group although nothing moves for longer than the session', async () => {
    const groupId = `busy-${randomUUID()}`
    const log = await connect(groupId)
    const member = new Member()
    await member.join(log, tasks)
    await member.until(({ size }) => size === 4)
    const before = member.membership?.rebalances
    block(3 * times.sessionMs)
    // Another joins without a hitch: nobody was missed, so the tasks move in good order.
    const other = new Member()
    await other.join(await connect(groupId), tasks)
    await other.until(({ size }) => size === 2)
    expect(member.calls).not.toContain('lost')
    expect(member.membership?.rebalances).toBeGreaterThan(before ?? 0)
    expect(member.owned.size).toBe(2)
  })

  it('counts as dead after the longest time that one record may take', async () => {
    const log = await connect(`dead-${randomUUID()}`, { maxPollIntervalMs: 500 })
    const member = new Member()
    await member.join(log, tasks)
    await member.until(({ size }) => size === 4)
    block(3 * times.sessionMs)
    await member.untilCalled('lost')
    await member.until(({ size }) => size === 4)
  })

  it('is told why the group does not take it', async () => {
    const log = await connect(`refused-${randomUUID()}`, { sessionMs: 10 })
    const joining = new Member().join(log, tasks)
    await expect(joining).rejects.toMatchObject({
      code: 'MILLRACE_KAFKA_INVALID_SESSION_TIMEOUT',
    })
    await expect(joining).rejects.toBeInstanceOf(FatalError)
  })
})

describe('a member that is closed before it has joined', () => {
  for (const moment of ['at once', 'while the coordinator keeps it waiting']) {
    it(`leaves nothing behind that others wait for, or give tasks to, ${moment}`, async () => {
      const groupId = `half-${randomUUID()}`
      const { rejoin, asked } = await reticent(groupId)
      expect(await rejoin()).toHaveLength(4)
      const log = await connect(groupId)
      const joining = new Member().join(log, tasks)
      const refused = expect(joining).rejects.toMatchObject({ code: 'MILLRACE_KAFKA_CLOSED' })
      if (moment !== 'at once') await asked
      await log.close()
      await refused
      expect(await rejoin()).toHaveLength(4)
    })
  }
})

describe('a thread that begins before the join', () => {
  it('is the one that joins', async () => {
    const begun: Worker[] = []
    const note = (worker: Worker): number => begun.push(worker)
    process.on('worker', note)
    closing.push(() => process.off('worker', note))
    const log = await connect(`early-${randomUUID()}`)
    log.expectJoin()
    log.expectJoin()
    const member = new Member()
    await member.join(log, tasks)
    await member.until(({ size }) => size === 4)
    expect(begun).toHaveLength(1)
  })

  /** Of a log that is to be joined. */
  async function early(log: KafkaLog): Promise<Worker> {
    const begun = once(process, 'worker')
    log.expectJoin()
    const [worker] = (await begun) as [Worker]
    return worker
  }

  it('ends with the log if nobody joins', async () => {
    const log = await connect(`never-${randomUUID()}`)
    const ended = once(await early(log), 'exit')
    await log.close()
    await ended
  })

  it('makes the join fail if it has ended by itself', async () => {
    const log = await connect(`gone-${randomUUID()}`)
    await (await early(log)).terminate()
    await expect(new Member().join(log, tasks)).rejects.toMatchObject({
      code: 'MILLRACE_GROUP_THREAD_ENDED',
    })
  })
})
