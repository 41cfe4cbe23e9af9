import { describe, expect, it } from 'vitest'
import type { TaskContext } from '../../src/processor/operator.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { string } from '../../src/serde/primitives.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { openWorld } from './engine-world.ts'
import { openDriver } from './open-driver.ts'
import {
  countStore,
  FunctionOperator,
  filterTopology,
  GaugeCountOperator,
  node,
  sink,
  source,
  textTopic,
  topologyOf,
} from './small-topology.ts'

const input = textTopic('in')
const output = textTopic('out')

type Run = (self: FunctionOperator, key: unknown, value: unknown, timestamp: number) => void
type Begin = (context: TaskContext, self: FunctionOperator) => void

/** `in` → one node → `out`. */
function oneNode(run: Run, begin?: Begin): Topology {
  return topologyOf({
    nodes: [
      source('source', input),
      node('node', 'source', () => new FunctionOperator(run, begin)),
      sink('sink', 'node', output),
    ],
  })
}

const pass: Run = (self, key, value, timestamp) => self.next.process(key, value, timestamp)

describe('records', () => {
  it('of several partitions are taken in the order of their timestamps', async () => {
    const topology = topologyOf({
      nodes: [
        source('left', input),
        source('right', textTopic('other')),
        node('node', ['left', 'right'], () => new FunctionOperator(pass)),
        sink('sink', 'node', output),
      ],
      sources: ['in', 'other'],
    })
    const world = await openWorld(topology)
    await world.send(
      'in',
      [1, 4, 5].map((timestamp) => ({ timestamp, value: `in ${timestamp}` }))
    )
    await world.send(
      'other',
      [2, 3, 6].map((timestamp) => ({ timestamp, value: `${timestamp}` }))
    )
    world.drain()
    await world.engine.commit()
    expect(world.texts('out')).toEqual(['in 1', '2', '3', 'in 4', 'in 5', '6'])
  })

  it('know the watermark of their own partition before them', async () => {
    const seen: number[] = []
    const topology = oneNode((self) => void seen.push(self.context.record.watermark))
    const driver = await openDriver(topology)
    for (const timestamp of [5, 9, 7, 12]) await driver.input(input).pipe('a', 'x', timestamp)
    expect(seen).toEqual([Number.NEGATIVE_INFINITY, 5, 9, 9])
    await driver.crash()
    await driver.restart()
    await driver.input(input).pipe('a', 'x', 13)
    expect(seen.at(-1)).toBe(12)
  })

  it('show their coordinates and headers', async () => {
    const seen: unknown[] = []
    const topology = oneNode(({ context: { record } }) => {
      const { topic, partition, offset } = record
      seen.push([
        topic,
        partition,
        offset,
        record.headers.map(([name, value]) => [name, `${value}`]),
      ])
    })
    const driver = await openDriver(topology)
    await driver.input(input).pipe('a', 'x', 1, [['trace', Buffer.from('7')]])
    await driver.input(input).pipe('a', 'x', 1)
    expect(seen).toEqual([
      ['in', 0, 0, [['trace', '7']]],
      ['in', 0, 1, []],
    ])
  })
})

describe('headers', () => {
  it('go out with what the record itself sends, and with nothing else', async () => {
    const topology = oneNode(
      (self, key, value, timestamp) => {
        self.next.process(key, value, timestamp)
        self.context.afterRecord(async () => {
          await Promise.resolve()
          self.next.process(key, 'later', timestamp)
          return false
        })
      },
      (context, self) => {
        for (const clock of ['stream-time', 'wall-clock'] as const) {
          context.schedule(10, clock, (now) => self.next.process('tick', clock, now))
        }
        self.flush = () => self.next.process('flush', 'flush', 0)
      }
    )
    const world = await openWorld(topology)
    const headers = [['trace', Buffer.from('1')] as const]
    const record = { key: Buffer.from('a'), value: Buffer.from('x'), timestamp: 10, headers }
    await world.log.embedded.append('in', [record, record])
    world.drain()
    await world.engine.commit()
    world.clock.advance(10)
    world.engine.observe()
    world.drain()
    await world.engine.commit()
    const out = world.log.embedded.inspect().recordsInMemory('out')
    expect(out.map((one) => [String(one.value), one.headers.length])).toEqual([
      ['x', 1],
      ['stream-time', 0],
      ['later', 1],
      ['flush', 0],
      ['wall-clock', 0],
      ['x', 1],
      ['later', 1],
      ['flush', 0],
    ])
  })
})

