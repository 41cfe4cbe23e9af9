import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import {
  count,
  distinct,
  int64,
  json,
  keyValueStore,
  max,
  min,
  nullable,
  type ProcessorContext,
  StreamsBuilder,
  string,
  topic,
  tumbling,
} from '../../src/index.ts'
import { TopologyTestDriver } from '../../src/testing/index.ts'
import { openDriver } from '../runtime/open-driver.ts'

interface Click {
  readonly user: string
  readonly page: string
  readonly at: number
}

const clicks = topic('clicks', {
  key: nullable(string()),
  value: json<Click>(),
  timestamp: (click) => click.at,
})
const perPage = topic('per-page', { key: string(), value: int64() })
const pages = topic('pages', { key: nullable(string()), value: string() })
const windows = topic('windows', {
  key: nullable(string()),
  value: json<{ start: number; users: number; clicks: number; last: number | null }>(),
})

function countsByPage() {
  const builder = new StreamsBuilder()
  builder
    .stream(clicks)
    .groupBy((click) => click.page)
    .count('by-page')
    .toStream()
    .mapValues((value) => BigInt(value ?? 0))
    .to(perPage)
  return builder.build()
}

const click = (user: string, page: string, at: number): Click => ({ user, page, at })

describe('the test driver', () => {
  it('runs what the DSL builds, through a repartition topic', async () => {
    const driver = await openDriver(countsByPage(), { partitions: 3 })
    const input = driver.input(clicks)
    await input.pipe(null, click('ann', '/', 1))
    await input.pipe(null, click('bob', '/cart', 2))
    await input.pipe(null, click('bob', '/', 3))
    const pairs = driver.output(perPage).readPairs()
    expect([...pairs].sort()).toEqual([
      ['/', 1n],
      ['/', 2n],
      ['/cart', 1n],
    ])
    expect(driver.output(perPage).readPairs()).toEqual([])
  })

  it('hands out timestamps, headers and places', async () => {
    const builder = new StreamsBuilder()
    builder
      .stream(clicks)
      .map(({ page, user }) => ({ key: user, value: page }))
      .to(pages)
    const driver = await openDriver(builder.build())
    const trace: [string, Uint8Array][] = [['trace', Buffer.from('1')]]
    await driver.input(clicks).pipe(null, click('ann', '/', 7), 99, trace)
    expect(driver.output(pages).readAll()).toEqual([
      { key: 'ann', value: '/', timestamp: 7, headers: trace, partition: 0, offset: 0 },
    ])
  })

  it('closes the windows of a silent stream when the wall clock moves on', async () => {
    const start = Date.parse('2026-01-01T00:00:00Z')
    const builder = new StreamsBuilder()
    const at = (click: Click): number => click.at
    builder
      .stream(clicks)
      .windowedBy(tumbling('5m', { grace: '0ms', idle: '1m', emptyWindows: true }).emit('final'))
      .aggregate('traffic', {
        users: distinct((one) => one.user),
        clicks: count(),
        first: min(at),
        last: max(at),
      })
      .toStream()
      .map(({ users, clicks: n, last }, { window }) => ({
        key: null,
        value: { start: window.start, users, clicks: n, last },
      }))
      .to(windows)
    const driver = await openDriver(builder.build(), { start: '2026-01-01T00:00:00Z' })
    for (const user of ['ann', 'bob', 'ann']) {
      await driver.input(clicks).pipe(null, click(user, '/', start + 1_000))
    }
    expect(driver.output(windows).readPairs()).toEqual([])
    await driver.advanceWallClock('11m')
    expect(
      driver
        .output(windows)
        .readPairs()
        .map(([, row]) => row)
    ).toEqual([
      { start, users: 2, clicks: 3, last: start + 1_000 },
      { start: start + 300_000, users: 0, clicks: 0, last: null },
    ])
  })

  it('gives processors their stores, and shows them', async () => {
    const seen = keyValueStore('seen', { key: string(), value: int64() })
    const builder = new StreamsBuilder()
    builder
      .stream(clicks)
      .process('nth', { seen }, (context: ProcessorContext<string, bigint>, stores) => ({
        process({ value }) {
          const n = (stores.seen.get(value.user) ?? 0n) + 1n
          stores.seen.put(value.user, n)
          context.forward({ key: value.user, value: n })
        },
      }))
      .to(perPage)
    const driver = await openDriver(builder.build())
    await driver.input(clicks).pipe(null, click('ann', '/', 1))
    await driver.input(clicks).pipe(null, click('ann', '/', 2))
    expect(driver.output(perPage).readPairs()).toEqual([
      ['ann', 1n],
      ['ann', 2n],
    ])
    expect(driver.store('seen').get('ann')).toBe(2n)
    expect(await driver.store('seen').entries()).toEqual([['ann', 2n]])
  })

  it('passes on what user code throws, with its place', async () => {
    const builder = new StreamsBuilder()
    builder
      .stream(clicks)
      .mapValues(({ page }) => {
        if (page === '/bad') throw new Error('cannot do that page')
        return page
      })
      .to(pages)
    const driver = await openDriver(builder.build())
    await driver.input(clicks).pipe(null, click('ann', '/', 1))
    await expect(driver.input(clicks).pipe(null, click('ann', '/bad', 2))).rejects.toThrow(
      /of task 0_0 at clicks-0@1 failed: cannot do that page/
    )
    expect(driver.output(pages).readPairs()).toEqual([[null, '/']])
  })

  it('takes bytes that nobody can read', async () => {
    const driver = await openDriver(countsByPage())
    await driver.input(clicks).pipeBytes(null, Buffer.from('{no'))
    expect(driver.dropped()).toEqual({ decode: 1 })
  })

  it('starts where a crash left off, also without its disk', async () => {
    const driver = await openDriver(countsByPage())
    await driver.input(clicks).pipe(null, click('ann', '/', 1))
    await driver.crash()
    await driver.restart({ wipe: true })
    await driver.input(clicks).pipe(null, click('ann', '/', 2))
    expect(driver.output(perPage).readPairs()).toEqual([
      ['/', 1n],
      ['/', 2n],
    ])
  })

  it('leaves nothing behind', async () => {
    const driver = await TopologyTestDriver.open(countsByPage())
    const path = driver.directory()
    expect(existsSync(path)).toBe(true)
    await driver.close()
    expect(existsSync(path)).toBe(false)
  })
})
