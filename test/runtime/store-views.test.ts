/** Tables and stores read while their application runs: by handle, committed, part by part. */
import { describe, expect, it, test } from 'vitest'
import type { ProcessorContext } from '../../src/index.ts'
import {
  count,
  distinct,
  hopping,
  int64,
  keyValueStore,
  StreamApp,
  StreamsBuilder,
  session,
  sliding,
  string,
  topic,
  tumbling,
  windowStore,
} from '../../src/index.ts'
import { TopologyTestDriver } from '../../src/testing/index.ts'
import { openDriver } from './open-driver.ts'

const texts = topic('texts', { key: string(), value: string() })
const out = topic('out', { key: string(), value: string() })

async function all<T>(rows: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = []
  for await (const row of rows) found.push(row)
  return found
}

/** What a promise rejects with, by its code. */
async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => 'no error',
    (error: { readonly code?: string }) => error.code
  )
}

describe('rows by key', () => {
  it('are found by key, by a range of keys, and all of them', async () => {
    const builder = new StreamsBuilder()
    const lengths = builder
      .table(texts, 'texts-by-key')
      .mapValues((text) => text.length)
      .stored('lengths')
    const counts = builder
      .table(topic('other', { key: string(), value: string() }))
      .groupBy((text, key) => ({ key: text, value: key }))
      .count('by-text')
    const driver = await openDriver(builder.build())
    for (const [index, key] of ['b', 'a', 'c'].entries()) {
      await driver.input(texts).pipe(key, 'x'.repeat(index + 1), index)
    }
    const other = driver.input({ name: 'other', key: string(), value: string() })
    for (const key of ['k', 'l']) await other.pipe(key, 'same', 7)
    const view = driver.store(lengths)
    expect(await view.get('a')).toBe(2)
    expect(await view.get('z')).toBeUndefined()
    const rows = [
      { key: 'a', value: 2, timestamp: 1 },
      { key: 'b', value: 1, timestamp: 0 },
      { key: 'c', value: 3, timestamp: 2 },
    ]
    expect(await all(view.all())).toEqual(rows)
    expect(await all(view.range('a', 'c'))).toEqual(rows.slice(0, 2))
    expect(await all(view.range('b'))).toEqual(rows.slice(1))
    expect(await all(driver.store(counts).all())).toEqual([{ key: 'same', value: 2, timestamp: 7 }])
  })

  it('of a group with sets beside it are told from the members', async () => {
    const builder = new StreamsBuilder()
    const visits = builder
      .stream(texts)
      .groupByKey()
      .aggregate('visits', { n: count(), texts: distinct((text: string) => text) })
    const driver = await openDriver(builder.build())
    for (const key of ['b', 'a', 'b']) await driver.input(texts).pipe(key, 'v', 1)
    const rows = await all(driver.store(visits).all())
    expect(rows.map(({ key, value }) => [key, value.n, value.texts])).toEqual([
      ['a', 1, 1],
      ['b', 2, 1],
    ])
  })

  it('of a versioned table are those of a time, if one is asked for', async () => {
    const builder = new StreamsBuilder()
    const prices = builder.table(texts, 'prices', { versioned: { history: '1m' } })
    const driver = await openDriver(builder.build())
    const pipe = (value: string | null, at: number) => driver.input(texts).pipe('a', value, at)
    await pipe('one', 1_000)
    await pipe('three', 3_000)
    await pipe('two', 2_000)
    const view = driver.store(prices)
    expect(await view.get('a')).toBe('three')
    expect(await view.get('a', 2_500)).toBe('two')
    expect(await view.get('a', 999)).toBeUndefined()
    expect(await all(view.all(1_500))).toEqual([{ key: 'a', value: 'one', timestamp: 1_000 }])
    await pipe(null, 4_000)
    expect(await view.get('a')).toBeUndefined()
    expect(await all(view.all())).toEqual([])
    expect(await view.get('a', 3_999)).toBe('three')
  })

  it('of a global table are those that have arrived', async () => {
    const builder = new StreamsBuilder()
    const titles = builder.globalTable(topic('titles', { key: string(), value: string() }), 'all')
    builder
      .stream(texts)
      .join(
        titles,
        (text) => text,
        (text, title) => text + title
      )
      .to(out)
    const driver = await openDriver(builder.build(), { instances: 2, partitions: 2 })
    const input = driver.input({ name: 'titles', key: string(), value: string() })
    for (const key of ['a', 'b', 'c']) await input.pipe(key, key.toUpperCase(), 5)
    expect(await driver.store(titles).get('b')).toBe('B')
    expect((await all(driver.store(titles).range('b'))).map(({ key }) => key)).toEqual(['b', 'c'])
  })
})

