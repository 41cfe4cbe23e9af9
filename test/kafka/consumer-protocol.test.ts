/** The group's own messages: readable by Kafka's tools outside, ours inside. */
import { describe, expect, it } from 'vitest'
import { FatalError } from '../../src/errors.ts'
import { taskId } from '../../src/ids.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type MemberData,
} from '../../src/kafka/consumer-protocol.ts'

const data: MemberData = {
  instance: 'one',
  transactionalId: 'shop-1',
  plan: 'abc',
  generation: 7,
  owned: [taskId(0, 1)],
  held: [{ id: taskId(1, 0), restored: 123 }],
  transactionalIds: ['shop-1', 'shop-2'],
}

describe('the group protocol', () => {
  it('carries a subscription with owned partitions and our data', () => {
    const subscription = {
      topics: ['events', 'clicks'],
      owned: [
        { topic: 'events', partition: 0 },
        { topic: 'events', partition: 3 },
        { topic: 'clicks', partition: 3 },
      ],
      data,
    }
    expect(decodeSubscription(encodeSubscription(subscription))).toEqual(subscription)
  })

  it('lays a subscription out as Kafka documents it', () => {
    const bytes = encodeSubscription({ topics: ['ab'], owned: [], data })
    expect(bytes.subarray(0, 10).toString('hex')).toBe('0001000000010002'.concat('6162'))
    const userBytes = bytes.readInt32BE(10)
    expect(JSON.parse(bytes.subarray(14, 14 + userBytes).toString())).toMatchObject(data)
    expect(bytes.subarray(14 + userBytes).toString('hex')).toBe('00000000')
  })

  it('carries an assignment', () => {
    const assignment = {
      partitions: [{ topic: 'events', partition: 2 }],
      data: { tasks: [taskId(0, 2)], plan: 'p', transactionalIds: ['shop-1'], isSettled: true },
    }
    expect(decodeAssignment(encodeAssignment(assignment))).toEqual(assignment)
  })

  it('reads no bytes as an assignment of nothing', () => {
    expect(decodeAssignment(Buffer.alloc(0)).data.tasks).toEqual([])
  })

  it('refuses members that are not ours, naming the likely cause', () => {
    const foreign = encodeSubscription({ topics: ['ab'], owned: [], data })
    foreign.write('not json at all', 14)
    expect(() => decodeSubscription(foreign)).toThrow(FatalError)
    expect(() => decodeSubscription(Buffer.from([0, 1]))).toThrow(/application id/)
  })
})
