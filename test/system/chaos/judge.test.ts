/** The harness itself: what it plans is a function of the seed, and what is wrong it finds. */
import { describe, expect, it } from 'vitest'
import type { ForeignRecord } from '../../support/foreign-client.ts'
import { isGood, type Verdict } from './compare.ts'
import { judgeCounts } from './counts.ts'
import { judgeEcho } from './echo.ts'
import { judgeMemory } from './memory.ts'
import { judgeRunning } from './running.ts'
import { describeFault, type Fault, makeSchedule } from './schedule.ts'

const options = { brokers: 3, instances: { payments: 3, shop: 2 } } as const

function stored(values: readonly (readonly [number, string, object])[]): ForeignRecord[] {
  return values.map(([partition, key, value], i) => {
    return { partition, offset: i * 2, timestamp: 1_000 + i, key, value: JSON.stringify(value) }
  })
}

const input = stored([
  [0, 'a', { id: 1, amount: 5, group: 'g' }],
  [1, 'b', { id: 2, amount: -3, group: 'g' }],
  [0, 'a', { id: 3, amount: -7, group: 'h' }],
  [0, 'c', { id: 4, amount: 2, group: 'g' }],
])
const running = stored([
  [0, 'a', { n: 1, sum: 5, min: 5 }],
  [1, 'b', { n: 1, sum: -3, min: -3 }],
  [0, 'a', { n: 2, sum: -2, min: -7 }],
  [0, 'c', { n: 1, sum: 2, min: 2 }],
])
/** Ids 2, 1, 4 in `g`: partitions may interleave. */
const counts = stored([
  [0, 'g', { n: 1, ids: 2 }],
  [0, 'g', { n: 2, ids: 3 }],
  [1, 'h', { n: 1, ids: 3 }],
  [0, 'g', { n: 3, ids: 7 }],
])

type Judge = (input: readonly ForeignRecord[], output: readonly ForeignRecord[]) => Verdict

describe('the judges', () => {
  const judges: readonly (readonly [string, Judge, ForeignRecord[]])[] = [
    ['echo', judgeEcho, input],
    ['running', judgeRunning, running],
    ['counts', judgeCounts, counts],
  ]
  for (const [name, judge, right] of judges) {
    it(`of ${name} accept what is right, and nothing else`, () => {
      const [first, second, third, fourth] = right as [
        ForeignRecord,
        ForeignRecord,
        ForeignRecord,
        ForeignRecord,
      ]
      const spoilt = { ...fourth, value: third.value, key: 'z' }
      expect(isGood(judge(input, right))).toBe(true)
      expect(judge(input, [first, second, third]).missing).toBe(1)
      expect(isGood(judge(input, [first, second, third, fourth, fourth]))).toBe(false)
      expect(isGood(judge(input, [first, second, third, spoilt]))).toBe(false)
      expect(isGood(judge(input, []))).toBe(false)
    })
  }

  it('tell doubled records from misplaced ones, and where', () => {
    const [first, second, third, fourth] = input as [
      ForeignRecord,
      ForeignRecord,
      ForeignRecord,
      ForeignRecord,
    ]
    const doubled = judgeEcho(input, [first, second, third, third, fourth])
    expect(doubled).toMatchObject({ missing: 0, doubled: 1, outOfOrder: 0, wrong: 0 })
    const misplaced = judgeEcho(input, [third, first, second, fourth])
    expect(misplaced).toMatchObject({ missing: 0, doubled: 0, outOfOrder: 1, wrong: 0 })
    expect(misplaced.first[0]).toMatch(/expected #1 .* at in-0@0\n.*found {4}#3 .* at echo-0@4/)
  })

  it('of memory tell growth from breath', () => {
    const samples = (mb: (i: number) => number) =>
      Array.from({ length: 300 }, (_, i) => ({ at: i * 5_000, mb: mb(i) }))
    expect(
      judgeMemory(
        'breath',
        samples((i) => 150 + (i % 7) * 5)
      ).isFlat
    ).toBe(true)
    expect(
      judgeMemory(
        'warm-up',
        samples((i) => Math.min(200, 80 + i * 2))
      ).isFlat
    ).toBe(true)
    expect(
      judgeMemory(
        'leak',
        samples((i) => 100 + i / 2)
      ).isFlat
    ).toBe(false)
  })
})

describe('the schedule', () => {
  const all = (seed: number, minutes: number): readonly Fault[] =>
    makeSchedule({ ...options, seed, minutes }).flatMap(({ faults }) => faults)

  it('is a function of the seed', () => {
    expect(all(1, 5)).toEqual(all(1, 5))
    expect(all(1, 5)).not.toEqual(all(2, 5))
  })

  it('holds every kind of fault, one at a time by target, and spares the first instances', () => {
    for (let seed = 0; seed < 50; seed++) {
      const rounds = makeSchedule({ ...options, seed, minutes: 30 })
      const faults = rounds.flatMap((round) => round.faults)
      expect(new Set(faults.map(({ kind }) => kind)).size).toBe(11)
      const spared = faults.filter(({ kind }) => kind === 'kill' || kind === 'restart')
      expect(spared.every((fault) => 'instance' in fault && fault.instance > 0)).toBe(true)
      for (const { faults } of rounds) {
        const away = faults.filter(({ kind }) => kind.endsWith('-broker'))
        expect(away.length).toBeLessThan(2)
      }
    }
  })

  it('describes each fault in a line', () => {
    const lines = all(3, 5).map(describeFault)
    expect(lines.every((line) => /^ +\+\d+\.\d s {2}\S[^\n]*$/.test(line))).toBe(true)
  })
})
