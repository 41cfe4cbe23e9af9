import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { FatalError, FencedError } from '../../src/errors.ts'
import { taskId } from '../../src/ids.ts'
import { EmbeddedLog } from '../../src/log/embedded-log.ts'
import { commitOne, createTopic, Member, tasksOver } from '../support/log-port-tools.ts'

async function started(): Promise<EmbeddedLog> {
  const log = EmbeddedLog.inMemory({ clock: new ManualClock(0) })
  await createTopic(log, 'in', 4)
  return log
}

async function joined(client: EmbeddedLog, partitions = 4): Promise<Member> {
  const member = new Member()
  await member.join(client, tasksOver('in', partitions))
  await client.balanced()
  return member
}

const ids = (...partitions: number[]) => partitions.map((partition) => taskId(0, partition))

describe('a group in one process', () => {
  it('shares tasks between instances, and takes back from the first only what moves', async () => {
    const log = await started()
    const first = await joined(log.client())
    expect([...first.owned]).toEqual(ids(0, 1, 2, 3))
    const second = await joined(log.client())
    expect([...first.owned]).toEqual(ids(0, 1))
    expect([...second.owned]).toEqual(ids(2, 3))
    expect(first.calls).toEqual(['assigned 0_0 0_1 0_2 0_3', 'revoked 0_2 0_3'])
    await second.membership?.leave()
    await log.balanced()
    expect([...first.owned]).toEqual(ids(0, 1, 2, 3))
  })

  it('waits for the commit of a revocation before another instance gets the task', async () => {
    const log = await started()
    const order: string[] = []
    const a = log.client()
    const first = await joined(a, 2)
    first.onRevoking = async (tasks) => {
      const batch = a.createBatch()
      const at = { topic: 'in', partition: 1, task: tasks[0] ?? taskId(9, 9), metadata: '' }
      await a.commit({ batch, offsets: [{ ...at, offset: 5 }], number: 1 })
      order.push('committed')
    }
    const second = new Member()
    const b = log.client()
    await second.join(b, tasksOver('in', 2))
    await second.until((owned) => owned.size === 1)
    order.push('assigned')
    expect(order).toEqual(['committed', 'assigned'])
    expect(await b.committed([{ topic: 'in', partition: 1 }])).toMatchObject([{ offset: 5 }])
  })

  it('refuses a commit for a task that has moved away', async () => {
    const log = await started()
    const a = log.client()
    await joined(a, 1)
    await commitOne(a, 'in', 1)
    a.freeze()
    const b = log.client()
    await joined(b, 1)
    await expect(commitOne(a, 'in', 2)).rejects.toBeInstanceOf(FencedError)
    await commitOne(b, 'in', 3)
    expect(await b.committed([{ topic: 'in', partition: 0 }])).toMatchObject([{ offset: 3 }])
  })

  it('tells a frozen instance of its loss when it wakes, and lets it join again', async () => {
    const log = await started()
    const a = log.client()
    const first = await joined(a)
    const second = await joined(log.client())
    a.freeze()
    await log.balanced()
    expect([...second.owned]).toHaveLength(4)
    expect(first.calls).not.toContain('lost')
    await a.thaw()
    await log.balanced()
    expect(first.calls).toContain('lost')
    expect([first.owned.size, second.owned.size]).toEqual([2, 2])
  })

  it('gives the tasks of a crashed instance to the others, and answers it no more', async () => {
    const log = await started()
    const a = log.client()
    const first = await joined(a)
    const second = await joined(log.client())
    const reader = a.read({ topic: 'in', partition: 0 }, 'earliest')
    a.crash()
    await log.balanced()
    expect(second.owned.size).toBe(4)
    expect(first.calls.at(-1)).toMatch(/^revoked/)
    await expect(commitOne(a, 'in', 1)).rejects.toMatchObject({ code: 'MILLRACE_CLIENT_CRASHED' })
    expect(reader.advance()).toBe(false)
  })

  it('ends the membership of an instance whose listener fails, not the group', async () => {
    const log = await started()
    const first = await joined(log.client())
    const failed = await log.client().join(
      { tasks: tasksOver('in', 4), held: () => [] },
      {
        onAssigned: () => Promise.reject(new Error('no room')),
        onRevoked: async () => {},
        onLost: async () => {},
      }
    )
    await expect(failed.ended).rejects.toBeInstanceOf(FatalError)
    await log.balanced()
    expect(first.owned.size).toBe(4)
  })

  it('keeps the offsets of two applications apart', async () => {
    const log = await started()
    const [a, b] = [log.client('one'), log.client('two')]
    await joined(a)
    await joined(b)
    await commitOne(a, 'in', 7)
    const at = [{ topic: 'in', partition: 0 }]
    expect(await a.committed(at)).toMatchObject([{ offset: 7 }])
    expect(await b.committed(at)).toMatchObject([{ offset: undefined }])
  })
})
