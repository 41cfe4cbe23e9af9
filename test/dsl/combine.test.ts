/** Aggregates that make one of many records before their repartition topic: what stays the same. */
import { describe, expect, it } from 'vitest'
import type { BuildOptions, Topology } from '../../src/index.ts'
import {
  collect,
  count,
  distinct,
  first,
  max,
  min,
  StreamsBuilder,
  session,
  string,
  sum,
  topic,
  tumbling,
} from '../../src/index.ts'
import { data } from '../../src/serde/data.ts'
import type { TestDriverOptions, TopologyTestDriver } from '../../src/testing/index.ts'
import { openDriver } from '../runtime/open-driver.ts'
import { Random, seedOfRun } from '../support/random.ts'
import { texts } from './tools.ts'

const totals = topic('totals-out', { key: string(), value: data<unknown>() })
const updates = topic('updates-out', { key: string(), value: data<unknown>() })
const finals = topic('finals-out', { key: string(), value: data<unknown>() })

const onlyCombine = ['combine-before-repartition'] as const

/** By the first letter: in all, in windows of stream time, and in those of watermarks. */
function summed(optimize: BuildOptions['optimize'] = 'none'): Topology {
  const builder = new StreamsBuilder()
  const byLetter = builder.stream(texts).groupBy((text) => text.slice(0, 1))
  const fields = {
    n: count<string>(),
    sum: sum((text: string) => BigInt(text.length), 0n),
    longest: max((text: string) => text.length),
    shortest: min((text: string) => text.length),
    texts: distinct((text: string) => text),
  }
  byLetter.aggregate('totals', fields).toStream().to(totals)
  byLetter
    .windowedBy(tumbling('20ms', { grace: '10s' }))
    .aggregate('updates', fields)
    .toStream()
    .map((value, { key, window }) => ({ key: `${key}@${window.start}`, value }))
    .to(updates)
  byLetter
    .windowedBy(tumbling('20ms', { grace: '5ms', idle: '1h' }).emit('final'))
    .aggregate('finals', fields)
    .toStream()
    .map((value, { key, window }) => ({ key: `${key}@${window.start}`, value }))
    .to(finals)
  return builder.build({ optimize })
}

interface Life {
  readonly records: readonly (readonly [key: string, text: string, timestamp: number])[]
  readonly seed: number
  readonly crashes: boolean
}

const options: TestDriverOptions = {
  commit: 'manual',
  caching: true,
  partitions: { texts: 2 },
  instances: 2,
}

function input(random: Random): Life['records'] {
  let now = 0
  return Array.from({ length: 60 }, (_, at) => {
    now += random.below(6)
    const text = `${random.pick(['a', 'b', 'c'])}${'x'.repeat(random.below(5))}`
    return [`key-${at % 7}`, text, Math.max(0, now - random.below(20))] as const
  })
}

/** What comes out in the end, by topic and key; every final row. */
async function outcome(driver: TopologyTestDriver, { records, seed, crashes }: Life) {
  const random = new Random(seed)
  for (const [index, [key, text, timestamp]] of records.entries()) {
    await driver.input(texts).pipe(key, text, timestamp)
    if (!random.chance(0.2)) continue
    if (crashes && random.chance(0.5)) {
      await driver.crash({ during: index % 2 === 0 ? 'step 3' : 'step 4' })
      await driver.restart()
    } else await driver.commit()
  }
  for (let turn = 0; turn < 4; turn++) await driver.commit()
  const last = (output: typeof totals) =>
    [...new Map(driver.output(output).readPairs())].sort(([a], [b]) => (`${a}` < `${b}` ? -1 : 1))
  const rows = driver.output(finals).readPairs()
  return { totals: last(totals), updates: last(updates), finals: rows.map(shown).sort() }
}

function shown(row: unknown): string {
  return JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
}

/** Marks of watermarks, which are as many either way, are counted, too. */
function sentThrough(driver: TopologyTestDriver, name: string): number {
  const topics = driver.log.inspect().topics()
  const topic = topics.find((one) => one.name === `test-${name}-repartition`)
  return (topic?.partitions ?? []).reduce((sum, { end }) => sum + end, 0)
}

