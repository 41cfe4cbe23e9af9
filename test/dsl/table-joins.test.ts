/** Joins with tables: what meets what, and where the topics must fit each other. */
import { afterEach, describe, expect, it } from 'vitest'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { string } from '../../src/serde/primitives.ts'
import { TopologyTestDriver } from '../../src/testing/index.ts'
import type { TestDriverOptions } from '../../src/testing/topology-test-driver.ts'
import { faultOf } from './tools.ts'

const orders = topic('orders', { key: nullable(string()), value: string() })
const prices = topic('prices', { key: string(), value: string() })
const stocks = topic('stocks', { key: string(), value: string() })
const out = topic('out', { key: nullable(string()), value: string(), create: true })

let driver: TopologyTestDriver | undefined

async function open(builder: StreamsBuilder, options?: TestDriverOptions) {
  driver = await TopologyTestDriver.open(builder.build(), options)
  return driver
}

afterEach(async () => {
  await driver?.close()
  driver = undefined
})

const both = (left: string | null, right: string | null): string => `${left}+${right}`

describe('a stream joined with a table', () => {
  it('meets the row of its key, behind a repartition too, over a crash', async () => {
    const builder = new StreamsBuilder()
    const table = builder.table(prices, 'prices').filter((price) => price !== '0')
    builder
      .stream(orders)
      .selectKey((order) => order.slice(0, 1))
      .repartition('orders-by-item')
      .leftJoin(table, both)
      .to(out)
    const running = await open(builder, { partitions: { prices: 3, orders: 2 } })
    const name = 'test-orders-by-item-repartition'
    expect((await running.log.partitions([name])).get(name)).toBe(3)
    await running.input(prices).pipe('a', '10')
    await running.input(prices).pipe('b', '0')
    await running.crash()
    await running.restart({ wipe: true })
    for (const order of ['a1', 'b1', 'c1']) await running.input(orders).pipe('k', order)
    const rows = running.output(out).readPairs()
    expect(rows.map(([, value]) => value).sort()).toEqual(['a1+10', 'b1+null', 'c1+null'])
  })

  it('waits for late rows of a versioned table, over a crash', async () => {
    const builder = new StreamsBuilder()
    const table = builder.table(prices, 'prices', { versioned: { history: '1s' } })
    builder.stream(orders).join('priced', table, both, { grace: '10ms' }).to(out)
    const running = await open(builder)
    await running.input(prices).pipe('a', 'new', 50)
    await running.input(orders).pipe('a', 'o1', 40)
    await running.crash()
    await running.restart({ wipe: true })
    await running.input(prices).pipe('a', 'old', 30)
    expect(running.output(out).readAll()).toEqual([])
    await running.input(orders).pipe('b', 'o2', 60)
    const rows = running.output(out).readAll()
    expect(rows.map(({ value, timestamp }) => [value, timestamp])).toEqual([['o1+old', 40]])
    expect(await running.store('priced').entries()).toHaveLength(2)
  })

  it('wants its key where it is, and a history that covers the grace', () => {
    const stray = new StreamsBuilder()
    const table = stray.table(prices, 'prices')
    stray
      .stream(orders)
      .selectKey((order) => order)
      .join(table, both)
      .to(out)
    expect(faultOf(() => stray.build())).toMatchObject({ code: 'MILLRACE_JOIN_KEY_CHANGED' })
    const plain = new StreamsBuilder()
    plain
      .stream(orders)
      .join('priced', plain.table(prices, 'prices'), both, { grace: '1s' })
      .to(out)
    expect(faultOf(() => plain.build()).message).toContain('versioned: { history')
    const short = new StreamsBuilder()
    const brief = short.table(prices, 'prices', { versioned: { history: '4ms' } })
    short.stream(orders).join('priced', brief, both, { grace: '5ms' }).to(out)
    expect(faultOf(() => short.build()).message).toContain('wait for 5 ms')
  })

  it('is refused at start if the topics have different numbers of partitions', async () => {
    const builder = new StreamsBuilder()
    builder.stream(orders).join(builder.table(prices, 'prices'), both).to(out)
    const start = open(builder, { partitions: { orders: 2, prices: 3 } })
    await expect(start).rejects.toMatchObject({ code: 'MILLRACE_JOIN_PARTITIONS' })
    await expect(start).rejects.toThrow("'orders' has 2 partitions and 'prices' has 3")
  })
})

describe('tables joined with each other', () => {
  it('keep their rows together, and take them apart again', async () => {
    const builder = new StreamsBuilder()
    builder
      .table(prices, 'prices')
      .outerJoin(builder.table(stocks), both)
      .stored('priced-stocks')
      .toStream()
      .to(out)
    const running = await open(builder, { partitions: 2 })
    await running.input(prices).pipe('a', '10', 5)
    await running.input(stocks).pipe('a', 'x', 3)
    await running.crash()
    await running.restart()
    await running.input(prices).pipe('a', null, 7)
    await running.input(stocks).pipe('a', null, 8)
    const rows = running.output(out).readAll()
    expect(rows.map(({ value, timestamp }) => [value, timestamp])).toEqual([
      ['10+null', 5],
      ['10+x', 5],
      ['null+x', 7],
      [null, 8],
    ])
    expect(await running.rows('priced-stocks')).toEqual([])
  })
})

describe('a versioned table', () => {
  it('forgets what is past its history, and keys that are gone', async () => {
    const builder = new StreamsBuilder()
    builder
      .table(prices, 'prices', { versioned: { history: '80ms' } })
      .toStream()
      .to(out)
    const running = await open(builder)
    const input = running.input(prices)
    await input.pipe('gone', 'x', 0)
    await input.pipe('gone', null, 5)
    for (let at = 0; at <= 400; at += 10) await input.pipe('a', `v${at}`, at)
    await input.pipe('a', 'too late', 1)
    expect(running.dropped()).toEqual({ expired: 1 })
    const rows = await running.rows('prices')
    expect(rows.map(({ timestamp }) => timestamp).sort()).toEqual([
      320, 330, 340, 350, 360, 370, 380, 390, 400,
    ])
    const keys = (await running.store('prices').entries()).map(([key]) => key)
    expect(keys.some((key) => key.includes('gone'))).toBe(false)
    expect(keys.length).toBeLessThan(26)
  })
})
