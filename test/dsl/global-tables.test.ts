/** Tables that every instance has whole. */
import { afterEach, describe, expect, it } from 'vitest'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { nullable } from '../../src/serde/nullable.ts'
import { string } from '../../src/serde/primitives.ts'
import { TopologyTestDriver } from '../../src/testing/index.ts'
import type { TestDriverOptions } from '../../src/testing/topology-test-driver.ts'

const orders = topic('orders', { key: nullable(string()), value: string() })
const titles = topic('titles', { key: nullable(string()), value: string() })
const out = topic('out', { key: nullable(string()), value: string(), create: true })

let driver: TopologyTestDriver | undefined

async function open(options: TestDriverOptions) {
  const builder = new StreamsBuilder()
  const table = builder.globalTable(titles, 'titles-everywhere')
  builder
    .stream(orders)
    .leftJoin(
      table,
      (order) => (order === 'none' ? null : order.slice(0, 1)),
      (order, title) => `${order} ${title}`
    )
    .to(out)
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
    .map(({ value }) => value)
    .sort()

describe('a global table', () => {
  it('is whole on each instance, over crashes and lost directories', async () => {
    const running = await open({ partitions: { orders: 4, titles: 3, out: 1 }, instances: 2 })
    for (const key of ['a', 'b', 'c', 'd']) await running.input(titles).pipe(key, key.toUpperCase())
    const all = async () => {
      for (const order of ['a1', 'b1', 'c1', 'd1', 'none']) {
        await running.input(orders).pipe(`key of ${order}`, order)
      }
      return shown(running)
    }
    expect(await all()).toEqual(['a1 A', 'b1 B', 'c1 C', 'd1 D', 'none null'])
    expect(await running.rows('titles-everywhere')).toHaveLength(8)
    await running.crash()
    await running.restart()
    await running.input(titles).pipe('a', null)
    expect(await all()).toEqual(['a1 null', 'b1 B', 'c1 C', 'd1 D', 'none null'])
    await running.crash()
    await running.restart({ wipe: true })
    expect(await all()).toEqual(['a1 null', 'b1 B', 'c1 C', 'd1 D', 'none null'])
  })

  it('leaves out what has no key, and moves no event time', async () => {
    const running = await open({})
    await running.input(titles).pipe(null, 'x', 5)
    await running.input(titles).pipe('a', 'A', 1_000)
    await running.input(orders).pipe(null, 'a1', 7)
    expect(shown(running)).toEqual(['a1 A'])
    expect(running.dropped()).toEqual({ null_key: 1 })
    expect(running.snapshots().map(({ tasks }) => tasks[0]?.streamTime)).toEqual([7])
  })
})