describe('one record of many before a repartition topic', () => {
  it('comes to the same, over commits, instances, crashes and restarts', async () => {
    const seed = seedOfRun()
    const records = input(new Random(seed))
    const plain = await openDriver(summed(), options)
    const wanted = await outcome(plain, { records, seed, crashes: false })
    expect(wanted.finals.length, `SEED=${seed}`).toBeGreaterThan(0)
    for (const crashes of [false, true]) {
      for (const guarantee of ['exactly_once', 'at_least_once'] as const) {
        // At least once, a crash repeats what was sent: through such a topic, too.
        if (crashes && guarantee === 'at_least_once') continue
        const driver = await openDriver(summed(onlyCombine), { ...options, guarantee })
        const found = await outcome(driver, { records, seed: seed + 1, crashes })
        expect(found, `SEED=${seed}, crashes: ${crashes}, ${guarantee}`).toEqual(wanted)
        expect(driver.dropped(), `SEED=${seed}`).toEqual(
          crashes ? expect.anything() : plain.dropped()
        )
      }
    }
  })

  it('sends one record per key and commit instead of each', async () => {
    const [plain, combined] = [
      await openDriver(summed(), { ...options, instances: 1 }),
      await openDriver(summed(onlyCombine), { ...options, instances: 1 }),
    ]
    for (const driver of [plain, combined]) {
      for (let at = 0; at < 200; at++) {
        await driver.input(texts).pipe('key', `${'abcd'.charAt(at % 4)}x`, 7)
        if (at % 100 === 99) await driver.commit()
      }
      await driver.commit()
    }
    expect(sentThrough(plain, 'totals')).toBe(200)
    // Two commits with four keys.
    expect(sentThrough(combined, 'totals')).toBe(8)
    for (const name of ['updates', 'finals']) {
      expect(sentThrough(plain, name) - sentThrough(combined, name), name).toBe(192)
    }
    expect(combined.output(totals).readPairs().at(-1)).toEqual(
      plain.output(totals).readPairs().at(-1)
    )
  })

  it('tells every update where the cache is off', async () => {
    const driver = await openDriver(summed(onlyCombine), { ...options, caching: false })
    for (const text of ['ax', 'ay', 'az']) await driver.input(texts).pipe('key', text, 7)
    for (let turn = 0; turn < 3; turn++) await driver.commit()
    const counts = driver.output(totals).readPairs()
    expect(counts).toMatchObject([
      ['a', { n: 1 }],
      ['a', { n: 2 }],
      ['a', { n: 3 }],
    ])
  })

  it('counts what is late as often, and what has no key', async () => {
    const [plain, combined] = [
      await openDriver(summed(), options),
      await openDriver(summed(onlyCombine), options),
    ]
    for (const driver of [plain, combined]) {
      await driver.input(texts).pipe('key', 'a', 50_000)
      for (const timestamp of [7, 49_000, 7]) await driver.input(texts).pipe('key', 'a', timestamp)
      await driver.commit()
      for (const timestamp of [7, 49_000]) await driver.input(texts).pipe('key', 'a', timestamp)
      for (let turn = 0; turn < 3; turn++) await driver.commit()
    }
    // Two windows of ten seconds are lost three times; the other aggregate loses all five.
    expect(plain.dropped()).toEqual({ late: 8 })
    expect(combined.dropped()).toEqual(plain.dropped())
  })
})

describe('what is combined', () => {
  const bare = (serde: string): string => serde.replace(/^nullable\((.*)\)$/, '$1')
  const layouts = ({ subtopologies }: Topology): readonly string[] =>
    subtopologies.flatMap(({ nodes }) =>
      nodes.flatMap((node) =>
        node.kind === 'source'
          ? node.topics.filter(({ internal }) => internal).map(({ value }) => bare(value.name))
          : []
      )
    )

  it('is told as another layout of the topic, and refused where records wait in it', async () => {
    const [plain, combined] = [summed(), summed(onlyCombine)]
    const told = combined.compare(plain).map(({ severity, subject, message }) => ({
      severity,
      subject,
      message: message.replace(/\{.*?\}/g, '{ … }'),
    }))
    expect(told).toContainEqual({
      severity: 'incompatible',
      subject: "repartition topic 'totals'",
      message:
        'it holds nullable(string) by default key, and would hold nullable(parts of { … }) ' +
        'by default key',
    })
    expect(told.map(({ subject }) => subject).sort()).toEqual(
      ['finals', 'totals', 'updates'].map((name) => `repartition topic '${name}'`)
    )
    expect(combined.compare(combined.toJson())).toEqual([])
    const driver = await openDriver(plain, { commit: 'manual' })
    await driver.input(texts).pipe('key', 'a', 7)
    await driver.commit()
    await driver.crash()
    for (const wipe of [false, true]) {
      await expect(driver.restart({ topology: combined, wipe })).rejects.toMatchObject({
        code: 'MILLRACE_TOPOLOGY_INCOMPATIBLE',
      })
    }
  })

  it('has the text of Kafka Streams, which knows no such thing; JSON shows it', () => {
    const [plain, combined] = [summed(), summed(onlyCombine)]
    expect(combined.describe()).toBe(plain.describe())
    expect(plain.optimized(onlyCombine).toJson()).toEqual(combined.toJson())
    const operators = combined.toJson().subtopologies.flatMap(({ nodes }) => nodes)
    expect(operators).toContainEqual(
      expect.objectContaining({ operator: 'combine', topic: 'totals', stores: [] })
    )
  })

  it('is what merges in any order, and nothing else', () => {
    const builder = new StreamsBuilder()
    const grouped = builder.stream(texts).groupBy((text) => text.slice(0, 1))
    grouped.count('counted')
    grouped.reduce('reduced', (_, text) => text)
    grouped.aggregate(
      'stepped',
      () => 0,
      (n) => n + 1
    )
    grouped.aggregate('first', { first: first((text) => text), n: count() })
    grouped.aggregate('some', { some: collect((text) => text, { max: 2 }) })
    grouped.windowedBy(session('1s')).count('sessions')
    grouped.windowedBy(tumbling('1s'), { late: (late) => late.to(texts) }).count('heard')
    grouped.windowedBy(tumbling('1s')).count('unheard')
    expect(layouts(builder.build({ optimize: onlyCombine }))).toEqual([
      'parts of count',
      'string',
      'string',
      'string',
      'string',
      'string',
      'string',
      'parts of count in tumbling windows of 1000 ms, updates',
    ])
  })

  it('is not what shares its topic with others', () => {
    const builder = new StreamsBuilder()
    const grouped = builder.stream(texts).groupBy((text) => text.slice(0, 1))
    grouped.count('one')
    grouped.windowedBy(tumbling('1s')).count('other')
    expect(layouts(builder.build({ optimize: 'all' }))).toEqual(['string'])
  })
})