describe('rows in windows', () => {
  const windows = [
    ['tumbling', tumbling('10ms', { grace: '50ms' }), [0, 10, 20]],
    ['hopping', hopping('20ms', { advance: '10ms', grace: '50ms' }), [0, 10, 20]],
  ] as const

  test.each(windows)('that are %s are found by key and start', async (_, shape, starts) => {
    const builder = new StreamsBuilder()
    const counts = builder.stream(texts).groupByKey().windowedBy(shape).count('counts')
    const driver = await openDriver(builder.build())
    for (const at of [5, 12, 13, 25]) await driver.input(texts).pipe('a', 'v', at)
    await driver.input(texts).pipe('b', 'v', 13)
    const view = driver.store(counts)
    const rows = await all(view.fetch('a'))
    expect(rows.map(({ window }) => window.start)).toEqual(starts)
    for (const { key, window, value } of rows) {
      expect(key).toBe('a')
      expect(await view.get('a', window.start)).toBe(value)
    }
    expect(await view.get('a', 5)).toBeUndefined()
    const some = await all(view.fetch('a', 1, 19))
    expect(some).toEqual(rows.filter(({ window: { start } }) => start >= 1 && start <= 19))
    const every = await all(view.all())
    expect(every.filter(({ key }) => key === 'a')).toEqual(rows)
    expect(every.map(({ window }) => window.start)).toEqual(
      every.map(({ window }) => window.start).sort((a, b) => a - b)
    )
    expect(await all(view.fetchAll(10, 10))).toEqual(
      every.filter(({ window: { start } }) => start === 10)
    )
  })

  it('are the same by point and by scan, and gone past their retention', async () => {
    const builder = new StreamsBuilder()
    const counts = builder
      .stream(texts)
      .groupByKey()
      .windowedBy(tumbling('1ms'))
      .count('counts', { retention: '2s' })
    const driver = await openDriver(builder.build())
    for (const at of [1, 500, 1_400, 2_300]) await driver.input(texts).pipe('a', 'v', at)
    const view = driver.store(counts)
    const starts = async (from?: number, to?: number) =>
      (await all(view.fetch('a', from, to))).map(({ window }) => window.start)
    expect(await starts()).toEqual([500, 1_400, 2_300])
    expect(await starts(400, 600)).toEqual([500])
    expect(await starts(400, 1_400)).toEqual([500, 1_400])
    expect(await view.get('a', 1)).toBeUndefined()
  })

  it('that begin and end with records are found by key and time', async () => {
    const builder = new StreamsBuilder()
    const byKey = builder.stream(texts).groupByKey()
    const visits = byKey.windowedBy(session('10ms', { grace: '1s' })).count('visits')
    const bursts = byKey.windowedBy(sliding('10ms', { grace: '1s' })).count('bursts')
    const driver = await openDriver(builder.build())
    for (const at of [100, 105, 200, 300]) await driver.input(texts).pipe('a', 'v', at)
    await driver.input(texts).pipe('b', 'v', 103)
    const view = driver.store(visits)
    expect(await all(view.fetch('a'))).toEqual([
      { key: 'a', window: { start: 100, end: 105 }, value: 2 },
      { key: 'a', window: { start: 200, end: 200 }, value: 1 },
      { key: 'a', window: { start: 300, end: 300 }, value: 1 },
    ])
    const between = await all(view.fetch('a', 103, 200))
    expect(between.map(({ window }) => window.start)).toEqual([100, 200])
    expect((await all(view.fetchAll(104, 150))).map(({ key }) => key)).toEqual(['a'])
    const burst = driver.store(bursts)
    expect(await burst.get('a', 95)).toBe(2)
    expect((await all(burst.fetch('b'))).map(({ window }) => window.start)).toEqual([93])
    expect((await all(burst.fetch('a', 95, 101))).map(({ window }) => window.start)).toEqual([
      95, 101,
    ])
  })
})

it('stores of processors are read by the handles they are made by', async () => {
  const seen = keyValueStore('seen', { key: string(), value: int64() })
  const perMinute = windowStore('per-minute', {
    key: string(),
    value: int64(),
    size: '1m',
    retention: '1h',
  })
  const builder = new StreamsBuilder()
  builder.stream(texts).process('note', { seen, perMinute }, (_: ProcessorContext, stores) => ({
    process({ key, timestamp }) {
      stores.seen.put(key, (stores.seen.get(key) ?? 0n) + 1n)
      const start = timestamp - (timestamp % 60_000)
      stores.perMinute.put(key, (stores.perMinute.get(key, start) ?? 0n) + 1n, start)
    },
  }))
  const driver = await openDriver(builder.build())
  for (const at of [1, 2, 60_001]) await driver.input(texts).pipe('a', 'v', at)
  await driver.input(texts).pipe('b', 'v', 60_002)
  expect(await driver.store(seen).get('a')).toBe(3n)
  expect(await all(driver.store(seen).range('b'))).toEqual([{ key: 'b', value: 1n }])
  const view = driver.store(perMinute)
  expect(await view.get('a', 0)).toBe(2n)
  expect((await all(view.fetch('a'))).map(({ value }) => value)).toEqual([2n, 1n])
  expect((await all(view.fetchAll(60_000))).map(({ key }) => key)).toEqual(['a', 'b'])
})

