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
  /** A static one keeps its place when it ends. */
  instanceId: string | null = null
  saysGoodbye = true
  sessionMs = times.sessionMs
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
      times: { ...times, sessionMs: this.sessionMs },
      instanceId: this.instanceId,
      saysGoodbye: this.saysGoodbye,
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

  it('asks the group whether it still has a task', async () => {
    const groupId = groupName()
    const first = await new TestMember('first').join(groupId)
    await first.until(() => first.owned.size === 4)
    expect(await first.group?.stillHas(taskId(0, 0))).toBe(true)
    expect(await first.group?.stillHas(taskId(7, 7))).toBe(false)
    const gone = [{ memberId: first.group?.memberId ?? '', instanceId: null }]
    const request = { groupId, members: gone }
    await first.cluster.callCoordinator('group', groupId, leaveGroup, request, (r) => r.error)
    expect(await first.group?.stillHas(taskId(0, 0))).toBe(false)
    await first.until(() => first.calls.includes('lost'))
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

/** Its session outlives any restart, however busy the machine is. */
function staticMember(name: string, run = name): TestMember {
  const member = new TestMember(run)
  member.instanceId = name
  member.saysGoodbye = false
  member.sessionMs = 30_000
  return member
}

/** Two static members that have shared the tasks between them. */
async function staticPair(groupId: string): Promise<readonly [TestMember, TestMember]> {
  const first = await staticMember('first').join(groupId)
  const second = await staticMember('second').join(groupId)
  await first.until(() => first.owned.size === 2)
  await second.until(() => second.owned.size === 2)
  return [first, second]
}

async function generationOf({ group, owned }: TestMember): Promise<number | undefined> {
  const pass = await group?.permit(new Set(owned))
  pass?.leave()
  return pass?.identity.generation
}

describe('a static member', () => {
  for (const how of ['is killed', 'stops'] as const) {
    it(`has the same tasks in the same generation when it ${how} and comes back`, async () => {
      const groupId = groupName()
      const [first, second] = await staticPair(groupId)
      const before = [await generationOf(first), second.group?.rebalances]
      if (how === 'stops') await first.group?.leave()
      first.kill()
      const again = await staticMember('first', 'first-again').join(groupId)
      await again.until(() => again.owned.size === 2)
      expect([...again.owned].sort()).toEqual([...first.owned].sort())
      // The second one hears of nothing, with any number of heartbeats.
      await second.group?.check()
      expect([await generationOf(again), second.group?.rebalances]).toEqual(before)
      expect(again.group?.memberId).not.toBe(first.group?.memberId)
    })
  }

  it('leaves its tasks to the others at once when it leaves for good', async () => {
    const groupId = groupName()
    const leaving = staticMember('leaving')
    leaving.saysGoodbye = true
    await leaving.join(groupId)
    const second = await staticMember('second').join(groupId)
    await second.until(() => second.owned.size === 2)
    await leaving.group?.leave()
    await second.until(() => second.owned.size === 4)
  })

  it('ends when another process takes its name, and says which', async () => {
    const groupId = groupName()
    const first = await staticMember('first').join(groupId)
    await first.until(() => first.owned.size === 4)
    const twin = await staticMember('first', 'twin').join(groupId)
    await twin.until(() => twin.owned.size === 4)
    await expect(first.group?.ended).rejects.toMatchObject({
      code: 'MILLRACE_INSTANCE_FENCED',
      message: expect.stringContaining("'first'"),
    })
    expect(first.group?.isOver).toBe(true)
    expect(await twin.group?.check()).toBe(true)
  })

  it('does not keep what it had still to give up when it was killed', async () => {
    const groupId = groupName()
    const first = await staticMember('first').join(groupId)
    await first.until(() => first.owned.size === 4)
    first.revoking = () => new Promise(() => undefined)
    const second = await staticMember('second').join(groupId)
    await first.until(() => first.calls.length === 2)
    first.kill()
    const again = await staticMember('first', 'first-again').join(groupId)
    await second.until(() => second.owned.size === 2)
    await again.until(() => again.owned.size === 2)
    const all = [...again.owned, ...second.owned]
    expect(all.sort()).toEqual(tasks.map(({ id }) => id))
    first.group?.leave().catch(() => undefined)
    members.splice(members.indexOf(first), 1)
  })

  it('takes no task of its predecessor when it comes back with another plan', async () => {
    const groupId = groupName()
    const [first, second] = await staticPair(groupId)
    second.kill()
    const other = await staticMember('second', 'other').join(groupId, tasks.slice(0, 3))
    await first.until(() => first.owned.size === 4)
    expect(other.calls).toEqual([])
  })
})
