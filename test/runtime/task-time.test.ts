/** Watermarks, marks and metadata of one task. */
import { expect, test } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { SourceTaskTime } from '../../src/runtime/task-time.ts'

const minute = { name: 'minute', sizeMs: 60, advanceMs: 60, graceMs: 5, idleMs: null }

function timeOf(metadata: readonly string[], clock = new ManualClock(0)): SourceTaskTime {
  return new SourceTaskTime({ aggregates: [minute], metadata, clock })
}

function seal(time: SourceTaskTime, number = 1): readonly [unknown, readonly string[]] {
  time.beginSeal()
  const next = time.nextMark('minute')
  const metadata = [0, 1].map((index) => time.toMetadata(index, number))
  time.endSeal()
  time.committed()
  return [next, metadata]
}

const nothing = (at = 0, logStart = 0) => ({
  sentAt: at,
  answeredAt: at,
  logStart,
  highWatermark: logStart,
})

test('the slowest partition decides, and a partition without a record holds back', () => {
  const time = timeOf(['', ''])
  time.observe(0, 100)
  time.observe(0, 90)
  expect([time.watermarkOf(0), time.streamTime]).toEqual([100, 100])
  expect(time.minimum('minute')).toBeUndefined()
  expect(seal(time)[0]).toBeUndefined()
  time.observe(1, 70)
  expect(time.minimum('minute')).toBe(70)
  expect(time.hasNews).toBe(true)
  expect(time.mark('minute')).toBe(Number.NEGATIVE_INFINITY)
  expect(seal(time)[0]).toBe(70)
  expect(time.mark('minute')).toBe(70)
  expect(time.hasNews).toBe(false)
})

test('a partition is left out once a fetch has found its log empty, at its very start', () => {
  const time = timeOf(['', ''])
  time.observe(0, 100)
  time.watch(1, 3, { ...nothing(), highWatermark: 3 })
  expect(time.minimum('minute')).toBeUndefined()
  time.watch(1, 3, nothing(0, 3))
  expect(time.minimum('minute')).toBe(100)
})

test('empty is announced once, and ends with the first record', () => {
  const time = timeOf(['', ''])
  for (const index of [0, 1]) time.watch(index, 0, nothing())
  expect(time.hasNews).toBe(true)
  const [next, metadata] = seal(time)
  expect(next).toBe('empty')
  expect(time.hasNews).toBe(false)
  expect(seal(time)[0]).toBeUndefined()

  const restarted = timeOf(metadata)
  for (const index of [0, 1]) restarted.watch(index, 0, nothing())
  expect(seal(restarted)[0]).toBeUndefined()
  restarted.observe(1, 50)
  expect(seal(restarted)[0]).toBe(50)
})

test('what was committed is taken as it is, and the greatest commit number holds the marks', () => {
  const time = timeOf(['', ''])
  time.observe(0, 100)
  time.observe(1, 70)
  const [, first] = seal(time, 4)
  time.observe(1, 90)
  const [, second] = seal(time, 5)

  const restarted = timeOf([first[0] ?? '', second[1] ?? ''])
  expect(restarted.commitNumber).toBe(5)
  expect([restarted.watermarkOf(0), restarted.watermarkOf(1)]).toEqual([100, 90])
  expect(restarted.mark('minute')).toBe(90)
  expect(restarted.streamTime).toBe(100)
  restarted.observe(0, 80)
  expect(restarted.watermarkOf(0)).toBe(100)
})

test('metadata of somebody else counts as none, and marks never move back', () => {
  for (const text of ['', 'AgAAAY', '{"v":9}', 'null', '[]']) {
    const time = timeOf([text])
    expect([time.commitNumber, time.watermarkOf(0)]).toEqual([0, Number.NEGATIVE_INFINITY])
  }
  const time = timeOf(['{"v":1,"n":7,"w":40,"m":{"minute":90}}', ''])
  time.observe(0, 60)
  time.observe(1, 60)
  expect(seal(time)[0]).toBe(90)
})

test('more marks than the metadata can hold are refused with a way out', () => {
  const aggregates = Array.from({ length: 60 }, (_, i) => ({ ...minute, name: `${i}`.repeat(60) }))
  const time = new SourceTaskTime({ aggregates, metadata: [''], clock: new ManualClock(0) })
  time.observe(0, 100)
  time.beginSeal()
  expect(() => time.toMetadata(0, 1)).toThrow(/shorter names/)
})
