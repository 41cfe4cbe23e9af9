import { expect, it } from 'vitest'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { FencedError } from '../../src/errors.ts'
import { Committer, type CommitterOptions } from '../../src/runtime/committer.ts'
import type { StreamTask } from '../../src/runtime/stream-task.ts'
import type { SharedEnvironment } from '../../src/runtime/task-environment.ts'
import { json } from '../../src/serde/json.ts'
import { string } from '../../src/serde/primitives.ts'
import { openWorld } from './engine-world.ts'
import {
  CountOperator,
  countStore,
  countTopology,
  FunctionOperator,
  filterTopology,
  node,
  sink,
  source,
  textTopic,
  topologyOf,
} from './small-topology.ts'

it('goes on processing beside a commit, whose bytes stay what they were', async () => {
  const world = await openWorld(countTopology())
  const { engine, log } = world
  await world.send('in', [{ key: 'a' }, { key: 'a' }])
  world.drain()
  log.hold()
  const committing = engine.commit()
  await world.send('in', [{ key: 'a' }, { key: 'b' }])
  world.drain()
  expect(world.texts('out')).toEqual([])
  log.release()
  await committing
  expect(world.texts('test-counts-changelog')).toEqual(['2'])
  expect(log.embedded.inspect().committed()).toMatchObject([{ offset: 2 }])
  await engine.commit()
  expect(world.texts('test-counts-changelog')).toEqual(['2', '3', '1'])
  expect(log.embedded.inspect().recordsInMemory('out')).toHaveLength(4)
})

it('drops both layers when a commit is aborted, and takes the records again', async () => {
  const world = await openWorld(countTopology())
  const { engine, log } = world
  await world.send('in', [{ key: 'a' }])
  world.drain()
  log.hold()
  const committing = engine.commit()
  await world.send('in', [{ key: 'a' }])
  world.drain()
  log.embedded.faults.failCommit('abort')
  log.release()
  await committing
  await world.ready()
  expect(world.texts('out')).toEqual([])
  world.drain()
  await engine.commit()
  expect(world.texts('test-counts-changelog')).toEqual(['2'])
  expect(log.embedded.inspect().recordsInMemory('out')).toHaveLength(2)
  expect(engine.snapshot()).toMatchObject({ recordsIn: 2, commits: { count: 1, aborted: 1 } })
})

it('takes no record beside the commits that follow an aborted one', async () => {
  const world = await openWorld(countTopology())
  const { engine, log } = world
  const taken = () => engine.snapshot().tasks[0]?.partitions[0]?.position
  await world.send('in', [{ key: 'a' }])
  world.drain()
  log.embedded.faults.failCommit('abort')
  await engine.commit()
  await world.ready()
  world.drain()
  log.hold()
  const committing = engine.commit()
  await world.send('in', [{ key: 'b' }])
  for (let turn = 0; turn < 5; turn++) engine.turn()
  expect(taken()).toBe(1)
  log.release()
  await committing
  for (let commit = 0; commit < 20; commit++) {
    await world.send('in', [{ key: 'a' }])
    world.drain()
    await engine.commit()
  }
  log.hold()
  await world.send('in', [{ key: 'a' }])
  world.drain()
  const usual = engine.commit()
  await world.send('in', [{ key: 'b' }])
  const before = taken() ?? 0
  while (taken() === before) engine.turn()
  log.release()
  await usual
})

it('has one commit in flight, whoever asks', async () => {
  const world = await openWorld(countTopology())
  const { engine, log } = world
  await world.send('in', [{ key: 'a' }])
  world.drain()
  log.hold()
  const first = engine.commit()
  await world.send('in', [{ key: 'a' }])
  world.drain()
  const second = engine.commit()
  const third = engine.commit()
  await Promise.resolve()
  expect(log.commits).toHaveLength(1)
  log.release()
  await Promise.all([first, second, third])
  expect(log.commits).toHaveLength(2)
})

it('commits a task again only when something has changed in it', async () => {
  const world = await openWorld(countTopology(), { partitions: 3 })
  const { engine, log } = world
  await world.send('in', [{ key: 'a', partition: 1 }])
  world.drain()
  await engine.commit()
  await world.send('in', [
    { key: 'a', partition: 1 },
    { key: 'b', partition: 2 },
  ])
  world.drain()
  await engine.commit()
  const touched = log.commits.map(({ offsets }) =>
    offsets.map(({ task, metadata }) => {
      return `${task}#${(JSON.parse(metadata) as { n: number }).n}`
    })
  )
  expect(touched).toEqual([['0_1#1'], ['0_1#2', '0_2#1']])
  expect(log.commits.map(({ number }) => number)).toEqual([1, 2])
})

it('takes no record while the layer behind a commit is full', async () => {
  const wide = (text: string): boolean => text.length > 0
  const world = await openWorld(filterTopology(wide), { bufferBytesMax: 64 * 1024 })
  const { engine, log } = world
  const big = 'x'.repeat(40 * 1024)
  log.hold()
  await world.send('in', [{ value: big }, { value: big }, { value: big }, { value: big }])
  engine.turn()
  expect(log.commits).toHaveLength(0)
  while (log.commits.length === 0) engine.turn()
  const taken = () => engine.snapshot().tasks[0]?.partitions[0]?.position
  await world.send('in', [{ value: big }, { value: big }, { value: big }])
  engine.turn()
  const full = taken()
  engine.turn()
  engine.turn()
  expect(taken()).toBe(full)
  log.release()
  while (engine.snapshot().commits.count < 1) await new Promise((resolve) => setImmediate(resolve))
  engine.turn()
  expect(world.texts('out').length).toBeGreaterThan(0)
})