describe('rejected records', () => {
  it('are counted by reason, and move no time', async () => {
    const times: number[] = []
    const topology = topologyOf({
      nodes: [
        source('source', input, {
          timestamp: (value) => {
            if (value === 'broken') throw new Error('no time in it')
            return Number(value)
          },
          maxFutureMs: 1_000,
          rejections: 'rejected',
        }),
        node('node', 'source', () => {
          return new FunctionOperator((self, key, value, timestamp) => {
            times.push(self.context.record.watermark)
            self.next.process(key, value, timestamp)
          })
        }),
        sink('sink', 'node', output),
      ],
      instruments: [{ kind: 'counter', name: 'rejected', help: '', labels: {}, label: 'reason' }],
    })
    const driver = await openDriver(topology, { start: 10_000 })
    for (const value of ['100', '-1', '1.5', 'broken', '99999', '200', '11000']) {
      await driver.input(input).pipe('a', value)
    }
    await driver.input(input).pipe(null, '300')
    await driver.input(input).pipe('a', null)
    expect(times).toEqual([Number.NEGATIVE_INFINITY, 100, 200])
    const reasons = { no_timestamp: 3, future: 1, null_key: 1, null_value: 1 }
    expect(driver.dropped()).toEqual(reasons)
    expect(driver.counters()).toEqual(
      Object.entries(reasons).map(([reason, value]) => ({
        name: 'rejected',
        labels: { reason },
        value,
      }))
    )
    expect(driver.log.inspect().committed()).toMatchObject([{ offset: 9 }])
  })

  it('are not rejected for a null that their serde reads', async () => {
    const seen: unknown[] = []
    const text = nullable(string())
    const topology = topologyOf({
      nodes: [
        source('source', input, { key: text as never, value: text as never }),
        node(
          'node',
          'source',
          () =>
            new FunctionOperator((_, key, value) => {
              seen.push([key, value])
            })
        ),
      ],
      sinks: [],
    })
    const driver = await openDriver(topology)
    await driver.input(input).pipe(null, null)
    expect(seen).toEqual([[null, null]])
  })

  it('are decoded only if somebody reads them', async () => {
    const seen: unknown[] = []
    let decoded = 0
    const value = { ...string(), deserialize: () => String(++decoded) }
    const reader = node('node', 'source', () => {
      return new FunctionOperator((_, key, taken) => void seen.push([key, taken]))
    })
    const topology = topologyOf({
      nodes: [
        source('source', input, { value: value as never }),
        { ...reader, reads: { key: true, value: false } },
      ],
      sinks: [],
    })
    const driver = await openDriver(topology)
    await driver.input(input).pipe('a', 'x')
    expect(seen).toEqual([['a', undefined]])
    expect(decoded).toBe(0)
  })

  it('are logged once per reason and minute, with coordinates', async () => {
    const lines: unknown[] = []
    const logger = {
      debug: () => {},
      info: () => {},
      warn: (message: string, fields: unknown) => void lines.push([message, fields]),
      error: () => {},
      with: () => logger,
    }
    const topology = topologyOf({
      nodes: [source('source', input, { timestamp: Number }), sink('sink', 'source', output)],
    })
    const driver = await openDriver(topology, { logger })
    await driver.input(input).pipe('a', 'x')
    await driver.input(input).pipe('a', 'x')
    await driver.advanceWallClock('1m')
    await driver.input(input).pipe('a', 'x')
    const fields = { reason: 'no_timestamp', task: '0_0', node: 'source', count: 1 }
    expect(lines).toEqual([
      ['A record was dropped', { ...fields, record: 'in-0@0' }],
      ['A record was dropped', { ...fields, record: 'in-0@2', sinceLastLine: 1 }],
    ])
  })
})

describe('punctuators', () => {
  const scheduled = (clock: 'stream-time' | 'wall-clock', every: number): Topology =>
    oneNode(pass, (context, self) => {
      const schedule = context.schedule(every, clock, (now) => {
        self.next.process('tick', String(now), now)
        if (now >= 100) schedule.cancel()
      })
    })

  it('of stream time fire after the record that brings it, once for many missed', async () => {
    const driver = await openDriver(scheduled('stream-time', 10))
    for (const timestamp of [3, 9, 10, 35, 39, 40, 100, 200]) {
      await driver.input(input).pipe('a', `at ${timestamp}`, timestamp)
    }
    expect(
      driver
        .output(output)
        .readAll()
        .map(({ value }) => value)
    ).toEqual([
      ...['at 3', '3', 'at 9', 'at 10', '10', 'at 35', '35', 'at 39', 'at 40', '40'],
      ...['at 100', '100', 'at 200'],
    ])
  })

  it('of the wall clock fire without any record', async () => {
    const driver = await openDriver(scheduled('wall-clock', 10))
    await driver.advanceWallClock(9)
    await driver.advanceWallClock(1)
    await driver.advanceWallClock(35)
    await driver.advanceWallClock(4)
    await driver.advanceWallClock(1)
    expect(
      driver
        .output(output)
        .readAll()
        .map(({ value }) => value)
    ).toEqual(['10', '45', '50'])
  })
})

