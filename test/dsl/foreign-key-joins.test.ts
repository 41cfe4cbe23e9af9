/** Tables joined by a key that is in the rows of the left one. */
import { afterEach, describe, expect, it } from 'vitest'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { data } from '../../src/serde/data.ts'
import { string } from '../../src/serde/primitives.ts'
import { TopologyTestDriver } from '../../src/testing/index.ts'
import type { TestDriverOptions } from '../../src/testing/topology-test-driver.ts'

interface Order {
  readonly item: string | null
  readonly n: number
}

const orders = topic('orders', { key: string(), value: data<Order>() })
const titles = topic('titles', { key: string(), value: string() })
const out = topic('out', { key: string(), value: string(), create: true, partitions: 1 })

let driver: TopologyTestDriver | undefined

async function open(how: 'join' | 'leftJoin', options: TestDriverOptions) {
  const builder = new StreamsBuilder()
  const left = builder.table(orders, 'orders')
  const right = builder.table(titles)
  const item = (order: Order) => order.item
  const joined =
    how === 'join'
      ? left.join('sold', right, item, ({ n }, title) => `${n} ${title}`)
      : left.leftJoin('sold', right, item, ({ n }, title) => `${n} ${title}`)
  joined.stored('sold-rows').toStream().to(out)
  driver = await TopologyTestDriver.open(builder.build(), options)
  return driver
}

afterEach(async () => {
  await driver?.close()
  driver = undefined
})

const shown = (running: TopologyTestDriver) =>
  running
    .output(out)
    .readAll()
    .map(({ key, value }) => `${key}: ${value}`)
    .sort()

describe('a join by foreign key', () => {
  it('tells each row that wants another one, across partitions and crashes', async () => {
    const running = await open('join', { partitions: { orders: 3, titles: 2 }, instances: 2 })
    for (let n = 0; n < 9; n++) {
      await running.input(orders).pipe(`o${n}`, { item: n % 2 === 0 ? 'a' : 'b', n }, n)
    }
    expect(shown(running)).toEqual([])
    await running.crash()
    await running.restart({ wipe: true })
    await running.input(titles).pipe('a', 'Apple', 5)
    expect(shown(running)).toEqual([0, 2, 4, 6, 8].map((n) => `o${n}: ${n} Apple`))
    await running.input(titles).pipe('a', null, 6)
    expect(shown(running)).toEqual([0, 2, 4, 6, 8].map((n) => `o${n}: null`))
    expect(await running.rows('sold-rows')).toEqual([])
  })

  it('follows a row whose foreign key changes, and forgets the old one', async () => {
    const running = await open('leftJoin', { partitions: { orders: 2, titles: 2 } })
    await running.input(titles).pipe('a', 'Apple', 1)
    await running.input(orders).pipe('o', { item: 'a', n: 1 }, 2)
    await running.input(orders).pipe('o', { item: 'b', n: 2 }, 3)
    await running.input(titles).pipe('a', 'Apricot', 4)
    await running.input(orders).pipe('o', { item: null, n: 3 }, 5)
    await running.input(orders).pipe('o', null, 6)
    const values = running.output(out).readPairs()
    expect(values).toEqual([
      ['o', '1 Apple'],
      ['o', '2 null'],
      ['o', '3 null'],
      ['o', null],
    ])
    expect(await running.store('sold-subscription-store').entries()).toEqual([])
  })

  it('goes through topics with the names that Kafka Streams gives them', async () => {
    const running = await open('join', { partitions: { orders: 3, titles: 2 } })
    const names = ['registration', 'response'].map((name) => `test-sold-subscription-${name}-topic`)
    expect([...(await running.log.partitions(names))]).toEqual([
      [names[0], 2],
      [names[1], 3],
    ])
  })
})
