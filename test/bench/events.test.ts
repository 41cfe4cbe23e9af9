import { describe, expect, it } from 'vitest'
import { type BenchEvent, eventSource } from '../../bench/events.ts'
import { parseOptions } from '../../bench/options.ts'
import { shapeArgs } from '../../bench/shape.ts'

function events(...flags: readonly string[]): readonly BenchEvent[] {
  const { shape } = parseOptions(['--case', 'count', '--records', '5000', ...flags])
  const next = eventSource(shape)
  return Array.from({ length: shape.records }, next)
}

function shareOfHottest(all: readonly BenchEvent[]): number {
  const counts = new Map<string, number>()
  for (const { key } of all) counts.set(key, (counts.get(key) ?? 0) + 1)
  return Math.max(...counts.values()) / all.length
}

/** How far behind the newest before it a record is, in milliseconds. */
function lags(all: readonly BenchEvent[]): readonly number[] {
  let newest = 0
  return all.map(({ timestamp }) => {
    newest = Math.max(newest, timestamp)
    return newest - timestamp
  })
}

describe('the input of a bench', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(events()).toEqual(events())
    expect(events('--seed', '7')).not.toEqual(events())
  })

  it('has more of its hottest key the greater the exponent', () => {
    const [flat, usual, steep] = ['0', '1', '1.5'].map((zipf) => events('--zipf', zipf))
    expect(shareOfHottest(flat ?? [])).toBeLessThan(0.002)
    expect(shareOfHottest(usual ?? [])).toBeGreaterThan(0.008)
    expect(shareOfHottest(steep ?? [])).toBeGreaterThan(0.04)
  })

  it('has one key alone, or each key once, if that is asked for', () => {
    expect(shareOfHottest(events('--hot', '1'))).toBe(1)
    expect(shareOfHottest(events('--hot', '0.5'))).toBeCloseTo(0.5, 1)
    expect(new Set(events('--unique').map(({ key }) => key)).size).toBe(5_000)
  })

  it('has values as large as asked for, and whole', () => {
    for (const { value } of events('--bytes', '10240').slice(0, 20)) {
      expect(value).toHaveLength(10_240)
      expect(JSON.parse(value)).toMatchObject({ sessionId: expect.stringMatching(/^s\d{8}$/) })
    }
  })

  it('is out of order in the share and by the span that are asked for', () => {
    const all = lags(events('--disorder', '0.05:10h'))
    const late = all.filter((ms) => ms > 0)
    expect(late.length / all.length).toBeGreaterThan(0.03)
    expect(late.length / all.length).toBeLessThan(0.07)
    expect(Math.max(...late)).toBeGreaterThan(9 * 3_600_000)
    expect(Math.max(...late)).toBeLessThanOrEqual(10 * 3_600_000)
    expect(Math.max(...lags(events('--disorder', '0:1h')))).toBe(0)
  })

  it('keeps a key in one partition', () => {
    const places = new Map<string, number>()
    for (const { key, partition } of events('--partitions', '4')) {
      expect(places.get(key) ?? partition).toBe(partition)
      places.set(key, partition)
    }
    expect(new Set(places.values()).size).toBe(4)
  })

  it('comes back from the flags that say what it is', () => {
    const flags = ['--zipf', '0.5', '--hot', '0.1', '--disorder', '0.2:1m', '--seed', '3']
    const { shape } = parseOptions(['--case', 'pass', '--bytes', '1024', ...flags])
    expect(parseOptions(['--case', 'pass', ...shapeArgs(shape)]).shape).toEqual(shape)
  })
})

describe('the command line of a bench', () => {
  it('names every fault at once', () => {
    const wrong = ['--case', 'cuont', '--zipf', 'x', '--disorder', '2:5', '--records', '0']
    expect(() => parseOptions(wrong)).toThrow(
      /--case: .*cuont[\s\S]*--records: .*0[\s\S]*--zipf: .*x[\s\S]*--disorder: .*2\n/
    )
  })
})
