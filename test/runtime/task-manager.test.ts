import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { AbortedError, CorruptedError, FatalError, RetriableError } from '../../src/errors.ts'
import type { Log } from '../../src/runtime/ports.ts'
import { openWorld, type World } from './engine-world.ts'
import { openDriver } from './open-driver.ts'
import {
  countStore,
  countTopic,
  countTopology,
  FunctionOperator,
  node,
  sink,
  source,
  textTopic,
  topologyOf,
} from './small-topology.ts'

const input = textTopic('in')
const counts = countTopic('out')

/** Key `k<p>` in partition p. */
function spread(partitions: number) {
  return Array.from({ length: partitions }, (_, partition) => ({
    key: `k${partition}`,
    value: 'x',
    timestamp: 1,
    partition,
  }))
}

describe('a hand-over', () => {
  it('moves tasks with their state, and the others keep running', async () => {
    const driver = await openDriver(countTopology(), { partitions: 4 })
    await driver.input(input).pipeAll(spread(4))
    await driver.rebalance(2)
    const shares = driver.snapshots().map(({ tasks }) => tasks.length)
    expect(shares).toEqual([2, 2])
    await driver.input(input).pipeAll(spread(4))
    await driver.rebalance(1)
    await driver.input(input).pipeAll(spread(4))
    const pairs = driver
      .output(counts)
      .readAll()
      .map(({ key, value }) => `${key}=${value}`)
    const expected = [1, 2, 3].flatMap((n) => [0, 1, 2, 3].map((p) => `k${p}=${n}`))
    expect([...pairs].sort()).toEqual([...expected].sort())
  })

  it('commits what the old owner has done before the new one begins', async () => {
    const driver = await openDriver(countTopology(), { partitions: 2, commit: 'manual' })
    await driver.input(input).pipeAll(spread(2))
    await driver.rebalance(2)
    await driver.input(input).pipeAll(spread(2))
    await driver.commit()
    const pairs = driver
      .output(counts)
      .readAll()
      .map(({ key, value }) => `${key}=${value}`)
    expect([...pairs].sort()).toEqual(['k0=1', 'k0=2', 'k1=1', 'k1=2'])
  })

  it('survives a commit that is aborted in the middle of it', async () => {
    const driver = await openDriver(countTopology(), { partitions: 2, commit: 'manual' })
    await driver.input(input).pipeAll(spread(2))
    driver.log.faults.failCommit('abort')
    await driver.rebalance(2)
    await driver.commit()
    const pairs = driver
      .output(counts)
      .readAll()
      .map(({ key, value }) => `${key}=${value}`)
    expect([...pairs].sort()).toEqual(['k0=1', 'k1=1'])
  })

  it('after a crash goes to whoever is left', async () => {
    const driver = await openDriver(countTopology(), { partitions: 2, instances: 2 })
    await driver.input(input).pipeAll(spread(2))
    await driver.crash({ instance: 0 })
    await driver.input(input).pipeAll(spread(2))
    const pairs = driver
      .output(counts)
      .readAll()
      .map(({ key, value }) => `${key}=${value}`)
    expect([...pairs].sort()).toEqual(['k0=1', 'k0=2', 'k1=1', 'k1=2'])
    await driver.restart()
    expect(driver.snapshots().map(({ tasks }) => tasks.length)).toEqual([1, 1])
  })
})

