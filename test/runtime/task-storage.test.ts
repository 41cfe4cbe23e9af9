import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { EmbeddedLog } from '../../src/log/embedded-log.ts'
import { silentLogger } from '../../src/log.ts'
import { TaskChangelogs } from '../../src/runtime/changelogs.ts'
import { Totals } from '../../src/runtime/instruments.ts'
import { Outputs } from '../../src/runtime/outputs.ts'
import { makePlan } from '../../src/runtime/plan.ts'
import type { CommitReceipt } from '../../src/runtime/ports.ts'
import { TaskStorage } from '../../src/runtime/task-storage.ts'
import { openStateDirectory } from '../../state/index.ts'
import { countDefinition, countStore, countTopology } from './small-topology.ts'

/** A storage whose commits are written every 1,000 ticks. */
async function open(spec = countStore) {
  const clock = new ManualClock(0)
  const log = EmbeddedLog.inMemory({ clock, group: 'test' })
  const topology = countTopology(spec)
  const plan = makePlan(topology, 'test', new Map([['in', 1]]))
  await log.prepare(plan.requirements.map((topic) => ({ ...topic, partitions: 1, create: true })))
  const path = await mkdtemp(join(tmpdir(), 'millrace-storage-'))
  const directory = await openStateDirectory(path, { clock })
  const [planned] = plan.tasks
  if (planned === undefined) throw new Error('one task')
  const guarantee = 'exactly_once' as const
  const outputs = new Outputs(log)
  const totals = new Totals(topology.instruments)
  const time = { clock, ticks: () => clock.now(), writeIntervalMs: 1_000 }
  const options = { log, plan, planned, directory, guarantee, outputs, totals, ...time }
  const changelogs = new TaskChangelogs(options)
  const storage = new TaskStorage({ ...options, logger: silentLogger }, changelogs)
  onTestFinished(async () => {
    await storage.close()
    await directory.close()
    await log.close()
    await rm(path, { recursive: true, force: true })
  })
  await storage.restore([], new AbortController().signal)
  const counts = storage.state?.store(countDefinition(spec))
  let end = 0
  const receipt: CommitReceipt = { endOffset: () => ++end }
  const commit = async (n: number): Promise<void> => {
    counts?.put('a', { n })
    storage.seal()
    const number = storage.commitNumber + 1
    await storage.write({ number, offsets: [], receipt }, true)
  }
  return { storage, clock, commit }
}

it('the first commit is written, later ones are kept until the interval is over', async () => {
  const { storage, clock, commit } = await open()
  await commit(1)
  expect(storage.isKept).toBe(false)
  await commit(2)
  expect([storage.isKept, storage.needsCommit, storage.commitNumber]).toEqual([true, false, 2])
  clock.advance(1_000)
  expect(storage.needsCommit).toBe(true)
  await commit(3)
  expect([storage.isKept, storage.needsCommit]).toEqual([false, false])
})

it('what no topic has is never kept', async () => {
  const { storage, commit } = await open({ ...countStore, logged: false })
  await commit(1)
  await commit(2)
  expect(storage.isKept).toBe(false)
})

it('whoever reads is told that commits are missing, and of none after that', async () => {
  const { storage, commit } = await open()
  await commit(1)
  await commit(2)
  expect(storage.showCommits()).toBe(false)
  await commit(3)
  expect(storage.showCommits()).toBe(true)
  expect(storage.isKept).toBe(false)
})

it('a rollback forgets what was kept and what is open', async () => {
  const { storage, commit } = await open()
  await commit(1)
  await commit(2)
  storage.state?.store(countDefinition()).put('a', { n: 9 })
  storage.rollback()
  expect([storage.isKept, storage.openBytes]).toEqual([false, 0])
  expect(storage.state?.store(countDefinition()).get('a')).toEqual({ n: 1 })
})
