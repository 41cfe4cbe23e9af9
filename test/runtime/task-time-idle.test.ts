/** Idle closes: when silence counts as silence. */
import { expect, test } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { SourceTaskTime, type TaskAggregate } from '../../src/runtime/task-time.ts'
import type { TimedAggregateSpec } from '../../src/topology/topology.ts'

const window: TimedAggregateSpec = {
  name: 'w',
  sizeMs: 10,
  advanceMs: 10,
  graceMs: 2,
  idleMs: 100,
}

/** A task with one partition or more, each read up to what the log holds. */
class Fixture {
  readonly clock = new ManualClock(1_000)
  readonly time: SourceTaskTime
  readonly #positions: number[]

  constructor(partitions = 1, aggregates: readonly TaskAggregate[] = [window]) {
    this.#positions = new Array<number>(partitions).fill(0)
    const metadata = this.#positions.map(() => '')
    this.time = new SourceTaskTime({ aggregates, metadata, clock: this.clock, gapMs: 50 })
  }

  take(index: number, timestamp: number): void {
    this.#positions[index] = this.#position(index) + 1
    this.time.observe(index, timestamp)
    this.answer(index)
  }

  /** A fetch that came back with nothing, unless `unread` records lie behind the position. */
  answer(index: number, sentAt = this.clock.now(), unread = 0): void {
    const position = this.#position(index)
    const highWatermark = position + unread
    const answeredAt = this.clock.now()
    this.time.watch(index, position, { sentAt, answeredAt, logStart: 0, highWatermark })
    this.time.poll()
  }

  /** Silence with an answer every 10 ms. */
  silence(ms: number): void {
    for (const end = this.clock.now() + ms; this.clock.now() < end; ) {
      this.clock.advance(10)
      for (const index of this.#positions.keys()) this.answer(index)
    }
  }

  commit(): unknown {
    this.time.beginSeal()
    const next = this.time.nextMark('w')
    this.time.endSeal()
    this.time.committed()
    return next
  }

  #position(index: number): number {
    return this.#positions[index] ?? 0
  }
}

test('after the idle time the mark moves to S − idle, and waits for its commit', () => {
  const f = new Fixture()
  f.take(0, 940)
  f.silence(90)
  expect(f.time.mustCommit).toBe(false)
  f.silence(20)
  expect(f.time.mustCommit).toBe(true)
  expect(f.time.hasNews).toBe(true)
  expect(f.commit()).toBe(1_000)
  expect(f.time.mark('w')).toBe(1_000)
  expect(f.time.mustCommit).toBe(false)
})

test('the answer to an earlier commit does not end the wait', () => {
  const f = new Fixture()
  f.take(0, 940)
  f.time.beginSeal()
  f.time.endSeal()
  f.silence(110)
  f.time.committed()
  expect(f.time.mustCommit).toBe(true)
  f.commit()
  expect(f.time.mustCommit).toBe(false)
})

test('a fire that closes no window is skipped', () => {
  const f = new Fixture()
  f.take(0, 995)
  f.silence(100)
  expect(f.time.mustCommit).toBe(false)
})

test('every record starts the clock anew', () => {
  const f = new Fixture()
  f.take(0, 900)
  f.silence(90)
  f.take(0, 900)
  f.silence(90)
  expect(f.time.mustCommit).toBe(false)
  f.silence(20)
  expect(f.time.mustCommit).toBe(true)
})

test('unread data, committed or not, is not silence', () => {
  const f = new Fixture()
  f.take(0, 900)
  for (let i = 0; i < 30; i++) {
    f.clock.advance(10)
    f.answer(0, f.clock.now(), 1)
  }
  expect(f.time.mustCommit).toBe(false)
})

test('an old answer vouches for the past only', () => {
  const f = new Fixture()
  f.take(0, 900)
  f.silence(60)
  const sentAt = f.clock.now()
  f.clock.advance(50)
  f.answer(0, sentAt)
  expect(f.time.mustCommit).toBe(false)
})

test('an outage is not silence: the clock starts with the first answer after it', () => {
  const f = new Fixture()
  f.take(0, 900)
  f.silence(30)
  f.clock.advance(500)
  f.answer(0)
  expect(f.time.mustCommit).toBe(false)
  f.silence(90)
  expect(f.time.mustCommit).toBe(false)
  f.silence(20)
  expect(f.commit()).toBe(f.clock.now() - 100 - 10)
})

test('all partitions must be silent, and one must have held a record', () => {
  const f = new Fixture(2)
  f.silence(200)
  expect(f.time.mustCommit).toBe(false)
  f.take(0, 900)
  for (let i = 0; i < 20; i++) {
    f.silence(10)
    f.take(1, 800)
  }
  expect(f.time.mustCommit).toBe(false)
  f.silence(110)
  expect(f.time.mustCommit).toBe(true)
})

test('each aggregate advances by its own idle time, and off never does', () => {
  const others = [
    { ...window, name: 'later', idleMs: 200 },
    { ...window, name: 'off', idleMs: null },
  ]
  const f = new Fixture(1, [window, ...others])
  f.take(0, 800)
  f.silence(110)
  f.time.beginSeal()
  const next = ['w', 'later', 'off'].map((name) => f.time.nextMark(name))
  expect(next).toEqual([1_000, 800, 800])
})

test('a partition counts as empty only after it has been so for the idle time', () => {
  const fixture = new Fixture(2)
  expect(fixture.time.minimum('w')).toBeUndefined()
  fixture.answer(1)
  fixture.take(0, 500)
  expect(fixture.commit()).toBeUndefined()
  fixture.silence(90)
  expect(fixture.time.minimum('w')).toBeUndefined()
  fixture.silence(10)
  expect(fixture.time.minimum('w')).toBe(500)
  expect(fixture.time.minimum('w')).toBe(500)
})

test('a partition that speaks in time is not given up', () => {
  const fixture = new Fixture(2)
  fixture.answer(1)
  fixture.take(0, 500)
  fixture.silence(90)
  fixture.take(1, 20)
  fixture.silence(10)
  expect(fixture.commit()).toBe(20)
})

test('sources that an aggregate hears nothing from neither hold it back nor keep it awake', () => {
  const own = { ...window, partitions: [0] }
  const both = { ...window, name: 'both' }
  const f = new Fixture(2, [own, both])
  f.take(0, 900)
  f.take(1, 10)
  expect([f.time.minimum('w'), f.time.minimum('both')]).toEqual([900, 10])
  for (let i = 0; i < 11; i++) {
    f.silence(10)
    f.take(1, 10)
  }
  f.time.beginSeal()
  expect(['w', 'both'].map((name) => f.time.nextMark(name))).toEqual([f.clock.now() - 100 - 10, 10])
})

test('a task without a partition of an aggregate says that it is empty', () => {
  const f = new Fixture(1, [{ ...window, partitions: [] }])
  f.take(0, 900)
  expect(f.time.hasNews).toBe(true)
  expect(f.commit()).toBe('empty')
  expect(f.time.hasNews).toBe(false)
})
