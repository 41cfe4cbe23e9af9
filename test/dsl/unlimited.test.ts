/** One window that never ends: what counts in it, and what is told of it. */
import { describe, expect, it } from 'vitest'
import { count, distinct } from '../../src/aggregators/aggregators.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { untilTimeLimit, untilWindowCloses } from '../../src/dsl/suppress.ts'
import { topic } from '../../src/dsl/topic.ts'
import { TopologyError } from '../../src/errors.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { int32, string } from '../../src/serde/primitives.ts'
import { timeWindowed } from '../../src/serde/windowed.ts'
import { type UnlimitedWindows, unlimited } from '../../src/windows/unlimited.ts'
import { openDriver } from '../runtime/open-driver.ts'
import { faultOf, texts } from './tools.ts'

const windows = unlimited({ start: 1_000 })
const serde = timeWindowed(string(), windows)
const rows = topic('rows', { key: serde, value: int32(), create: true })
const more = topic('more', { key: string(), value: string() })
const far = 100 * 365 * 86_400_000

describe('a window without an end', () => {
  it('counts all from its start on, tells of each change, and never closes', async () => {
    const builder = new StreamsBuilder()
    builder.stream(texts).groupByKey().windowedBy(windows).count('counts').toStream().to(rows)
    const driver = await openDriver(builder.build())
    const input = driver.input(texts)
    for (const at of [999, 1_000, far, 1_001, 0]) await input.pipe('a', 'x', at)
    await input.pipe('b', 'x', 5_000)
    const found = driver.output(rows).readAll()
    expect(found.map(({ key, value, timestamp }) => [key, value, timestamp])).toEqual([
      [{ key: 'a', window: { start: 1_000, end: Infinity } }, 1, 1_000],
      [{ key: 'a', window: { start: 1_000, end: Infinity } }, 2, far],
      [{ key: 'a', window: { start: 1_000, end: Infinity } }, 3, far],
      [{ key: 'b', window: { start: 1_000, end: Infinity } }, 1, 5_000],
    ])
    expect(driver.dropped()).toEqual({})
  })

  it('sees null values as other windows do, and drops records without a key', async () => {
    const builder = new StreamsBuilder()
    const loose = topic('loose', { key: nullable(string()), value: nullable(string()) })
    builder.stream(loose).groupByKey().windowedBy(windows).count('counts')
    const driver = await openDriver(builder.build())
    const input = driver.input(loose)
    await input.pipe('k', 'x', 2_000)
    await input.pipe('k', null, 2_000)
    await input.pipe(null, 'x', 2_000)
    expect((await driver.rows('counts')).map(({ key, value }) => [key, value])).toEqual([['k', 2]])
    expect(driver.dropped()).toEqual({ null_key: 1 })
  })

  it('is read by key, by start and by time', async () => {
    const builder = new StreamsBuilder()
    const table = builder.stream(texts).groupByKey().windowedBy(windows).count('counts')
    const driver = await openDriver(builder.build())
    for (const key of ['a', 'b', 'a']) await driver.input(texts).pipe(key, 'x', far)
    const view = driver.store(table)
    expect(await view.get('a', 1_000)).toBe(2)
    expect(await view.get('a', 0)).toBeUndefined()
    const keys = async (found: AsyncIterable<{ readonly key: string }>): Promise<string[]> => {
      const list: string[] = []
      for await (const { key } of found) list.push(key)
      return list
    }
    expect(await keys(view.fetch('b'))).toEqual(['b'])
    expect(await keys(view.fetch('b', 1_001))).toEqual([])
    expect(await keys(view.fetchAll(0, 1_000))).toEqual(['a', 'b'])
    expect(await keys(view.all())).toEqual(['a', 'b'])
  })

  it('keeps its rows and their members through a loss of the disk', async () => {
    const builder = new StreamsBuilder()
    const aggregators = { n: count(), texts: distinct((text: string) => text) }
    builder.stream(texts).groupByKey().windowedBy(windows).aggregate('kinds', aggregators)
    const driver = await openDriver(builder.build())
    const input = driver.input(texts)
    for (const text of ['x', 'y', 'x']) await input.pipe('a', text, 2_000)
    await driver.crash()
    await driver.restart({ wipe: true })
    for (const text of ['y', 'z']) await input.pipe('a', text, 1_500)
    const [row] = await driver.rows('kinds')
    expect(row?.value).toEqual({ n: 5, texts: 3 })
  })

  it('goes together with others in a cogroup, and may wait for a time', async () => {
    const builder = new StreamsBuilder()
    const groups = builder.stream(texts).groupByKey()
    const others = builder.stream(more).groupByKey()
    groups
      .cogroup((n: number) => n + 1)
      .and(others, (n) => n + 10)
      .windowedBy(windows)
      .aggregate('both', () => 0)
      .suppress('held', untilTimeLimit('1s'))
      .toStream()
      .to(rows)
    const driver = await openDriver(builder.build())
    await driver.input(texts).pipe('a', 'x', 2_000)
    await driver.input(more).pipe('a', 'x', 2_500)
    expect(driver.output(rows).readAll()).toEqual([])
    await driver.input(texts).pipe('b', 'x', 3_000)
    expect(
      driver
        .output(rows)
        .readPairs()
        .map(([key, n]) => [key?.key, n])
    ).toEqual([['a', 11]])
  })

  it('has a changelog that no retention empties', () => {
    const builder = new StreamsBuilder()
    builder.stream(texts).groupByKey().windowedBy(windows).count('counts')
    const [store] = builder.build().subtopologies[0]?.stores ?? []
    expect(store?.config['cleanup.policy']).toBe('compact')
    expect(store?.layout).toBe('count by string in one window from 1000 on, updates')
  })

  it('keeps its start alone in the bytes of a key', () => {
    const key = { key: 'a', window: { start: 1_000, end: Infinity } }
    const bytes = serde.serialize(key)
    expect(bytes?.length).toBe(9)
    expect(serde.deserialize(bytes as Uint8Array)).toEqual(key)
  })
})

describe('what a window without an end cannot be', () => {
  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('one that begins at %s', (start) => {
    expect(() => unlimited({ start })).toThrow(TopologyError)
  })

  it('waited for, final, or without a key', () => {
    const waiting = new StreamsBuilder()
    const table = waiting.stream(texts).groupByKey().windowedBy(windows).count('counts')
    table.suppress('held', untilWindowCloses())
    expect(faultOf(() => waiting.build()).code).toBe('MILLRACE_SUPPRESS_UNLIMITED')

    const final = new StreamsBuilder()
    const lied = { ...windows, emission: 'final' } as unknown as UnlimitedWindows
    final.stream(texts).groupByKey().windowedBy(lied).count('counts')
    expect(faultOf(() => final.build()).message).toContain('never ends')

    const keyless = new StreamsBuilder()
    keyless
      .stream(texts)
      .windowedBy(windows as never)
      .aggregate('counts', { n: count() })
    expect(faultOf(() => keyless.build()).message).toContain('group it by a key')
  })
})
