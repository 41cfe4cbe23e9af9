import { describe, expect, it } from 'vitest'
import { taskId } from '../../src/ids.ts'
import type { AppSnapshot, TaskSnapshot } from '../../src/runtime/snapshot.ts'
import { mergeSnapshots } from '../../src/threads/merge-snapshots.ts'
import { runningSnapshot } from '../support/http-ports.ts'

function task(subtopology: number, partition: number, state: TaskSnapshot['state']): TaskSnapshot {
  const id = taskId(subtopology, partition)
  return { id, state, partitions: [], streamTime: null, stateBytes: 0, restore: [] }
}

function snapshot(fields: Partial<AppSnapshot>): AppSnapshot {
  return { ...runningSnapshot(), ...fields }
}

const one = snapshot({
  recordsIn: 3,
  dropped: { late: 1 },
  commits: { count: 2, seconds: 0.5, aborted: 1 },
  rebalances: 4,
  tasks: [task(1, 0, 'running'), task(0, 10, 'running')],
  gauges: [{ name: 'orders', labels: {}, value: 7 }],
  counters: [{ name: 'events', labels: { type: 'order' }, value: 5 }],
})
const two = snapshot({
  recordsIn: 4,
  dropped: { late: 2, decode: 1 },
  commits: { count: 3, seconds: 0.25, aborted: 0 },
  rebalances: 3,
  tasks: [task(0, 9, 'running'), task(1, 0, 'restoring')],
  gauges: [{ name: 'orders', labels: { shop: 'b' }, value: 1 }],
  counters: [
    { name: 'events', labels: { type: 'order' }, value: 6 },
    { name: 'events', labels: { type: 'other' }, value: 1 },
  ],
})

describe('what several threads say', () => {
  it('is summed where it counts, and side by side where it tells of tasks', () => {
    const merged = mergeSnapshots([
      { thread: 1, snapshot: one },
      { thread: 2, snapshot: two },
    ])
    expect(merged).toMatchObject({
      recordsIn: 7,
      dropped: { late: 3, decode: 1 },
      commits: { count: 5, seconds: 0.75, aborted: 1 },
      rebalances: 4,
      log: { ok: true },
      gauges: [
        { labels: {}, value: 7 },
        { labels: { shop: 'b' }, value: 1 },
      ],
      counters: [
        { labels: { type: 'order' }, value: 11 },
        { labels: { type: 'other' }, value: 1 },
      ],
    })
    expect(merged.tasks.map(({ id, thread }) => [id, thread])).toEqual([
      ['0_9', 2],
      ['0_10', 1],
      ['1_0', 2],
    ])
  })

  it('is, of a task between two threads, the later word', () => {
    const latest = [
      { thread: 2, snapshot: two },
      { thread: 1, snapshot: { ...one, gauges: [{ name: 'orders', labels: {}, value: 8 }] } },
    ]
    const merged = mergeSnapshots(latest)
    expect(merged.tasks.at(-1)).toMatchObject({ id: '1_0', state: 'running', thread: 1 })
    const gauge = { name: 'orders', labels: {}, value: 8 }
    expect(mergeSnapshots([{ thread: 3, snapshot: one }, ...latest]).gauges).toContainEqual(gauge)
  })

  it('tells of a log that one of them does not reach', () => {
    const log = { ok: false, reason: 'The brokers do not answer.' }
    const latest = [one, { ...two, log }].map((snapshot, i) => ({ thread: i + 1, snapshot }))
    expect(mergeSnapshots(latest).log).toEqual(log)
  })
})