function counting() {
  const builder = new StreamsBuilder()
  const counts = builder.stream(texts).groupByKey().count('counts')
  return { counts, topology: builder.build() }
}

describe('what is seen', () => {
  it('is committed, and stays as it was for as long as it is read', async () => {
    const { counts, topology } = counting()
    const driver = await openDriver(topology, { commit: 'manual' })
    const pipe = (...keys: readonly string[]) =>
      driver.input(texts).pipeAll(keys.map((key) => ({ key, value: 'v', timestamp: 1 })))
    const view = driver.store(counts)
    await pipe('a', 'b', 'c')
    expect(await all(view.all())).toEqual([])
    expect(await view.get('a')).toBeUndefined()
    await driver.commit()
    await pipe('a', 'b', 'c', 'd')
    expect(await view.get('a')).toBe(1)
    const seen: unknown[] = []
    for await (const { key, value } of view.all()) {
      seen.push([key, value])
      await driver.commit()
    }
    expect(seen).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ])
    expect((await all(view.all())).map(({ value }) => value)).toEqual([2, 2, 2, 1])
  })

  it('is what the last commit left, also after one that was undone', async () => {
    const { counts, topology } = counting()
    const driver = await openDriver(topology, { commit: 'manual' })
    await driver.input(texts).pipe('a', 'v', 1)
    await driver.commit()
    await driver.input(texts).pipe('a', 'v', 1)
    driver.log.faults.failCommit('abort')
    await driver.commit()
    const view = driver.store(counts)
    expect(await view.get('a')).toBe(1)
    await driver.crash({ during: 'step 3' })
    await driver.restart()
    expect(await view.get('a')).toBe(1)
    await driver.crash({ during: 'step 4' })
    await driver.restart()
    expect(await view.get('a')).toBe(2)
  })
})

describe('an instance', () => {
  it('is asked for all tasks of its process', async () => {
    const { counts, topology } = counting()
    const driver = await openDriver(topology, { partitions: 4, instances: 2 })
    const keys = Array.from({ length: 20 }, (_, n) => `key-${n}`)
    for (const key of keys) await driver.input(texts).pipe(key, 'v', 1)
    const view = driver.store(counts)
    expect((await all(view.all())).map(({ key }) => key).sort()).toEqual(keys.toSorted())
    for (const key of keys) expect(await view.get(key)).toBe(1)
    expect(view.places()).toEqual(
      [0, 1, 2, 3].map((partition) => ({ task: `0_${partition}`, partition, state: 'here' }))
    )
  })

  it('refuses what its topology has not, in another form, or without rows', async () => {
    const { counts, topology } = counting()
    const driver = await openDriver(topology)
    const unknown = expect.objectContaining({ code: 'MILLRACE_STORE_UNKNOWN' })
    expect(() => driver.store({ name: 'none', kind: 'key-value' })).toThrow(unknown)
    expect(() => driver.store({ name: counts.name, kind: 'window' })).toThrow(unknown)
  })

  it('refuses to read before it starts, and after it has closed', async () => {
    const { counts, topology } = counting()
    const driver = await openDriver(topology)
    const app = new StreamApp(topology, { applicationId: 'reads', log: driver.log })
    expect(() => app.store(counts).places()).toThrow(/before the application has started/)
    expect(await codeOf(app.store(counts).get('a'))).toBe('MILLRACE_STORE_NOT_STARTED')
    const view = app.store(counts)
    await app.close()
    expect(await codeOf(view.get('a'))).toBe('MILLRACE_STORE_CLOSED')
    expect(await codeOf(all(view.all()))).toBe('MILLRACE_STORE_CLOSED')
  })
})

it('windows without a key have no rows to read', async () => {
  const builder = new StreamsBuilder()
  const traffic = builder
    .stream(texts)
    .windowedBy(tumbling('5m').emit('final'))
    .aggregate('traffic', { n: count() })
  const driver = await TopologyTestDriver.open(builder.build())
  const { name, kind } = traffic
  expect(() => driver.store({ name, kind })).toThrow(/There is no window store 'traffic'/)
  await driver.close()
})
