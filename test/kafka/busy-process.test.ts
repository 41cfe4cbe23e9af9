/**
 * Rebalances that a process does not hear of while it is busy, on a real broker: its member stands
 * in, its commits go on in the next generation if its tasks were kept, and are refused otherwise.
 */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { FencedError } from '../../src/errors.ts'
import { type TaskId, taskId } from '../../src/ids.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { KafkaLog, type KafkaLogOptions } from '../../src/kafka/kafka-log.ts'
import { Member as GroupMember, type MemberEvents } from '../../src/kafka/member.ts'
import { leaveGroup } from '../../src/kafka/requests/groups.ts'
import { silentLogger } from '../../src/log.ts'
import type { CommitReceipt } from '../../src/runtime/ports.ts'
import { patience } from '../support/counting-app.ts'
import { connectTo, readAll } from '../support/kafka-tools.ts'
import { bytes, createTopic, Member, tasksOver } from '../support/log-port-tools.ts'
import { sharedBroker } from '../support/shared-broker.ts'

const group = { sessionMs: 10_000, heartbeatMs: 100, rebalanceMs: 10_000 }
const [zero, one] = [taskId(0, 0), taskId(0, 1)]

let brokers: readonly string[] = []
let applicationId = ''
let source = ''
let sink = ''
const instances: Instance[] = []

/** One process; what its member tells it can be kept from it, as from one that is busy. */
class Instance {
  readonly cluster: Cluster
  readonly member = new Member()
  log: KafkaLog | undefined
  isBusy = false
  /** Its member is frozen as well: it answers to no rebalance. */
  isFrozen = false
  #kept: (() => void)[] = []

  constructor() {
    this.cluster = connectTo(brokers)
  }

