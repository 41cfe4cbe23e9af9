/** Global tables on a real broker: two instances, each with all rows, and a lost disk. */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { StreamsBuilder } from '../src/dsl/streams-builder.ts'
import { topic } from '../src/dsl/topic.ts'
import { string } from '../src/serde/primitives.ts'
import { StreamApp } from '../src/stream-app.ts'
import { sharedBroker } from './support/shared-broker.ts'
import { openTestLog } from './support/test-log.ts'

const partitions = 2
const patience = { timeout: 60_000, interval: 50 }
const group = { sessionMs: 6_000, heartbeatMs: 200, rebalanceMs: 10_000 }
const texts = (name: string) => topic(name, { key: string(), value: string() })

it('a global table is whole on each of two instances, also after a lost disk', async () => {
  const brokers = await sharedBroker()
  const id = `global-${randomUUID()}`
  const [orders, titles, out] = [texts(`${id}-orders`), texts(`${id}-titles`), texts(`${id}-out`)]
  const { log, path } = await openTestLog(id, { brokers })
  const names = [orders.name, titles.name, out.name]
  await log.prepare(names.map((name) => ({ name, role: 'sink', partitions, create: true })))
  const builder = new StreamsBuilder()
  const table = builder.globalTable(titles, 'titles')
  builder
    .stream(orders)
    .leftJoin(
      table,
      (order) => order,
      (order, title) => `${order} ${title}`
    )
    .to(out)
  const start = async (name: string): Promise<StreamApp> => {
    const stateDir = join(path, name)
    const app = new StreamApp(builder.build(), {
      applicationId: id,
      stateDir,
      kafka: { brokers, group },
    })
    onTestFinished(() => app.close())
    await app.start()
    return app
  }
  const send = async (name: string, keys: readonly string[], value?: (key: string) => string) => {
    const records = keys.map((key, index) => ({
      partition: index % partitions,
      key: Buffer.from(key),
      value: Buffer.from(value?.(key) ?? key),
      timestamp: Date.now(),
    }))
    await log.append(name, records)
  }
  const seen: string[] = []
  for (let partition = 0; partition < partitions; partition++) {
    const reader = log.read({ topic: out.name, partition }, 'earliest', {
      onData: () => {
        while (reader.advance()) seen.push(String(reader.value))
      },
    })
  }
  const rowsOf = async (app: StreamApp) => {
    const keys: string[] = []
    for await (const { key } of app.store(table).all()) keys.push(key)
    return keys.length
  }

  await send(titles.name, ['a', 'b', 'c', 'd'], (key) => key.toUpperCase())
  const one = await start('one')
  expect(await rowsOf(one)).toBe(4)
  const two = await start('two')
  expect(await rowsOf(two)).toBe(4)
  await send(titles.name, ['e', 'f'], (key) => key.toUpperCase())
  await vi.waitFor(async () => expect([await rowsOf(one), await rowsOf(two)]).toEqual([6, 6]), {
    ...patience,
  })
  await send(orders.name, ['a', 'b', 'e', 'f'])
  await vi.waitFor(() => expect([...seen].sort()).toEqual(['a A', 'b B', 'e E', 'f F']), patience)
  await one.close()
  await rm(join(path, 'one'), { recursive: true })
  expect(await rowsOf(await start('one'))).toBe(6)
})
