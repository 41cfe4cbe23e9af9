/** Optimizations: the same results from fewer topics, and what they mean for durable names. */
import { describe, expect, it } from 'vitest'
import type { BuildOptions, Topology } from '../../src/index.ts'
import { StreamsBuilder, string, topic, tumbling } from '../../src/index.ts'
import { openDriver } from '../runtime/open-driver.ts'
import { Random, seedOfRun } from '../support/random.ts'
import { faultOf, texts } from './tools.ts'

const counts = topic('counts-out', { key: string(), value: string() })
const latest = topic('latest-out', { key: string(), value: string() })
const rows = topic('rows-out', { key: string(), value: string() })
const longest = topic('longest-out', { key: string(), value: string() })
const outputs = [counts, latest, rows, longest]

/** What is grouped four times behind one change of key. */
function grouped(optimize: BuildOptions['optimize']): Topology {
  const builder = new StreamsBuilder()
  const byLetter = builder.stream(texts).selectKey((text) => text.slice(0, 1))
  byLetter.groupByKey().count('counts').toStream().mapValues(String).to(counts)
  byLetter
    .groupByKey()
    .windowedBy(tumbling('10ms', { grace: '1s' }))
    .reduce('latest', (_, text) => text)
    .toStream()
    .map((value, { key, window }) => ({ key: `${key}@${window.start}`, value }))
    .to(latest)
  byLetter.toTable('rows').toStream().mapValues(String).to(rows)
  const { odd } = byLetter
    .filter((text) => text !== 'a3')
    .split()
    .branch('odd', (text) => Number(text.slice(1)) % 2 === 1)
    .noDefaultBranch()
  odd
    .groupByKey()
    .reduce('longest', (kept, text) => (text.length > kept.length ? text : kept))
    .toStream()
    .mapValues(String)
    .to(longest)
  return builder.build(optimize === undefined ? {} : { optimize })
}

const internal = ({ topics }: Topology, wanted: string): readonly string[] =>
  topics.filter(({ role }) => role === wanted).map(({ name }) => name)

describe('merged repartitions', () => {
  it('give the same results, over crashes and restarts too', async () => {
    const seed = seedOfRun()
    const random = new Random(seed)
    const records = Array.from({ length: 24 }, (_, at) => ({
      key: `key-${random.below(4)}`,
      value: `${random.pick(['a', 'b', 'c'])}${at}`,
      timestamp: at * 3 + random.below(10),
    }))
    const results = async (optimize: boolean, crashes: boolean): Promise<unknown> => {
      // One task reads them, so that their order is that of the input in every life.
      const driver = await openDriver(grouped(optimize), { commit: 'manual' })
      for (const [index, { key, value, timestamp }] of records.entries()) {
        await driver.input(texts).pipe(key, value, timestamp)
        if (index % 3 !== 2) continue
        if (crashes && index % 2 === 0) {
          await driver.crash({ during: index % 4 === 0 ? 'step 3' : 'step 4' })
          await driver.restart()
        } else await driver.commit()
      }
      await driver.commit()
      const found: Record<string, unknown> = {}
      for (const output of outputs) {
        // Which of two updates of a key comes out depends on the commits: the last one does not.
        const last = new Map(driver.output(output).readPairs())
        found[output.name] = [...last].sort()
      }
      return found
    }
    const wanted = await results(false, false)
    expect(await results(true, false), `SEED=${seed}`).toEqual(wanted)
    expect(await results(true, true), `SEED=${seed}`).toEqual(wanted)
  })

  it('leave one topic, that of the first, and all stores', () => {
    const [plain, merged] = [grouped('none'), grouped(['merge-repartitions'])]
    expect(internal(plain, 'repartition')).toEqual(['counts', 'latest', 'rows', 'longest'])
    expect(internal(merged, 'repartition')).toEqual(['counts'])
    expect(internal(merged, 'changelog')).toEqual(internal(plain, 'changelog'))
    expect(merged.compare(plain).map(({ severity, subject }) => [severity, subject])).toEqual([
      ['compatible', "repartition topic 'latest'"],
      ['compatible', "repartition topic 'rows'"],
      ['compatible', "repartition topic 'longest'"],
    ])
    expect(plain.compare(merged).map(({ message }) => message)).toEqual(
      ['latest', 'rows', 'longest'].map(() => 'it is new')
    )
  })

  it('stand behind what changed the key, with what passes records on behind them', () => {
    const builder = new StreamsBuilder()
    const byLetter = builder.stream(texts).selectKey((text) => text.slice(0, 1))
    const { short } = byLetter
      .peek(() => {})
      .split()
      .branch('short', (text) => text.length < 3)
      .noDefaultBranch()
    short.groupByKey().count('short')
    byLetter
      .filterNot((text) => text === '')
      .groupByKey()
      .count('all')
    const shared = builder.build({ optimize: ['merge-repartitions'] })
    expect(internal(shared, 'repartition')).toEqual(['short'])
    const [before, behind] = shared.toJson().subtopologies
    expect(before?.nodes.map(({ name }) => name).slice(1)).toEqual([
      'KSTREAM-KEY-SELECT-0000000001',
      'short-repartition-filter',
      'short-repartition-sink',
    ])
    expect(behind?.nodes.length).toBe(7)
  })

  it('stand behind what all groupings have in common', () => {
    const builder = new StreamsBuilder()
    const byLetter = builder.stream(texts).selectKey((text) => text.slice(0, 1))
    const { short, long } = byLetter
      .filter((text) => text !== '')
      .split()
      .branch('short', (text) => text.length < 3)
      .defaultBranch('long')
    long.to(rows)
    const some = short.filterNot((text) => text === 'no')
    some.groupByKey().count('one')
    some
      .peek(() => {})
      .groupByKey()
      .count('other')
    const [before] = builder.build({ optimize: 'all' }).toJson().subtopologies
    expect(before?.nodes.map(({ name }) => name).slice(-4)).toEqual([
      'KSTREAM-SINK-0000000006',
      'KSTREAM-FILTER-0000000007',
      'one-repartition-filter',
      'one-repartition-sink',
    ])
  })

  it('leave in its place what others listen to, and what one grouping alone is behind', () => {
    const builder = new StreamsBuilder()
    const byLetter = builder.stream(texts).selectKey((text) => text.slice(0, 1))
    const heard = byLetter.filter((text) => text !== '')
    heard.to(rows)
    heard.groupByKey().count('heard')
    byLetter.groupByKey().count('all')
    const alone = builder.stream(rows).selectKey((text) => text.slice(0, 1))
    alone
      .filter((text) => text !== '')
      .groupByKey()
      .count('alone')
    const topology = builder.build({ optimize: ['merge-repartitions'] })
    expect(topology.toJson()).toEqual(topology.optimized('none').toJson())
  })

  it('are left apart where windows close by watermarks, or the bytes differ', () => {
    const builder = new StreamsBuilder()
    const byLetter = builder.stream(texts).selectKey((text) => text.slice(0, 1))
    byLetter
      .groupByKey()
      .windowedBy(tumbling('10ms', { idle: '1s' }))
      .count('timed')
    byLetter.groupByKey().count('counts')
    byLetter
      .mapValues((text) => text.length)
      .groupByKey()
      .count('lengths')
    const values = byLetter.mapValues((text) => `${text}!`)
    values.groupByKey().count('one')
    values.groupByKey().count('other')
    const topology = builder.build({ optimize: 'all' })
    const apart = ['timed', 'counts', 'lengths', 'one', 'other']
    expect(internal(topology, 'repartition')).toEqual(apart)
  })

  it('are asked for by names that are known', () => {
    const wrong = ['faster'] as unknown as readonly ['merge-repartitions']
    expect(faultOf(() => grouped(wrong))).toMatchObject({
      code: 'MILLRACE_OPTIMIZATION_UNKNOWN',
    })
  })
})

