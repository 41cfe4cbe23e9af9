/** Sessions and sliding windows that close by watermark, and in silence; what waits for them. */
import { describe, expect, it } from 'vitest'
import type { KStream } from '../../src/dsl/k-stream.ts'
import type { KTable } from '../../src/dsl/k-table.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { untilWindowCloses } from '../../src/dsl/suppress.ts'
import { topic } from '../../src/dsl/topic.ts'
import { data } from '../../src/serde/data.ts'
import { partitionForKey } from '../../src/serde/murmur2.ts'
import { string } from '../../src/serde/primitives.ts'
import { sessionWindowed } from '../../src/serde/windowed.ts'
import type { TopologyTestDriver } from '../../src/testing/index.ts'
import { session, sliding } from '../../src/windows/record-windows.ts'
import { hopping, tumbling, type Windowed } from '../../src/windows/windows.ts'
import { openDriver } from '../runtime/open-driver.ts'
import { faultOf, out as lateTopic, texts } from './tools.ts'

const rows = topic('rows', { key: data<unknown>(), value: data<unknown>(), create: true })
const late = { late: (records: KStream<string, string>): void => records.to(lateTopic) }
const letters = (one: string, other: string): string => [...(one + other)].sort().join('')

/** One that goes to this partition of two. */
function keyOf(partition: number): string {
  const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
  return keys.find((key) => partitionForKey(Buffer.from(key), 2) === partition) ?? ''
}

type Kind = 'session' | 'sliding'
type Where = 'by its own marks' | 'behind a repartition topic' | 'suppressed'

const cases = (['session', 'sliding'] as const).flatMap((kind) =>
  (['by its own marks', 'behind a repartition topic', 'suppressed'] as const).map(
    (where) => [kind, where] as const
  )
)

/** Gap or span of 10 s, grace of 2 s, idle time of 5 s. */
function build(kind: Kind, where: Where): StreamsBuilder {
  const builder = new StreamsBuilder()
  const stream = builder.stream(texts)
  const groups = where === 'by its own marks' ? stream.groupByKey() : stream.groupBy(() => 'k')
  const options = { grace: '2s', idle: '5s' } as const
  const emission = where === 'suppressed' ? 'updates' : 'final'
  const table =
    kind === 'session'
      ? groups.windowedBy(session('10s', options).emit(emission), late).reduce('n', letters)
      : groups.windowedBy(sliding('10s', options).emit(emission), late).reduce('n', letters)
  send(where === 'suppressed' ? table.suppress('held', untilWindowCloses()) : table)
  return builder
}

function send<K, V>(table: KTable<K, V>): void {
  const stream = table.toStream() as unknown as KStream<unknown, unknown>
  stream.to(rows)
}

/** `start..end value`, in seconds from 100 s on. */
function shown(driver: TopologyTestDriver): readonly string[] {
  return driver
    .output(rows)
    .readAll()
    .map(({ key, value }) => {
      const { start, end } = (key as Windowed<string>).window
      return `${(start - 100_000) / 1_000}..${(end - 100_000) / 1_000} ${value}`
    })
}

describe.each(cases)('a %s window %s', (kind, where) => {
  it('closes in silence, once nothing that is in time can reach it', async () => {
    const driver = await openDriver(build(kind, where).build(), { start: 100_000 })
    const input = driver.input(texts)
    await input.pipe('k', 'a', 100_000)
    await driver.advanceWallClock('3s')
    await input.pipe('k', 'b', 103_000)
    // The last record is reached until 103 s + 10 s + 10 s + 2 s, and silence takes 5 s more.
    await driver.advanceWallClock('24s')
    const before = shown(driver)
    await driver.advanceWallClock('12s')
    const all = [...before, ...shown(driver)]
    const wanted = {
      session: ['0..3 ab'],
      sliding: ['-10..0 a', '-7..3 ab', '0.001..10.001 b'],
    }
    expect(all).toEqual(wanted[kind])
    expect(before).not.toContain(wanted[kind].at(-1))
    expect(driver.dropped()).toEqual({})
  })

  it('takes what comes within its grace and idle time, and no more once it is closed', async () => {
    const driver = await openDriver(build(kind, where).build(), { start: 100_000 })
    const input = driver.input(texts)
    await input.pipe('k', 'a', 100_000)
    await driver.advanceWallClock('17s')
    await input.pipe('k', 'b', 100_000)
    await driver.advanceWallClock('60s')
    await input.pipe('k', 'late', 100_000)
    const wanted = { session: ['0..0 ab'], sliding: ['-10..0 ab'] }
    expect(shown(driver)).toEqual(wanted[kind])
    expect(driver.output(lateTopic).readPairs()).toEqual([['k', 'late']])
    expect(driver.dropped()).toEqual({ late: 1 })
  })

  it('tells the same whichever of two partitions is read first', async () => {
    const records = [
      ['a', 'p', 100],
      ['b', 'q', 104],
      ['a', 'r', 130],
      ['b', 's', 111],
      ['a', 't', 119],
      ['b', 'u', 100],
      ['b', 'too late', 98],
      ['b', 'v', 200],
      ['a', 'w', 201],
    ] as const
    const results: (readonly string[])[] = []
    for (const first of ['a', 'b']) {
      const key = { a: keyOf(0), b: keyOf(1) }
      const driver = await openDriver(build(kind, where).build(), {
        partitions: { texts: 2 },
        start: 300_000,
      })
      const own = records.filter(([key]) => key === first)
      const other = records.filter(([key]) => key !== first)
      for (const [name, text, at] of [...own, ...other]) {
        await driver.input(texts).pipe(key[name], text, at * 1_000)
      }
      await driver.advanceWallClock('2m')
      const late = driver.output(lateTopic).readPairs().map(String)
      results.push([...shown(driver), ...late].sort())
    }
    expect(results[0]).toEqual(results[1])
    expect(results[0]?.length).toBeGreaterThan(2)
  })
})

