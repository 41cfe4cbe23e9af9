/** Membership on a real broker: who runs what while members come, go, die and are thrown out. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { FencedError } from '../../src/errors.ts'
import { type TaskId, taskId } from '../../src/ids.ts'
import { Cluster } from '../../src/kafka/cluster.ts'
import { Group } from '../../src/kafka/group.ts'
import { Member } from '../../src/kafka/member.ts'
import { leaveGroup } from '../../src/kafka/requests/groups.ts'
import { ThrottledLog } from '../../src/kafka/throttled-log.ts'
import { silentLogger } from '../../src/log.ts'
import type { TaskPlan } from '../../src/runtime/ports.ts'
import { sharedBroker } from '../support/shared-broker.ts'

const times = { sessionMs: 2_000, heartbeatMs: 100, rebalanceMs: 10_000 }
const tasks: readonly TaskPlan[] = Array.from({ length: 4 }, (_, partition) => ({
  id: taskId(0, partition),
  sources: [{ topic: 'never-read', partition }],
}))

let brokers: readonly string[] = []
const members: TestMember[] = []

beforeAll(async () => {
  brokers = await sharedBroker()
})

afterEach(async () => {
  for (const member of members.splice(0)) await member.end()
})

class TestMember {
  readonly name: string
  readonly owned = new Set<TaskId>()
  readonly calls: string[] = []
  readonly fenced: string[] = []
  readonly cluster = new Cluster({ brokers, clientId: 'test', logger: silentLogger })
  group: Group | undefined
  revoking: (tasks: readonly TaskId[]) => Promise<void> = async () => undefined
  #told: () => void = () => undefined

  constructor(name: string) {
    this.name = name
    members.push(this)
  }

  async join(groupId: string, plan: readonly TaskPlan[] = tasks): Promise<this> {
    const group = new Group({
      cluster: this.cluster,
      groupId,
      instance: this.name,
      transactionalId: `txn-${this.name}`,
      plan: { tasks: plan, held: () => [] },
      logger: silentLogger,
      log: new ThrottledLog(silentLogger, systemClock),
      times,
      instanceId: null,
      saysGoodbye: true,
      openMember: (settings, events) =>
        new Member(settings, { cluster: this.cluster, fence: this.#fence }, events),
      listener: {
        onAssigned: async (given) => {
          for (const task of given) this.owned.add(task)
          this.#note(`assigned ${given.join(' ')}`)
        },
        onRevoked: async (taken) => {
          this.#note(`revoking ${taken.join(' ')}`)
          await this.revoking(taken)
          for (const task of taken) this.owned.delete(task)
          this.#note(`revoked ${taken.join(' ')}`)
        },
        onLost: async () => {
          this.owned.clear()
          this.#note('lost')
        },
      },
    })
    this.group = group
    await group.joined
    return this
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => (this.#told = resolve))
  }

  /** As SIGKILL does: no more heartbeats, no good-bye. */
  kill(): void {
    this.cluster.close()
  }

  async end(): Promise<void> {
    await this.group?.leave()
    this.cluster.close()
  }

  #fence = async (ids: readonly string[]): Promise<readonly string[]> => {
    this.fenced.push(...ids)
    return []
  }

  #note(call: string): void {
    this.calls.push(call)
    this.#told()
  }
}

function groupName(): string {
  return `group-${randomUUID()}`
}

