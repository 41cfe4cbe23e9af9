/** Commits whose state waits in memory for a later one: they have happened all the same. */
import { expect, it } from 'vitest'
import { openView } from '../../src/runtime/store-access.ts'
import type { ReadOnlyKeyValueStore } from '../../src/runtime/store-views.ts'
import { openWorld, type World } from './engine-world.ts'
import { countHandle, countStore, countTopology } from './small-topology.ts'

const topology = countTopology()
const never = 1e9

/** A record and the commit that is due after it, as the loop takes them. */
async function count(world: World, key: string): Promise<void> {
  await world.send('in', [{ key }])
  world.drain()
  const before = world.engine.snapshot().commits.count
  await turnsUntil(world, () => world.engine.snapshot().commits.count > before)
}

async function turnsUntil({ engine }: World, holds: () => boolean): Promise<void> {
  while (!holds()) {
    engine.turn()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function view({ engine }: World): ReadOnlyKeyValueStore<string, number> {
  const parts = (name: string) => engine.partsOf(name)
  return openView(countHandle, topology.readable, parts) as ReadOnlyKeyValueStore<string, number>
}

const isKept = ({ engine }: World): boolean => engine.tasks[0]?.isKept === true

it('a state is written with the first commit, and then after the interval', async () => {
  const world = await openWorld(topology, { commitIntervalMs: 0, writeIntervalMs: never })
  await count(world, 'a')
  expect(isKept(world)).toBe(false)
  await count(world, 'a')
  await count(world, 'b')
  expect(isKept(world)).toBe(true)
  expect(world.texts('test-counts-changelog')).toEqual(['1', '2', '1'])
  await world.engine.commit()
  expect(isKept(world)).toBe(false)
})

it('an abort forgets what was kept, and restores it from the changelog', async () => {
  const world = await openWorld(topology, { commitIntervalMs: 0, writeIntervalMs: never })
  for (const key of ['a', 'a', 'b', 'a']) await count(world, key)
  world.log.embedded.faults.failCommit('abort')
  await world.send('in', [{ key: 'a' }])
  world.drain()
  await world.engine.commit()
  await world.ready()
  expect(world.engine.snapshot().commits.aborted).toBe(1)
  world.drain()
  await world.engine.commit()
  expect(world.texts('test-counts-changelog')).toEqual(['1', '2', '1', '3', '4'])
  expect(await view(world).get('a')).toBe(4)
  expect(await view(world).get('b')).toBe(1)
})

it('whoever reads sees every commit, from the first look on', async () => {
  const world = await openWorld(topology, { commitIntervalMs: 0, writeIntervalMs: never })
  await count(world, 'a')
  await count(world, 'a')
  expect(isKept(world)).toBe(true)
  expect(await view(world).get('a')).toBe(2)
  await count(world, 'a')
  expect(isKept(world)).toBe(false)
  expect(await view(world).get('a')).toBe(3)
})

it('what was kept is written when nothing else comes', async () => {
  const world = await openWorld(topology, { commitIntervalMs: 0, writeIntervalMs: 200 })
  await count(world, 'a')
  await count(world, 'a')
  await turnsUntil(world, () => world.engine.snapshot().commits.count === 3)
  const part = world.engine.tasks[0]?.openStore(countStore.name)
  const rows: unknown[] = []
  for await (const { value } of part?.find({ key: 'a' }) ?? []) rows.push(value)
  part?.close()
  expect(rows).toEqual([2])
  expect(world.engine.needsCommit).toBe(false)
})