it('closes what other keys have left open, in steps of the idle time', async () => {
  const builder = new StreamsBuilder()
  const windows = session('1h', { idle: '1m' }).emit('final')
  send(builder.stream(texts).groupByKey().windowedBy(windows).count('n'))
  const driver = await openDriver(builder.build(), { start: 100_000 })
  const minute = 60_000
  await driver.input(texts).pipe('early', 'x', 100_000)
  await driver.advanceWallClock(50 * minute)
  await driver.input(texts).pipe('later', 'x', 100_000 + 50 * minute)
  await driver.advanceWallClock(73 * minute)
  expect(
    driver
      .output(rows)
      .readAll()
      .map(({ key }) => (key as Windowed<string>).key)
  ).toEqual(['early'])
  await driver.advanceWallClock(49 * minute)
  expect(
    driver
      .output(rows)
      .readAll()
      .map(({ key }) => (key as Windowed<string>).key)
  ).toEqual(['later'])
})

describe('suppress until windows close that close by watermark', () => {
  it('lets windows on a grid go in silence, each once', async () => {
    const builder = new StreamsBuilder()
    const windows = tumbling('10s', { idle: '5s' })
    const table = builder.stream(texts).groupByKey().windowedBy(windows).count('n')
    send(table.mapValues((n) => n * 10).suppress('held', untilWindowCloses()))
    const driver = await openDriver(builder.build(), { start: 100_000 })
    await driver.input(texts).pipe('k', 'a', 100_000)
    await driver.input(texts).pipe('k', 'b', 101_000)
    await driver.advanceWallClock('14s')
    expect(shown(driver)).toEqual([])
    await driver.advanceWallClock('3s')
    expect(shown(driver)).toEqual(['0..10 20'])
    await driver.input(texts).pipe('k', 'late', 101_000)
    await driver.advanceWallClock('60s')
    expect(shown(driver)).toEqual([])
  })

  it('waits for the slowest partition, as windows without a key do', async () => {
    const builder = new StreamsBuilder()
    const windows = hopping('10s', { advance: '5s' })
    const table = builder.stream(texts).windowedBy(windows).count('n')
    send(table.suppress('held', untilWindowCloses()))
    const driver = await openDriver(builder.build(), { partitions: { texts: 2 } })
    const input = driver.input(texts)
    await input.pipe(keyOf(0), 'x', 100_000)
    await input.pipe(keyOf(1), 'x', 100_000)
    await input.pipe(keyOf(0), 'x', 130_000)
    expect(shown(driver)).toEqual([])
    await input.pipe(keyOf(1), 'x', 104_000)
    await input.pipe(keyOf(1), 'x', 111_000)
    expect(shown(driver)).toEqual(['-5..5 3', '0..10 3'])
  })

  it('is refused where the watermark is not known', () => {
    const builder = new StreamsBuilder()
    const windows = session('10s', { idle: '5s' })
    const table = builder.stream(texts).groupByKey().windowedBy(windows).count('n')
    const key = sessionWindowed(string())
    const behind = table.toStream().repartition('again', { key }).toTable('kept', { key })
    behind.suppress('held', untilWindowCloses())
    expect(faultOf(() => builder.build())).toMatchObject({
      code: 'MILLRACE_SUPPRESS_BEYOND_REPARTITION',
      message: expect.stringContaining("'held' waits for windows of 'n'"),
    })
  })
})

it.each([session('10s', { idle: '5s' }), sliding('10s', { idle: '5s' })])(
  'is refused for a cogroup, whose streams have a time of their own',
  (windows) => {
    const builder = new StreamsBuilder()
    const groups = builder.stream(texts).groupByKey()
    const cogroup = groups.cogroup((n: number) => n + 1)
    if (windows.shape === 'session') {
      cogroup.windowedBy(windows).aggregate(
        'n',
        () => 0,
        (a, b) => a + b
      )
    } else cogroup.windowedBy(windows).aggregate('n', () => 0)
    expect(faultOf(() => builder.build())).toMatchObject({
      code: 'MILLRACE_WINDOW_INVALID',
      message: expect.stringContaining('drop idle'),
    })
  }
)

it('is another layout: state by watermark is not read as if it were by stream time', () => {
  const layouts = (['off', '5s'] as const).flatMap((idle) =>
    [session('10s', { idle }), sliding('10s', { idle }), tumbling('10s', { idle })].map(
      (windows) => {
        const builder = new StreamsBuilder()
        const groups = builder.stream(texts).groupByKey()
        if (windows.shape === 'session') groups.windowedBy(windows).count('n')
        else if (windows.shape === 'sliding') groups.windowedBy(windows).count('n')
        else groups.windowedBy(windows).count('n')
        return builder.build().subtopologies[0]?.stores[0]?.layout
      }
    )
  )
  expect(new Set(layouts).size).toBe(6)
})