  async connect(more: Partial<KafkaLogOptions> = {}): Promise<this> {
    const settings = { brokers, clientId: 'test', logger: silentLogger, applicationId, group }
    this.log = await KafkaLog.connect(
      { ...settings, instance: randomUUID(), ...more },
      this.cluster,
      (settings, events) => {
        const busyMs = (): number => (this.isBusy && !this.isFrozen ? 60_000 : 0)
        const parts = { cluster: this.cluster, fence: async () => [], busyMs }
        return new GroupMember(settings, parts, this.#late(events))
      }
    )
    instances.push(this)
    return this
  }

  /** Resolves when it has what its first generation gives it: so many. */
  async join(tasks: number): Promise<this> {
    const { member } = this
    await member.join(this.#log, tasksOver(source, 2))
    await vi.waitFor(() => expect(member.membership?.isAssigned).toBe(true), patience)
    expect(member.owned.size).toBe(tasks)
    return this
  }

  /** It hears what it has missed. */
  wake(): void {
    this.isBusy = false
    for (const hear of this.#kept.splice(0)) hear()
  }

  /** One record, and the offset `number` for each of these tasks. */
  commit(number: number, tasks: readonly TaskId[]): Promise<CommitReceipt> {
    const batch = this.#log.createBatch()
    batch.append(sink, 0, number, null, bytes(`record ${number}`))
    const offsets = tasks.map((task) => {
      const partition = Number(task.split('_')[1])
      return { topic: source, partition, task, offset: number, metadata: `commit ${number}` }
    })
    return this.#log.commit({ batch, offsets, number })
  }

  /** Of both partitions. */
  async committed(): Promise<readonly (number | undefined)[]> {
    const partitions = [0, 1].map((partition) => ({ topic: source, partition }))
    const found = await this.#log.committed(partitions)
    return found.map(({ offset }) => offset)
  }

  get #log(): KafkaLog {
    if (this.log === undefined) throw new Error('not connected')
    return this.log
  }

  #late(events: MemberEvents): MemberEvents {
    const late =
      <Call extends readonly unknown[]>(hear: (...call: Call) => void) =>
      (...call: Call): void => {
        if (this.isBusy) this.#kept.push(() => hear(...call))
        else hear(...call)
      }
    return {
      onHeartbeat: late(events.onHeartbeat),
      onStandIn: late(events.onStandIn),
      onWarning: late(events.onWarning),
      onFailure: late(events.onFailure),
    }
  }
}

beforeAll(async () => {
  brokers = await sharedBroker()
})

beforeEach(async () => {
  const name = randomUUID().slice(0, 8)
  applicationId = `busy-${name}`
  source = `busy-source-${name}`
  sink = `busy-sink-${name}`
})

afterEach(async () => {
  for (const instance of instances.splice(0).reverse()) await instance.log?.close()
})

/** The first one makes the topics. */
async function first(more: Partial<KafkaLogOptions> = {}): Promise<Instance> {
  const instance = await new Instance().connect(more)
  const { log } = instance
  if (log === undefined) throw new Error('not connected')
  await createTopic(log, source, 2)
  await createTopic(log, sink, 1)
  return instance.join(2)
}

for (const guarantee of ['exactly_once', 'at_least_once'] as const) {
  describe(`a process that is busy while the group rebalances, ${guarantee}`, () => {
    it('commits what it holds in the next generation, and loses no task by it', async () => {
      const busy = await first({ guarantee })
      busy.isBusy = true
      // The other is in, and has nothing: all tasks are with the one that cannot give them up.
      const { cluster, member } = await (await new Instance().connect({ guarantee })).join(0)
      await busy.commit(1, [zero, one])
      expect(busy.member.calls.filter((call) => call === 'lost')).toEqual([])
      expect(await busy.committed()).toEqual([1, 1])
      const visible = await readAll(cluster, sink, 0, 'committed')
      expect(visible.map(({ value }) => value)).toEqual(['record 1'])
      busy.wake()
      await member.until(({ size }) => size === 1)
      await busy.member.until(({ size }) => size === 1)
      expect(busy.member.calls.filter((call) => call === 'lost')).toEqual([])
    })

    it('commits nothing once the group has done without it', async () => {
      const busy = await first({ guarantee })
      busy.isBusy = true
      const memberId = busy.member.membership?.memberId ?? ''
      const request = { groupId: applicationId, members: [{ memberId, instanceId: null }] }
      await busy.cluster.callCoordinator(
        'group',
        applicationId,
        leaveGroup,
        request,
        (r) => r.error
      )
      await expect(busy.commit(1, [zero, one])).rejects.toBeInstanceOf(FencedError)
      await busy.member.untilCalled('lost')
      expect(await busy.committed()).toEqual([undefined, undefined])
      busy.wake()
      await busy.member.until(({ size }) => size === 2)
    })
  })
}

describe('a process that is busy while the group rebalances', () => {
  it('keeps what it was asked for until it has given it up itself', async () => {
    const busy = await first()
    let finish: () => void = () => undefined
    const asked = new Promise<void>((resolve) => {
      busy.member.onRevoking = () => {
        resolve()
        return new Promise((done) => (finish = done))
      }
    })
    const second = await (await new Instance().connect()).join(0)
    await asked
    busy.isBusy = true
    const third = await (await new Instance().connect()).join(0)
    expect([second.member.owned.size, third.member.owned.size]).toEqual([0, 0])
    busy.member.onRevoking = undefined
    finish()
    busy.wake()
    await busy.member.until(({ size }) => size === 1)
    const others = (): number => second.member.owned.size + third.member.owned.size
    await Promise.race([
      second.member.until(() => others() === 1),
      third.member.until(() => others() === 1),
    ])
    const all = instances.flatMap(({ member }) => [...member.owned])
    expect(all.sort()).toEqual([zero, one])
    expect(busy.member.calls).not.toContain('lost')
  })

  it('drops its tasks if it is a static member that a generation was formed without', async () => {
    const frozen = await first({ instanceId: 'frozen', group: { ...group, rebalanceMs: 1_000 } })
    frozen.isBusy = true
    frozen.isFrozen = true
    // The broker keeps it, with the claims of its join: none. What it runs is with another, too.
    const more = { instanceId: 'other', group: { ...group, rebalanceMs: 1_000 } }
    const other = await (await new Instance().connect(more)).join(1)
    const both = [...other.member.owned]
    await other.commit(7, both)
    await expect(frozen.commit(1, both)).rejects.toBeInstanceOf(FencedError)
    await frozen.member.untilCalled('lost')
    expect((await other.committed()).filter((offset) => offset !== undefined)).toEqual([7])
    frozen.isFrozen = false
    frozen.wake()
    await frozen.member.until(({ size }) => size === 1)
    expect([...frozen.member.owned]).not.toEqual(both)
  })
})