describe('a group on a real broker', () => {
  it('moves half of the tasks to a second member; those that stay are never touched', async () => {
    const groupId = groupName()
    const first = await new TestMember('first').join(groupId)
    await first.until(() => first.owned.size === 4)
    const second = new TestMember('second')
    let ownedBySecondAtRevocation = -1
    first.revoking = async () => {
      ownedBySecondAtRevocation = second.owned.size
    }
    await second.join(groupId)
    await second.until(() => second.owned.size === 2)
    expect(ownedBySecondAtRevocation).toBe(0)
    expect(first.calls.length).toBe(3)
    expect([...first.owned, ...second.owned].sort()).toEqual(tasks.map(({ id }) => id))
  })

  it('gives the tasks of a killed member to the others, and fences its producer', async () => {
    const groupId = groupName()
    const first = await new TestMember('first').join(groupId)
    const second = await new TestMember('second').join(groupId)
    await second.until(() => second.owned.size === 2)
    first.kill()
    await second.until(() => second.owned.size === 4)
    expect(second.fenced).toEqual(['txn-first'])
    expect(second.calls.some((call) => call.startsWith('revok'))).toBe(false)
  })

  it('gives the tasks of a member that leaves to the others at once', async () => {
    const groupId = groupName()
    const first = await new TestMember('first').join(groupId)
    const second = await new TestMember('second').join(groupId)
    await second.until(() => second.owned.size === 2)
    await first.group?.leave()
    await first.group?.ended
    await second.until(() => second.owned.size === 4)
  })

  it('serves a rebalance while a revocation takes its time', async () => {
    const groupId = groupName()
    const first = await new TestMember('first').join(groupId)
    await first.until(() => first.owned.size === 4)
    let finish: () => void = () => undefined
    first.revoking = () => new Promise((resolve) => (finish = resolve))
    const second = await new TestMember('second').join(groupId)
    await first.until(() => first.calls.length === 2)
    const third = await new TestMember('third').join(groupId)
    expect([second.owned.size, third.owned.size, first.owned.size]).toEqual([0, 0, 4])
    first.revoking = async () => undefined
    finish()
    await second.until(() => second.owned.size > 0)
    await third.until(() => third.owned.size > 0)
    await first.until(() => first.owned.size + second.owned.size + third.owned.size === 4)
    const all = members.flatMap((member) => [...member.owned])
    expect(all.sort()).toEqual(tasks.map(({ id }) => id))
  })

  it('holds commits during a rebalance, and lets them speak for the next generation', async () => {
    const groupId = groupName()
    const first = await new TestMember('first').join(groupId)
    await first.until(() => first.owned.size === 4)
    const kept = tasks[0]?.id ?? taskId(0, 0)
    const pass = await first.group?.permit(new Set([kept]))
    const second = await new TestMember('second').join(groupId)
    await second.until(() => second.owned.size === 2)
    const generation = pass?.identity.generation ?? -1
    expect((await pass?.newer(generation))?.generation).toBeGreaterThan(generation)
    pass?.leave()
  })

  it('drops everything when it is thrown out, and joins again by itself', async () => {
    const groupId = groupName()
    const first = await new TestMember('first').join(groupId)
    await first.until(() => first.owned.size === 4)
    const pass = await first.group?.permit(new Set([taskId(0, 0)]))
    const gone = [{ memberId: first.group?.memberId ?? '', instanceId: null }]
    const request = { groupId, members: gone }
    await first.cluster.callCoordinator('group', groupId, leaveGroup, request, (r) => r.error)
    await first.until(() => first.calls.includes('lost'))
    expect(await pass?.newer(pass.identity.generation)).toBeUndefined()
    pass?.leave()
    await first.until(() => first.owned.size === 4)
    const again = await first.group?.permit(new Set([taskId(0, 0)]))
    expect(again?.identity.memberId).not.toBe(pass?.identity.memberId)
    again?.leave()
  })

  it('refuses to permit commits for tasks of others', async () => {
    const first = await new TestMember('first').join(groupName())
    const foreign = first.group?.permit(new Set([taskId(7, 7)]))
    await expect(foreign).rejects.toBeInstanceOf(FencedError)
  })

  it('gives no task to a member with another plan, until it leads itself', async () => {
    const groupId = groupName()
    const first = await new TestMember('first').join(groupId)
    await first.until(() => first.owned.size === 4)
    const other = await new TestMember('other').join(groupId, tasks.slice(0, 3))
    expect([first.owned.size, other.owned.size]).toEqual([4, 0])
    await first.group?.leave()
    await other.until(() => other.owned.size === 3)
  })
})
