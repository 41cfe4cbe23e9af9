/** What the cache holds back goes on before the commit, and so does what others make of it. */
import { expect, it } from 'vitest'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import type { ProcessorContext } from '../../src/processor/processor.ts'
import { data } from '../../src/serde/data.ts'
import { string } from '../../src/serde/primitives.ts'
import type { TopologyTestDriver } from '../../src/testing/index.ts'
import { openDriver } from '../runtime/open-driver.ts'

const words = topic('words', { key: string(), value: string() })
const orders = topic('orders', { key: string(), value: data<{ item: string }>() })
const out = topic('out', { key: string(), value: string(), create: true, partitions: 1 })

type Context = ProcessorContext<string, string>

async function commitAndCrash(driver: TopologyTestDriver): Promise<void> {
  await driver.commit()
  await driver.crash()
  await driver.restart()
}

it('to promises, which the commit waits for', async () => {
  const builder = new StreamsBuilder()
  const counts = builder.stream(words).groupByKey().count('counts').toStream()
  counts
    .process('slow', {}, (context: Context) => ({
      async process({ key, value }) {
        await new Promise((resolve) => setImmediate(resolve))
        context.forward({ key, value: String(value) })
      },
    }))
    .to(out)
  const driver = await openDriver(builder.build(), { caching: true, commit: 'manual' })
  for (const key of ['a', 'b', 'a', 'a']) await driver.input(words).pipe(key, 'x')
  await commitAndCrash(driver)
  await driver.input(words).pipe('a', 'x')
  await commitAndCrash(driver)
  expect(driver.output(out).readPairs()).toEqual([
    ['a', '3'],
    ['b', '1'],
    ['a', '4'],
  ])
})

it('to the rows that a foreign-key join makes of it', async () => {
  const builder = new StreamsBuilder()
  const counts = builder.stream(words).groupByKey().count('counts')
  builder
    .table(orders, 'orders')
    .join(
      'sold',
      counts,
      ({ item }) => item,
      ({ item }, count) => `${count} of ${item}`
    )
    .toStream()
    .to(out)
  const driver = await openDriver(builder.build(), { caching: true, commit: 'manual' })
  await driver.input(orders).pipe('o', { item: 'a' }, 1)
  await commitAndCrash(driver)
  for (const key of ['a', 'b', 'a']) await driver.input(words).pipe(key, 'x')
  await commitAndCrash(driver)
  await commitAndCrash(driver)
  expect(driver.output(out).readPairs()).toEqual([['o', '2 of a']])
})
