/** What is claimed for a process that cannot be asked. */
import { describe, expect, it } from 'vitest'
import { taskId } from '../../src/ids.ts'
import {
  type AssignmentData,
  decodeSubscription,
  encodeSubscription,
} from '../../src/kafka/consumer-protocol.ts'
import { digestOf } from '../../src/kafka/plan-digest.ts'
import { type LastJoin, standInMetadata } from '../../src/kafka/stand-in.ts'
import { tasksOver } from '../support/log-port-tools.ts'

const tasks = tasksOver('in', 4)
const plan = { tasks, planDigest: digestOf(tasks) }
const [a, b, c] = [taskId(0, 0), taskId(0, 1), taskId(0, 2)] as const

function lastJoin(assignment: Partial<AssignmentData> = {}): LastJoin {
  const data = {
    instance: 'one',
    transactionalId: 'txn-one',
    plan: plan.planDigest,
    generation: 4,
    owned: [a, b],
    held: [{ id: a, restored: 7 }],
    transactionalIds: ['txn-one'],
  }
  const metadata = encodeSubscription({ topics: ['in'], owned: [], data })
  const transactionalIds = ['txn-one', 'txn-two']
  const nothing = { tasks: [], plan: plan.planDigest, transactionalIds, isSettled: true }
  return { metadata, generation: 5, assignment: { ...nothing, ...assignment } }
}

describe('a member that stands in', () => {
  it('claims what was claimed before, and what has been assigned since', () => {
    const metadata = standInMetadata(lastJoin({ tasks: [b, c] }), 1_234.5, plan)
    const { topics, owned, data } = decodeSubscription(Buffer.from(metadata))
    expect(topics).toEqual(['in'])
    expect(owned).toEqual([0, 1, 2].map((partition) => ({ topic: 'in', partition })))
    expect(data).toEqual({
      instance: 'one',
      transactionalId: 'txn-one',
      plan: plan.planDigest,
      generation: 5,
      owned: [a, b, c],
      held: [{ id: a, restored: 7 }],
      transactionalIds: ['txn-one', 'txn-two'],
      busyMs: 1_235,
    })
  })

  it('goes on claiming it all, however often', () => {
    const once = standInMetadata(lastJoin({ tasks: [b] }), 1_000, plan)
    const next = { ...lastJoin({ tasks: [c] }), metadata: once, generation: 6 }
    const { data } = decodeSubscription(Buffer.from(standInMetadata(next, 2_000, plan)))
    expect(data).toMatchObject({ owned: [a, b, c], generation: 6, busyMs: 2_000 })
  })

  it('claims nothing that a leader with another plan has named', () => {
    const metadata = standInMetadata(lastJoin({ tasks: [c], plan: 'another' }), 1_000, plan)
    expect(decodeSubscription(Buffer.from(metadata)).data.owned).toEqual([a, b])
  })
})
