import { describe, expect, it } from 'vitest'
import type { TaskContext } from '../../src/processor/operator.ts'
import { Operator } from '../../src/processor/operator.ts'
import type { TimedAggregateSpec } from '../../src/topology/topology.ts'
import { openWorld } from './engine-world.ts'
import { openDriver } from './open-driver.ts'
import { node, sink, source, textTopic, topologyOf } from './small-topology.ts'

const input = textTopic('in')
const minute = 60_000
const start = 100 * minute

const timed: TimedAggregateSpec = {
  name: 'timed',
  sizeMs: minute,
  advanceMs: minute,
  graceMs: 0,
  idleMs: minute,
}

/** Sends its task's mark to `out` whenever a commit moves it. */
class AnnounceOperator extends Operator {
  #context!: TaskContext

  override init(context: TaskContext): void {
    this.#context = context
  }

  process(): void {}

  override flush(): void {
    const { time, partition, clock } = this.#context
    const mark = time.nextMark('timed')
    if (mark === undefined || mark === time.mark('timed')) return
    const key = Buffer.from(String(partition))
    this.#context.send('out', 0, clock.now(), key, Buffer.from(String(mark)))
  }
}

const topology = topologyOf({
  nodes: [
    source('source', input),
    node('announce', 'source', () => new AnnounceOperator(), {
      aggregates: [timed],
      topic: 'out',
    }),
  ],
})

describe('event time', () => {
  it('is announced with the commit that moves it, and is there again after a crash', async () => {
    const driver = await openDriver(topology, { start, partitions: { in: 1 } })
    const marks = () =>
      driver
        .output(textTopic('out'))
        .readPairs()
        .map(([, mark]) => mark)
    marks()
    await driver.input(input).pipe('a', 'x', start)
    await driver.input(input).pipe('a', 'x', start - 1)
    await driver.input(input).pipe('a', 'x', start + 5)
    expect(marks()).toEqual([String(start), String(start + 5)])
    await driver.crash()
    await driver.restart()
    expect(marks()).toEqual([])
    expect(driver.snapshots()[0]?.tasks[0]).toMatchObject({
      streamTime: start + 5,
      partitions: [{ watermark: start + 5, lag: 0 }],
    })
  })

  it('goes on in silence that was observed, in a commit of its own', async () => {
    const driver = await openDriver(topology, { start })
    await driver.input(input).pipe('a', 'x', start)
    const marks = () =>
      driver
        .output(textTopic('out'))
        .readPairs()
        .map(([, mark]) => Number(mark))
    marks()
    await driver.advanceWallClock('1m')
    expect(marks()).toEqual([])
    await driver.advanceWallClock('2m')
    expect(marks()).toEqual([start + minute, start + 2 * minute])
    expect(driver.log.inspect().committed()).toMatchObject([{ topic: 'in', offset: 1 }])
  })

  it('takes no record between an idle advance and the answer to its commit', async () => {
    const world = await openWorld(topology)
    const { engine, log, clock } = world
    const now = clock.now()
    await world.send('in', [{ timestamp: now }])
    engine.turn()
    await engine.commit()
    for (let second = 0; second < 120; second++) {
      clock.advance(1_000)
      engine.observe()
    }
    log.hold()
    await world.send('in', [{ timestamp: now }])
    const position = () => engine.snapshot().tasks[0]?.partitions[0]?.position
    expect(engine.process(10)).toBe(0)
    const committing = engine.commit()
    expect(engine.process(10)).toBe(0)
    expect(position()).toBe(1)
    log.release()
    await committing
    expect(engine.process(10)).toBe(1)
    expect(position()).toBe(2)
  })

  it('does not refuse records as of the future because the clock was just set', async () => {
    const guarded = topologyOf({
      nodes: [
        source('source', input, { maxFutureMs: minute }),
        sink('sink', 'source', textTopic('out')),
      ],
    })
    const world = await openWorld(guarded)
    const { clock, engine } = world
    for (const jumpMs of [-60 * minute, 60 * minute, 60 * minute, -60 * minute]) {
      clock.jump(jumpMs)
      clock.advance(1_000)
      await world.send('in', [{ timestamp: 1_000_000 }])
      world.drain()
    }
    await world.send('in', [{ timestamp: clock.now() + 2 * minute }])
    world.drain()
    await engine.commit()
    expect(world.texts('out')).toHaveLength(4)
    expect(engine.snapshot().dropped).toEqual({ future: 1 })
  })

  describe.each([60 * minute, -60 * minute])('over a jump of the wall clock by %i ms', (jumpMs) => {
    async function openSilent() {
      const world = await openWorld(topology, { runs: false })
      const { engine, clock } = world
      const now = clock.now()
      await world.send('in', [{ timestamp: now }])
      engine.turn()
      await engine.commit()
      /** Idle turns, and a commit if they ask for one. */
      const pass = async (seconds: number): Promise<void> => {
        for (let second = 0; second < seconds; second++) {
          clock.advance(1_000)
          engine.observe()
          if (engine.needsCommit) await engine.commit()
        }
      }
      const marks = (): readonly number[] => world.texts('out').map(Number)
      return { ...world, now, pass, marks }
    }

    it('announces what it would have without it', async () => {
      const { clock, now, pass, marks } = await openSilent()
      await pass(30)
      clock.jump(jumpMs)
      await pass(90)
      clock.jump(-jumpMs)
      await pass(60)
      const plain = await openSilent()
      await plain.pass(180)
      expect(marks()).toEqual(plain.marks())
      expect(marks().length).toBeGreaterThan(2)
      expect(Math.max(...marks())).toBeLessThanOrEqual(clock.now() - minute)
      expect(marks()[0]).toBe(now)
    })

    it('follows the new time once it has lasted, and never stands still for long', async () => {
      const { clock, pass, marks } = await openSilent()
      await pass(90)
      const before = Math.max(...marks())
      clock.jump(jumpMs)
      await pass(299)
      const until = Math.max(...marks())
      expect(until - before).toBeGreaterThan(3 * minute)
      expect(until - before).toBeLessThan(6 * minute)
      await pass(180)
      if (jumpMs > 0) expect(Math.max(...marks())).toBeGreaterThan(clock.now() - 3 * minute)
      else expect(Math.max(...marks())).toBe(until)
    })
  })
})
