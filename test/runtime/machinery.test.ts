import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { EmbeddedLog } from '../../src/log/embedded-log.ts'
import { silentLogger } from '../../src/log.ts'
import { completeOptions } from '../../src/runtime/engine-options.ts'
import { Totals } from '../../src/runtime/instruments.ts'
import { Machinery } from '../../src/runtime/machinery.ts'
import { makePlan } from '../../src/runtime/plan.ts'
import { openStateDirectory } from '../../state/index.ts'
import { countTopology } from './small-topology.ts'

/** With one task that has counted one record, and not committed it. */
async function open() {
  const clock = new ManualClock(1)
  const log = EmbeddedLog.inMemory({ clock, group: 'test' })
  const topology = countTopology()
  const topics = ['in', 'out'].map((name) => ({ name, role: 'sink', create: true }) as const)
  const counts = await log.prepare(topics.map((topic) => ({ ...topic, partitions: 1 })))
  const plan = makePlan(topology, 'test', counts)
  await log.prepare(plan.requirements)
  const path = await mkdtemp(join(tmpdir(), 'millrace-machinery-'))
  const directory = await openStateDirectory(path, { clock })
  const failures: unknown[] = []
  const machinery = await Machinery.open(
    {
      engine: completeOptions({ topology, applicationId: 'test', log, directory }),
      plan,
      clock,
      logger: silentLogger,
      totals: new Totals(topology.instruments),
      stillHas: async () => true,
      onFatal: (error) => failures.push(error),
    },
    new AbortController().signal
  )
  onTestFinished(async () => {
    await machinery.abandon()
    await directory.close()
    await log.close()
    await rm(path, { recursive: true, force: true })
    expect(failures).toEqual([])
  })
  const membership = await log.join(machinery.group, machinery.manager)
  await log.balanced()
  while (machinery.manager.isRebalancing) await nextTurn()
  await log.append('in', [{ key: Buffer.from('a'), value: Buffer.from('x'), timestamp: 1 }])
  while (machinery.loop.process(1) === 0) await nextTurn()
  const written = (): number => log.inspect().recordsInMemory('out').length
  return { machinery, membership, written }
}

it('what finishes commits what it has done, and holds no task any more', async () => {
  const { machinery, membership, written } = await open()
  await machinery.finish()
  expect([written(), machinery.manager.tasks]).toEqual([1, []])
  expect(machinery.group.held()).toEqual([{ id: '0_0', restored: 1 }])
  await membership.leave()
})

it('what is abandoned commits nothing, not even when it is asked to', async () => {
  const { machinery, membership, written } = await open()
  const abandoned = machinery.abandon()
  await machinery.committer.commit()
  await abandoned
  expect([written(), machinery.manager.tasks]).toEqual([0, []])
  await membership.leave()
})

it('what is cut short closes its tasks without a commit', async () => {
  const { machinery, membership, written } = await open()
  await machinery.cutShort(60_000)
  expect([written(), machinery.manager.tasks]).toEqual([0, []])
  await membership.leave()
})
