/** Stores of two instances on a real broker: each has its part, and says who has the other. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import {
  partitionForKey,
  type ReadOnlyKeyValueStore,
  StreamApp,
  StreamsBuilder,
  string,
  topic,
  tumbling,
} from '../src/index.ts'
import { sharedBroker } from './support/shared-broker.ts'
import { openTestLog } from './support/test-log.ts'

const partitions = 4
const patience = { timeout: 60_000, interval: 50 }
const group = { sessionMs: 6_000, heartbeatMs: 200, rebalanceMs: 10_000 }
const keys = Array.from({ length: 16 }, (_, n) => `key-${n}`)

type Counts = ReadOnlyKeyValueStore<string, number>

/** How many keys an instance answers for, once all of them are either here or elsewhere. */
async function answered(counts: Counts): Promise<readonly string[]> {
  const here: string[] = []
  for (const key of keys) {
    const task = `0_${partitionForKey(Buffer.from(key), partitions)}`
    try {
      expect(await counts.get(key)).toBe(2)
      here.push(key)
    } catch (error) {
      expect(error).toMatchObject({ code: 'MILLRACE_STORE_ELSEWHERE', tasks: [task] })
    }
  }
  const rows: string[] = []
  for await (const { key, value } of counts.all()) if (value === 2) rows.push(key)
  expect(rows.sort()).toEqual(here.toSorted())
  return here
}

it('each of two instances reads what it has, and names the tasks of the rest', async () => {
  const brokers = await sharedBroker()
  const id = `stores-${randomUUID()}`
  const orders = topic(`${id}-orders`, { key: string(), value: string() })
  const { log, path } = await openTestLog(id, { brokers })
  await log.prepare([{ name: orders.name, role: 'sink', partitions, create: true }])
  const builder = new StreamsBuilder()
  const byKey = builder.stream(orders).groupByKey()
  const table = byKey.count('counts')
  const windows = byKey.windowedBy(tumbling('1m', { grace: '1d' })).count('per-minute')
  const start = async (name: string): Promise<StreamApp> => {
    const options = { applicationId: id, stateDir: join(path, name), kafka: { brokers, group } }
    const app = new StreamApp(builder.build(), options)
    onTestFinished(() => app.close())
    await app.start()
    return app
  }
  const record = (key: string, minute: number) => ({
    partition: partitionForKey(Buffer.from(key), partitions),
    key: Buffer.from(key),
    value: Buffer.from('v'),
    timestamp: 60_000 * minute,
  })

  const one = await start('one')
  await log.append(
    orders.name,
    keys.flatMap((key) => [record(key, 1), record(key, 2)])
  )
  await vi.waitFor(async () => expect(await answered(one.store(table))).toEqual(keys), patience)
  const perMinute = one.store(windows)
  await vi.waitFor(async () => {
    expect(await perMinute.get('key-3', 60_000)).toBe(1)
    const starts: number[] = []
    for await (const { window } of perMinute.fetch('key-3')) starts.push(window.start)
    expect(starts).toEqual([60_000, 120_000])
  }, patience)

  const two = await start('two')
  await vi.waitFor(async () => {
    const [first, second] = [await answered(one.store(table)), await answered(two.store(table))]
    expect(first.length).toBeGreaterThan(0)
    expect(second.length).toBeGreaterThan(0)
    expect([...first, ...second].sort()).toEqual(keys.toSorted())
  }, patience)
  await one.close()
  await expect(one.store(table).get('key-3')).rejects.toMatchObject({
    code: 'MILLRACE_STORE_CLOSED',
  })
  await vi.waitFor(async () => expect(await answered(two.store(table))).toEqual(keys), patience)
})
