import { expect, it } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { taskId } from '../../src/ids.ts'
import type { RecordHeaders } from '../../src/record.ts'
import { TaskChangelogs } from '../../src/runtime/changelogs.ts'
import { Outputs } from '../../src/runtime/outputs.ts'
import { makePlan } from '../../src/runtime/plan.ts'
import type { CommitReceipt, OffsetCommit, OutputBatch } from '../../src/runtime/ports.ts'
import { commitNumberHeader } from '../../src/runtime/restore.ts'
import type { Guarantee } from '../../src/runtime/task-environment.ts'
import type { StoreSpec } from '../../src/topology/topology.ts'
import type { SealedState } from '../../state/contract.ts'
import { countStore, countTopology } from './small-topology.ts'

const topic = 'test-counts-changelog'
const fromInput: StoreSpec = {
  ...countStore,
  logged: false,
  origin: { topic: 'in', entryOf: () => undefined },
}
const offsets: readonly OffsetCommit[] = [
  { topic: 'in', partition: 0, task: taskId(0, 0), offset: 7, leaderEpoch: 2, metadata: '' },
]

/** The changelogs of a task that counts, and what goes to a log from them. */
function open({ store = countStore, guarantee = 'exactly_once' as Guarantee } = {}) {
  const sent: (readonly [topic: string, key: string, value: string | null, number: string])[] = []
  const batch = {
    append: (to: string, _: number, _at: number, ...rest: readonly unknown[]) => {
      const [key, value, headers = []] = rest as [Buffer, Buffer | null, RecordHeaders?]
      const number = headers.find(([name]) => name === commitNumberHeader)?.[1]
      sent.push([to, `${key}`, value && `${value}`, number ? `${Buffer.from(number)}` : ''])
    },
  } as unknown as OutputBatch
  const plan = makePlan(countTopology(store), 'test', new Map([['in', 1]]), guarantee)
  const [planned] = plan.tasks
  if (planned === undefined) throw new Error('one task')
  const outputs = new Outputs({ createBatch: () => batch } as never)
  const clock = new ManualClock(5)
  return {
    changelogs: new TaskChangelogs({ plan, planned, guarantee, outputs, clock }),
    batch,
    sent,
  }
}

const sealed: SealedState = {
  entries: 2,
  forEachLogged: (visit) => {
    visit('counts', Buffer.from('a'), Buffer.from('1'))
    visit('counts', Buffer.from('b'), null)
  },
}

const upTo = (end: number | undefined, epoch?: number): CommitReceipt => ({
  endOffset: (of) => (of === topic ? end : undefined),
  leaderEpoch: () => epoch,
})

it('what a commit has changed is sent, with its number where it may not happen', () => {
  const once = open()
  once.changelogs.send(sealed, 3, once.batch, 1)
  expect(once.sent).toEqual([
    [topic, 'a', '1', ''],
    [topic, 'b', null, ''],
  ])
  const atLeastOnce = open({ guarantee: 'at_least_once' })
  atLeastOnce.changelogs.send(sealed, 3, atLeastOnce.batch, 1)
  expect(atLeastOnce.sent.map(([, , , number]) => number)).toEqual(['3', '3'])
})

it('keys of commits that never happened are put again, or deleted again', () => {
  const { changelogs, sent } = open({ guarantee: 'at_least_once' })
  const rows = new Map([['a', 1]])
  const put: unknown[] = []
  const store = { get: (key: string) => rows.get(key), put: (...row: unknown[]) => put.push(row) }
  const stores = new Map([['counts', store as never]])
  changelogs.mend(new Map([['counts', new Set(['a', 'ghost'])]]), 4, stores)
  expect(put).toEqual([['a', 1]])
  expect(sent).toEqual([[topic, 'ghost', null, '4']])
})

it('a checkpoint has the end of what was sent, and keeps the place where nothing was', () => {
  const { changelogs } = open()
  const first = changelogs.checkpointAfter(undefined, { number: 1, offsets, receipt: upTo(5, 2) })
  const sources = { 'in-0': { offset: 7, leaderEpoch: 2 } }
  const place = { changelogs: { counts: 5 }, epochs: { counts: 2 }, sources }
  expect(first).toEqual({ commitNumber: 1, ...place })
  const receipt = upTo(undefined)
  expect(changelogs.checkpointAfter(first, { number: 2, offsets, receipt })).toEqual({
    commitNumber: 2,
    ...place,
  })
  const unknown = changelogs.checkpointAfter(first, { number: 2, offsets, receipt: upTo(6) })
  expect(unknown).toMatchObject({ changelogs: { counts: 6 }, epochs: {} })
})

it('a changelog that ends before the last checkpoint is refused', () => {
  const { changelogs } = open()
  const before = { commitNumber: 1, changelogs: { counts: 5 } }
  expect(() =>
    changelogs.checkpointAfter(before, { number: 2, offsets, receipt: upTo(5) })
  ).toThrow(expect.objectContaining({ code: 'MILLRACE_CHANGELOG_TRUNCATED' }))
})

it('a store without one is restored from its source, up to what is committed of that', () => {
  const { changelogs } = open({ store: fromInput })
  expect(changelogs.areComplete).toBe(true)
  expect(open({ store: { ...countStore, logged: false } }).changelogs.areComplete).toBe(false)
  const { stores, origins } = changelogs.restoredFrom(offsets)
  expect(stores).toEqual([])
  expect(origins.get('counts')).toMatchObject({ topic: 'in', partition: 0, until: 7 })
  const receipt = upTo(undefined)
  const checkpoint = changelogs.checkpointAfter(undefined, { number: 1, offsets, receipt })
  expect(checkpoint.changelogs).toEqual({ counts: 7 })
})