describe('a task whose next record was deleted', () => {
  const gone = new FatalError('MILLRACE_OFFSET_OUT_OF_RANGE', 'Offset 0 of in-0 is not in the log')
  const turns = async ({ engine }: World): Promise<void> => {
    for (let i = 0; i < 20 && engine.failure === undefined; i++) {
      engine.turn()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  it('ends the application if the task is still here', async () => {
    const world = await openWorld(countTopology())
    world.log.readFailure = gone
    await turns(world)
    expect(world.engine.failure).toBe(gone)
  })

  it('goes to whoever has read and purged that record, if the group has moved it', async () => {
    const world = await openWorld(countTopology())
    const tasks = world.engine.tasks.map(({ id }) => id)
    world.log.readFailure = gone
    world.log.stillHas = false
    await turns(world)
    expect(world.engine.failure).toBeUndefined()
    await world.log.listener?.onLost()
    expect(world.engine.tasks).toEqual([])
    // It may come back, behind what is gone.
    world.log.readFailure = undefined
    await world.log.listener?.onAssigned(tasks)
    await world.ready()
    await world.send('in', [{ key: 'a' }])
    world.drain()
    await world.engine.commit()
    expect(world.texts('test-counts-changelog')).toEqual(['1'])
  })
})

describe('a repartition topic', () => {
  const topology = topologyOf({
    nodes: [
      source('source', input),
      node(
        'send',
        'source',
        () =>
          new FunctionOperator((self, _key, value, timestamp) => {
            const { context } = self
            const topic = context.topicName('by-value')
            const bytes = Buffer.from(String(value))
            const partition = bytes.length % context.partitionCount('by-value')
            context.send(topic, partition, timestamp, bytes, bytes)
          }),
        { topic: 'by-value' }
      ),
      source('again', textTopic('by-value'), { internal: true }),
      node(
        'meet',
        'again',
        () =>
          new FunctionOperator((self, key, _value, timestamp) => {
            const { context } = self
            const where = `${context.task} of ${context.producerCount('by-value')}`
            self.next.process(key, where, timestamp)
          })
      ),
      sink('sink', 'meet', textTopic('out')),
    ],
    repartitions: ['by-value'],
  })

  it('brings records of one key to one task, and is purged behind it', async () => {
    const driver = await openDriver(topology, { partitions: 2 })
    await driver.input(input).pipeAll([
      { key: 'k0', value: 'a', partition: 0 },
      { key: 'k1', value: 'a', partition: 1 },
      { key: 'k1', value: 'bb', partition: 1 },
    ])
    const out = driver.output(textTopic('out')).readAll()
    expect(out.map(({ key, value }) => `${key}: ${value}`).sort()).toEqual([
      'a: 1_1 of 2',
      'a: 1_1 of 2',
      'bb: 1_0 of 2',
    ])
    const topics = driver.log.inspect().topics()
    const name = 'test-by-value-repartition'
    const repartition = topics.find((topic) => topic.name === name)?.partitions
    expect(repartition?.map(({ end }) => end)).toEqual([1, 2])
    expect(repartition?.map(({ logStart }) => logStart)).toEqual([1, 2])
  })
})

describe('a damaged state', () => {
  it('is found at the start, and rebuilt from the changelog', async () => {
    const driver = await openDriver(countTopology())
    await driver.input(input).pipe('a', 'x')
    await driver.crash()
    const tasks = join(driver.directory(), 'tasks', '0_0')
    const manifest = (await readdir(tasks)).find((name) => name.startsWith('MANIFEST'))
    await writeFile(join(tasks, manifest ?? 'MANIFEST'), 'not this')
    await driver.restart()
    await driver.input(input).pipe('a', 'x')
    expect(driver.output(counts).readPairs()).toEqual([
      ['a', 1n],
      ['a', 2n],
    ])
  })

  it('is found while a record is handled, and rebuilt', async () => {
    let reads = 0
    const topology = topologyOf({
      nodes: [
        source('source', input),
        node(
          'count',
          'source',
          () =>
            new FunctionOperator((self, key, value, timestamp) => {
              if (value === 'bad' && reads++ === 0) {
                throw new CorruptedError('MILLRACE_STATE_CORRUPTED', 'a byte has changed')
              }
              self.next.process(key, value, timestamp)
            }),
          { stores: [countStore] }
        ),
        sink('sink', 'count', textTopic('out')),
      ],
    })
    const driver = await openDriver(topology, { commit: 'manual' })
    await driver.input(input).pipe('a', 'good')
    await driver.input(input).pipe('a', 'bad')
    await driver.commit()
    expect(driver.output(textTopic('out')).readPairs()).toEqual([
      ['a', 'good'],
      ['a', 'bad'],
    ])
    expect(driver.snapshots()[0]?.restores.count).toBe(2)
  })

  it('that is behind is brought up to the last commit', async () => {
    const driver = await openDriver(countTopology())
    await driver.input(input).pipe('a', 'x')
    await driver.crash()
    const path = join(driver.directory(), 'tasks')
    const kept = await copyOf(path)
    await driver.restart()
    await driver.input(input).pipe('a', 'x')
    await driver.crash()
    await replace(path, kept)
    await driver.restart()
    expect(await driver.store('counts').entries()).toEqual([['a', { n: 2 }]])
    expect(driver.snapshots()[0]?.restores).toMatchObject({ count: 1, records: 1 })
  })

  it('that is ahead of the committed offsets is never used', async () => {
    const ahead = await openDriver(countTopology())
    for (const key of ['a', 'a', 'b']) await ahead.input(input).pipe(key, 'x')
    await ahead.crash()
    const driver = await openDriver(countTopology())
    await driver.input(input).pipe('a', 'x')
    await driver.crash()
    await replace(join(driver.directory(), 'tasks'), await copyOf(join(ahead.directory(), 'tasks')))
    await driver.restart()
    expect(await driver.store('counts').entries()).toEqual([['a', { n: 1 }]])
  })
})

describe('a restore', () => {
  it('is tried again when the log says that this may help', async () => {
    const world = await openWorld(countTopology())
    await world.send('in', [{ key: 'a' }])
    world.drain()
    await world.engine.commit()
    let failures = 0
    const { committed } = world.log.embedded
    world.log.embedded.committed = async (partitions) => {
      if (failures++ < 1) throw new RetriableError('MILLRACE_TEST', 'not yet')
      return await committed.call(world.log.embedded, partitions)
    }
    await world.send('in', [{ key: 'a' }])
    world.drain()
    world.log.embedded.faults.failCommit('abort')
    await world.engine.commit()
    await world.ready()
    world.drain()
    await world.engine.commit()
    expect(world.texts('test-counts-changelog')).toEqual(['1', '2'])
    expect(failures).toBe(2)
  })

  it('is cut short when the task is taken away', async () => {
    let isHeld = false
    const held: AbortSignal[] = []
    const world = await openWorld(countTopology(), { partitions: 2 })
    const { embedded } = world.log
    const restore: Log['restore'] = embedded.restore.bind(embedded)
    embedded.restore = async (partition, from, options) => {
      if (!isHeld) return await restore(partition, from, options)
      held.push(options.signal)
      return await new Promise((_, reject) => {
        options.signal.addEventListener('abort', () => reject(options.signal.reason))
      })
    }
    await world.send('in', spread(2))
    world.drain()
    isHeld = true
    embedded.faults.failCommit('abort')
    await world.engine.commit()
    await untilTrue(() => held.length === 2)
    expect(world.engine.state).toBe('rebalancing')
    expect(world.engine.snapshot().reasons).toContain('Task 0_0 is restoring.')
    await world.engine.close()
    expect(held.every(({ aborted }) => aborted)).toBe(true)
    expect(world.engine.state).toBe('closed')
  })

  it('that cannot succeed ends the application', async () => {
    const world = await openWorld(countTopology())
    await world.send('in', [{}])
    world.drain()
    world.log.embedded.committed = () => Promise.reject(new Error('no such group'))
    world.log.embedded.faults.failCommit('abort')
    await world.engine.commit()
    await expect(world.engine.done).rejects.toMatchObject({ code: 'MILLRACE_PROCESSING_FAILED' })
    expect(world.engine.failure).not.toBeInstanceOf(AbortedError)
  })
})

async function untilTrue(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

/** Files by their path below a directory. */
type Copy = ReadonlyMap<string, Uint8Array>

async function copyOf(path: string): Promise<Copy> {
  const found = await readdir(path, { recursive: true, withFileTypes: true })
  const files = found.filter((file) => file.isFile())
  const paths = files.map((file) => relative(path, join(file.parentPath, file.name)))
  const contents = paths.map(async (file) => [file, await readFile(join(path, file))] as const)
  return new Map(await Promise.all(contents))
}

async function replace(path: string, copy: Copy): Promise<void> {
  await rm(path, { recursive: true })
  for (const [file, bytes] of copy) {
    await mkdir(dirname(join(path, file)), { recursive: true })
    await writeFile(join(path, file), bytes)
  }
}