it('hands on what operators held back, in topological order', async () => {
  const order: string[] = []
  const flushing = (name: string) => () => {
    const operator = new FunctionOperator((self, key, value, timestamp) => {
      self.next.process(key, value, timestamp)
    })
    operator.flush = () => void order.push(name)
    return operator
  }
  const topology = topologyOf({
    nodes: [
      source('source', textTopic('in')),
      node('first', 'source', flushing('first')),
      node('second', 'first', flushing('second')),
      sink('sink', 'second', textTopic('out')),
    ],
  })
  const world = await openWorld(topology)
  await world.send('in', [{}])
  world.drain()
  await world.engine.commit()
  expect(order).toEqual(['first', 'second'])
})

it('commits soon when an operator asks for it', async () => {
  const topology = topologyOf({
    nodes: [
      source('source', textTopic('in')),
      node(
        'asks',
        'source',
        () =>
          new FunctionOperator((self, key, value, timestamp) => {
            if (value === 'now') self.context.requestCommit()
            self.next.process(key, value, timestamp)
          })
      ),
      sink('sink', 'asks', textTopic('out')),
    ],
  })
  const world = await openWorld(topology, { commitIntervalMs: 1_000_000 })
  const { engine, log } = world
  await world.send('in', [{ value: 'later' }])
  engine.turn()
  engine.turn()
  expect(log.commits).toHaveLength(0)
  await world.send('in', [{ value: 'now' }])
  engine.turn()
  engine.turn()
  expect(log.commits).toHaveLength(1)
})

it('waits for a fifth of the interval only where nothing is left to read', () => {
  let now = 0
  let [isCaughtUp, needsCommit] = [false, true]
  const life = { time: { mustCommit: false }, isCaughtUp: true }
  const idle = { isRunning: true, needsCommit: false, openBytes: 0, life }
  const task = {
    ...idle,
    get needsCommit() {
      return needsCommit
    },
    get life() {
      return { ...life, isCaughtUp }
    },
  }
  const environment = { ticks: () => now, outputs: { bytes: 0 } } as unknown as SharedEnvironment
  const committer = new Committer({
    environment,
    intervalMs: 100,
    bufferBytesMax: 1_000,
    purgeIntervalMs: 30_000,
    tasks: () => [task, idle] as unknown as readonly StreamTask[],
    onFailure: () => Promise.resolve(),
    probe: () => undefined,
  } as CommitterOptions)
  expect(committer.dueInMs()).toBe(100)
  isCaughtUp = true
  expect(committer.dueInMs()).toBe(20)
  now = 15
  expect(committer.dueInMs()).toBe(5)
  isCaughtUp = false
  expect(committer.dueInMs()).toBe(85)
  needsCommit = false
  isCaughtUp = true
  expect(committer.dueInMs()).toBe(Number.POSITIVE_INFINITY)
})

it('leaves a record that cannot be read to its task when it asks for a commit', async () => {
  const builder = new StreamsBuilder()
  const numbers = { key: string(), value: json<number>() }
  const stream = builder.stream(topic('in', numbers), { errors: { decode: 'stop' } })
  stream.to(topic('out', { ...numbers, create: true }))
  const world = await openWorld(builder.build(), { commitIntervalMs: 1_000_000 })
  await world.send('in', [{ value: '1' }])
  world.drain()
  await world.send('in', [{ value: '{' }])
  world.engine.turn()
  expect(world.engine.failure).toMatchObject({ code: 'MILLRACE_RECORD_REFUSED' })
})

it('keeps several stores of a task in one commit', async () => {
  const other = { ...countStore, name: 'more' }
  const topology = topologyOf({
    nodes: [
      source('source', textTopic('in')),
      node('one', 'source', () => new CountOperator(countStore), { stores: [countStore] }),
      node('two', 'one', () => new CountOperator(other), { stores: [other] }),
    ],
    sinks: [],
  })
  const world = await openWorld(topology)
  await world.send('in', [{ key: 'a' }, { key: 'a' }])
  world.drain()
  await world.engine.commit()
  expect(world.texts('test-counts-changelog')).toEqual(['2'])
  expect(world.texts('test-more-changelog')).toEqual(['2'])
})

it('loses no task that was given back before the refusal of an older commit came', async () => {
  const world = await openWorld(countTopology(), { partitions: 2 })
  const { engine, log } = world
  await world.send('in', [{ key: 'a', partition: 0 }])
  world.drain()
  log.hold()
  const committing = engine.commit()
  const ids = engine.tasks.map(({ id }) => id)
  await log.listener?.onLost()
  await log.listener?.onAssigned(ids)
  await world.ready()
  await world.send('in', [{ key: 'b', partition: 1 }])
  world.drain()
  log.refuse(new FencedError('MILLRACE_COMMIT_FENCED', 'others own the tasks'))
  await committing
  await world.ready()
  expect(engine.tasks.map(({ id }) => id)).toEqual(ids)
  world.drain()
  await engine.commit()
  expect(log.embedded.inspect().recordsInMemory('out')).toHaveLength(2)
  expect(world.texts('test-counts-changelog')).toEqual(['1', '1'])
})
