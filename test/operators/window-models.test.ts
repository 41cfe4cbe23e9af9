/** Windows of every kind against models that look at all records of all times. */
import { describe, expect, test } from 'vitest'
import {
  hopping,
  StreamsBuilder,
  session,
  sliding,
  string,
  topic,
  tumbling,
  unlimited,
} from '../../src/index.ts'
import { TopologyTestDriver } from '../../src/testing/index.ts'
import { Random, seedOfRun } from '../support/random.ts'

const words = topic('words', { key: string(), value: string() })
const seed = seedOfRun()

interface Row {
  readonly start: number
  readonly end: number
  readonly value: string
}

type Record = readonly [key: string, value: string, timestamp: number]

/** Records in disorder, but none so late that it would be left out. */
function recordsOf(random: Random, graceMs: number): readonly Record[] {
  let now = 100
  return Array.from({ length: 40 }, (_, index): Record => {
    now += random.below(random.chance(0.1) ? 60 : 8)
    const key = random.pick(['a', 'b'])
    return [key, String.fromCharCode(97 + (index % 26)), now - random.below(graceMs + 1)]
  })
}

const letters = (one: string, other: string): string => [...(one + other)].sort().join('')

function sorted(rows: readonly Row[]): readonly Row[] {
  return rows.toSorted((a, b) => a.start - b.start || a.end - b.end)
}

/** Sessions: records no further than the gap from the next one. */
function sessionsOf(records: readonly Record[], gapMs: number): readonly Row[] {
  const rows: Row[] = []
  for (const [, value, at] of records.toSorted((a, b) => a[2] - b[2])) {
    const last = rows.at(-1)
    if (last === undefined || at - last.end > gapMs) rows.push({ start: at, end: at, value })
    else rows[rows.length - 1] = { ...last, end: at, value: letters(last.value, value) }
  }
  return rows
}

/** Sliding: one window ends with each record, one begins right after it if it holds any. */
function slidingOf(records: readonly Record[], spanMs: number): readonly Row[] {
  const starts = new Set(records.flatMap(([, , at]) => [at - spanMs, at + 1]))
  return [...starts].flatMap((start): readonly Row[] => {
    const end = start + spanMs
    const inside = records.filter(([, , at]) => at >= start && at <= end)
    const value = inside.map(([, one]) => one).reduce(letters, '')
    return inside.length === 0 ? [] : [{ start, end, value }]
  })
}

/** Tumbling and hopping: one from each multiple of the advance on. */
function periodicOf(records: readonly Record[], sizeMs: number, advanceMs: number): readonly Row[] {
  const last = Math.max(...records.map(([, , at]) => at))
  const rows: Row[] = []
  for (let start = 0; start <= last; start += advanceMs) {
    const inside = records.filter(([, , at]) => at >= start && at < start + sizeMs)
    const value = inside.map(([, one]) => one).reduce(letters, '')
    if (inside.length > 0) rows.push({ start, end: start + sizeMs, value })
  }
  return rows
}

/** One window from a start on; what is dated before it is in none. */
function unlimitedOf(records: readonly Record[], start: number): readonly Row[] {
  const inside = records.filter(([, , at]) => at >= start)
  const value = inside.map(([, one]) => one).reduce(letters, '')
  return inside.length === 0 ? [] : [{ start, end: Number.POSITIVE_INFINITY, value }]
}

const kinds = ['tumbling', 'hopping', 'session', 'sliding', 'unlimited'] as const
type Kind = (typeof kinds)[number]

/** Of the window without an end: some records come before it. */
const startOf = (lengthMs: number): number => 100 + 2 * lengthMs

/** Of hopping windows: three of them hold most records. */
const advanceOf = (sizeMs: number): number => Math.max(1, Math.ceil(sizeMs / 3))

function modelOf(kind: Kind, records: readonly Record[], lengthMs: number): readonly Row[] {
  if (kind === 'session') return sessionsOf(records, lengthMs)
  if (kind === 'sliding') return slidingOf(records, lengthMs)
  if (kind === 'unlimited') return unlimitedOf(records, startOf(lengthMs))
  const advanceMs = kind === 'tumbling' ? lengthMs : advanceOf(lengthMs)
  return periodicOf(records, lengthMs, advanceMs)
}

async function rowsOf(
  kind: Kind,
  [lengthMs, graceMs]: readonly [number, number],
  records: readonly Record[],
  random: Random
): Promise<readonly (Row & { readonly key: string })[]> {
  const builder = new StreamsBuilder()
  const grouped = builder.stream(words).groupByKey()
  const options = { grace: `${graceMs}ms`, retention: '1h' } as const
  const kept = { retention: options.retention }
  const length = `${lengthMs}ms` as const
  const advance = `${advanceOf(lengthMs)}ms` as const
  if (kind === 'session') {
    grouped.windowedBy(session(length, options)).reduce('rows', letters, kept)
  } else if (kind === 'sliding') {
    grouped.windowedBy(sliding(length, options)).reduce('rows', letters, kept)
  } else if (kind === 'unlimited') {
    grouped.windowedBy(unlimited({ start: startOf(lengthMs) })).reduce('rows', letters, kept)
  } else {
    const { grace } = options
    const windows = kind === 'tumbling' ? tumbling(length, { grace }) : undefined
    const hops = hopping(length, { advance, grace })
    grouped.windowedBy(windows ?? hops).reduce('rows', letters, kept)
  }
  const driver = await TopologyTestDriver.open(builder.build(), { commit: 'manual' })
  try {
    for (const record of records) {
      await driver.input(words).pipe(...record)
      if (random.chance(0.2)) await driver.commit()
      if (!random.chance(0.05)) continue
      await driver.crash()
      await driver.restart()
    }
    await driver.commit()
    const rows = await driver.rows('rows')
    return rows.map(({ key, window, value }) => ({
      key: key as string,
      start: window?.start ?? -1,
      end: window?.end ?? -1,
      value: value as string,
    }))
  } finally {
    await driver.close()
  }
}

describe.each(kinds)('%s windows against a naive model', (kind) => {
  test('hold what lies in them, whatever the order, the commits and the crashes', async () => {
    for (let life = 0; life < 6; life++) {
      const random = new Random((seed + life) * 7_919)
      const shape = random.pick<readonly [number, number]>([
        [5, 40],
        [10, 20],
        [1, 30],
        [20, 0],
      ])
      const records = recordsOf(random, shape[1])
      const rows = await rowsOf(kind, shape, records, random)
      for (const key of ['a', 'b']) {
        const own = records.filter(([one]) => one === key)
        const wanted = modelOf(kind, own, shape[0])
        const got = rows.filter((row) => row.key === key).map(({ key: _, ...row }) => row)
        expect(sorted(got), `SEED=${seed + life} ${kind} ${shape} ${key}`).toEqual(sorted(wanted))
      }
    }
  })
})
