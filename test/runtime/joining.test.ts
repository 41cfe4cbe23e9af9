/** What an engine waits for before it joins the group, when there are others to join with. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { EmbeddedLog } from '../../src/log/embedded-log.ts'
import { Engine } from '../../src/runtime/engine.ts'
import { openStateDirectory } from '../../state/index.ts'
import { countTopology } from './small-topology.ts'

async function openWorld() {
  const log = EmbeddedLog.inMemory({ clock: systemClock, group: 'test' })
  const topics = ['in', 'out'].map((name) => ({ name, role: 'sink', create: true }) as const)
  await log.prepare(topics.map((topic) => ({ ...topic, partitions: 1 })))
  const path = await mkdtemp(join(tmpdir(), 'millrace-joining-'))
  const directory = await openStateDirectory(path)
  let arrive: () => void = () => {}
  let release: () => void = () => {}
  const arrived = new Promise<void>((resolve) => (arrive = resolve))
  const released = new Promise<void>((resolve) => (release = resolve))
  const engine = new Engine({
    ...{ topology: countTopology(), applicationId: 'test', log, directory, runs: false },
    beforeJoining: () => {
      arrive()
      return released
    },
  })
  onTestFinished(async () => {
    await engine.close(1_000)
    await directory.close()
    await log.close()
    await rm(path, { recursive: true, force: true })
  })
  return { engine, arrived, release }
}

it('joins when the others are ready, and not before', async () => {
  const { engine, arrived, release } = await openWorld()
  const starting = engine.start()
  await arrived
  // Long enough for an embedded log to hand out its tasks.
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  expect([engine.state, engine.tasks]).toEqual(['starting', []])
  release()
  await starting
  expect(engine.snapshot().rebalances).toBe(1)
})

it('closes without the others', async () => {
  const { engine, arrived } = await openWorld()
  const starting = engine.start()
  await arrived
  await engine.close()
  await starting
  expect([engine.state, engine.snapshot().rebalances]).toEqual(['closed', 0])
})