describe('work after a record', () => {
  it('runs as often as it asks, before the next record', async () => {
    const topology = oneNode((self, key, value, timestamp) => {
      let steps = 0
      self.next.process(key, value, timestamp)
      self.context.afterRecord(() => {
        steps += 1
        self.next.process(key, `${value} step ${steps}`, timestamp)
        return steps < 3
      })
    })
    const world = await openWorld(topology)
    await world.send('in', [{ value: 'a' }, { value: 'b' }])
    world.drain()
    await world.engine.commit()
    expect(world.texts('out')).toEqual(
      ['a', 'b'].flatMap((text) => [text, `${text} step 1`, `${text} step 2`, `${text} step 3`])
    )
  })

  it('holds up its own task while it waits, and no other; and the commit', async () => {
    const release: (() => void)[] = []
    const topology = oneNode((self, key, value, timestamp) => {
      self.next.process(key, value, timestamp)
      if (value !== 'wait') return
      self.context.afterRecord(async () => {
        await new Promise<void>((resolve) => release.push(resolve))
        self.next.process(key, 'waited', timestamp)
        return false
      })
    })
    const world = await openWorld(topology, { partitions: 2 })
    const { engine, log } = world
    await world.send('in', [
      { value: 'wait', partition: 0 },
      { value: 'later', partition: 0 },
      { value: 'other', partition: 1 },
    ])
    world.drain()
    expect(engine.snapshot().tasks.map(({ partitions }) => partitions[0]?.position)).toEqual([1, 1])
    const committing = engine.commit()
    await new Promise((resolve) => setImmediate(resolve))
    expect(log.commits).toHaveLength(0)
    release[0]?.()
    await committing
    expect([...world.texts('out')].sort()).toEqual(['other', 'wait', 'waited'])
    world.drain()
    await engine.commit()
    expect([...world.texts('out')].sort()).toEqual(['later', 'other', 'wait', 'waited'])
  })

  it('that fails ends the application with coordinates', async () => {
    const topology = oneNode((self) => {
      self.context.afterRecord(() => Promise.reject(new Error('too late')))
    })
    const world = await openWorld(topology)
    await world.send('in', [{}])
    world.drain()
    await expect(world.engine.done).rejects.toThrow(
      "Node 'node' of task 0_0 at in-0@0 failed: too late"
    )
  })

  it('that was never begun is done before the commit', async () => {
    const topology = oneNode(pass, (context, self) => {
      context.schedule(10, 'wall-clock', (now) => {
        for (const name of ['one', 'two']) {
          context.afterRecord(async () => {
            await Promise.resolve()
            self.next.process(name, name, now)
            return false
          })
        }
      })
    })
    const driver = await openDriver(topology, { commit: 'manual' })
    await driver.advanceWallClock(10)
    await driver.commit()
    expect(driver.output(output).readPairs()).toEqual([
      ['one', 'one'],
      ['two', 'two'],
    ])
  })
})

describe('gauges', () => {
  const topology = topologyOf({
    nodes: [
      source('source', input),
      node('gauge', 'source', () => new GaugeCountOperator(), { stores: [countStore] }),
    ],
    sinks: [],
    instruments: [{ kind: 'gauge', name: 'records', help: '', labels: {}, label: undefined }],
  })

  it('show what is committed, and nothing else', async () => {
    const driver = await openDriver(topology, { commit: 'manual' })
    expect(driver.gauges()).toEqual([])
    await driver.input(input).pipe('a', 'x')
    expect(driver.gauges()).toEqual([])
    await driver.commit()
    expect(driver.gauge('records')).toBe(1)
    await driver.input(input).pipe('a', 'x')
    driver.log.faults.failCommit('abort')
    await driver.commit()
    expect(driver.gauge('records')).toBe(1)
    await driver.commit()
    expect(driver.gauge('records')).toBe(2)
  })

  it('are there again after a restart, and go with their task', async () => {
    const driver = await openDriver(topology)
    await driver.input(input).pipe('a', 'x')
    await driver.crash()
    expect(driver.gauges()).toEqual([])
    await driver.restart()
    expect(driver.gauge('records')).toBe(1)
    await driver.rebalance(2)
    expect(
      driver
        .snapshots()
        .map(({ gauges }) => gauges.length)
        .sort()
    ).toEqual([0, 1])
  })
})

it('a filter drops nothing silently that it was not told to', async () => {
  const driver = await openDriver(filterTopology((text) => text !== 'no'))
  await driver.input(input).pipe('a', 'yes')
  await driver.input(input).pipe('a', 'no')
  expect(driver.output(output).readPairs()).toEqual([['a', 'yes']])
  expect(driver.snapshots()[0]).toMatchObject({ recordsIn: 2, recordsOut: 1, dropped: {} })
})