describe('a table that reuses its topic', () => {
  const late = (value: string) => Number(value.split(' ')[1])
  const users = topic('users', { key: string(), value: string(), timestamp: late })

  function joined(optimize: BuildOptions['optimize']) {
    const builder = new StreamsBuilder()
    const table = builder.table(users, 'users')
    builder
      .stream(texts)
      .leftJoin(table, (text, user) => `${text} ${user}`)
      .to(rows)
    const sizes = table.mapValues((user) => user.length).stored('sizes')
    return { table, sizes, topology: builder.build(optimize === undefined ? {} : { optimize }) }
  }

  it('has no changelog, and says so to its predecessor', () => {
    const [plain, reused] = [joined('none').topology, joined('all').topology]
    expect(internal(plain, 'changelog')).toEqual(['users', 'sizes'])
    expect(internal(reused, 'changelog')).toEqual(['sizes'])
    const json = reused.toJson()
    expect(JSON.parse(JSON.stringify(json))).toEqual(json)
    const told = reused.compare(plain).map(({ severity, message }) => `${severity}: ${message}`)
    expect(told).toEqual([
      "compatible: it is restored from topic 'users'; a changelog it had stays until it is deleted",
    ])
    expect(reused.compare(reused)).toEqual([])
    expect(plain.compare(json)).toMatchObject([
      { severity: 'incompatible', message: expect.stringContaining("from topic 'users'") },
    ])
  })

  it('is restored up to what is committed of it, wherever it died, or without a disk', async () => {
    const seed = seedOfRun()
    const random = new Random(seed)
    const keys = ['a', 'b', 'c', 'd'] as const
    const records = Array.from({ length: 30 }, (_, at) => ({
      isUser: random.chance(0.6),
      key: random.pick(keys),
      value: random.chance(0.2) ? null : `v${at} ${random.chance(0.1) ? -1 : at + random.below(9)}`,
    }))
    const run = async (optimize: 'all' | 'none', crashes: boolean) => {
      const { table, sizes, topology } = joined(optimize)
      const driver = await openDriver(topology, { commit: 'manual', partitions: 2 })
      const seen: unknown[] = []
      const look = async (): Promise<void> => {
        for await (const row of driver.store(table).all()) seen.push(row)
        for await (const row of driver.store(sizes).all()) seen.push(row)
      }
      for (const [index, { isUser, key, value }] of records.entries()) {
        if (isUser) await driver.input(users).pipe(key, value, index)
        else await driver.input(texts).pipe(key, value ?? 'none', index)
        if (index % 3 !== 2) continue
        await driver.commit()
        if (!crashes) continue
        await driver.input(users).pipe(key, `later ${index}`, index)
        await driver.crash({ during: index % 2 === 0 ? 'step 3' : 'step 4' })
        await driver.restart({ wipe: index % 4 === 1 })
        await look()
        await driver.commit()
      }
      await look()
      // After a crash, which of two topics is read first is a matter of speed.
      return { seen, joined: crashes ? [] : driver.output(rows).readPairs() }
    }
    expect(await run('all', false), `SEED=${seed}`).toEqual(await run('none', false))
    expect(await run('all', true), `SEED=${seed}`).toEqual(await run('none', true))
  })

  it('keeps its changelog where a record may be judged otherwise, or the past is kept', () => {
    const builder = new StreamsBuilder()
    builder.table(users, 'users', { maxFuture: '1m' }).toStream()
    builder.table(texts, 'past', { versioned: { history: '1h' } }).toStream()
    const topology = builder.build({ optimize: ['reuse-source-topics'] })
    expect(internal(topology, 'changelog')).toEqual(['users', 'past'])
  })
})
