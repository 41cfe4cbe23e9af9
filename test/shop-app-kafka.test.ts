import { randomUUID } from 'node:crypto'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { ShopApp } from '../src/shop-app.ts'
import { allRows, gauges, newestEnds, streamedRows } from './support/api-client.ts'
import { createTopic, ForeignProducer } from './support/foreign-client.ts'
import { openKafkaShop, untilFound } from './support/kafka-shop.ts'
import { sharedBroker } from './support/shared-broker.ts'

const hour = 3_600_000
let brokers: string

beforeAll(async () => {
  brokers = (await sharedBroker()).join()
})

function make(id: string): Promise<ShopApp> {
  return openKafkaShop(brokers, id, { IDLE_AFTER: '2s' })
}

async function start(id: string): Promise<string> {
  const app = await make(id)
  await app.start()
  return app.url ?? ''
}

function record(partition: number, event: Readonly<Record<string, unknown>>) {
  return { partition, key: String(event['sessionId']), value: JSON.stringify(event) }
}

/** As long as that takes, within half a minute. */
async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  await untilFound(async () => (await condition()) || undefined, what)
}

describe('the application on a broker', () => {
  it('answers alike from every instance, and shows each gauge from one', async () => {
    const id = `shop-${randomUUID()}`
    await createTopic(brokers, `${id}.events`, 2)
    const urls = [await start(id), await start(id)]
    const producer = await ForeignProducer.open(brokers, `${id}.events`)
    onTestFinished(() => producer.close())
    const timestamp = Math.floor(Date.now() / hour) * hour - 24 * hour
    const order = { eventType: 'checkout_click', total_price: '12.50' }
    await producer.send([
      record(0, { timestamp, sessionId: 'a', eventType: 'pageView' }),
      record(1, { timestamp, sessionId: 'b', ...order }),
    ])
    const caughtUp = async (url: string): Promise<boolean> => {
      const ends = await newestEnds(url)
      return ends.size === 5 && Math.min(...ends.values()) > Date.now() - 2 * hour
    }
    await until(async () => (await Promise.all(urls.map(caughtUp))).every(Boolean), 'caught up')
    const [first, second] = await Promise.all(
      urls.map(async (url) => {
        const rows = await allRows(url, 'revenue_24h', 0)
        return rows.filter(({ windowEnd }) => windowEnd <= Date.now() - hour)
      })
    )
    expect(first).toEqual(second)
    expect(first?.[0]).toMatchObject({ value: 12.5, amount: '12.50', denominator: 1 })
    const [some = [], same] = await Promise.all(urls.map((url) => streamedRows(url, '0', 200)))
    expect(same).toEqual(some)
    const rest = await streamedRows(urls[1] ?? '', some[99]?.id ?? '', 100)
    expect(rest).toEqual(some.slice(100))
    const shown = await Promise.all(urls.map(gauges))
    expect(shown.filter((series) => series.has('tov'))).toHaveLength(1)
    const ready = await Promise.all(urls.map(async (url) => (await fetch(`${url}/readyz`)).status))
    expect(ready).toEqual([200, 200])
    const headers = { 'content-type': 'application/json' }
    const posted = await fetch(`${urls[0]}/api/events`, { method: 'POST', headers, body: '{}' })
    expect(posted.status).toBe(409)
  })

  it('does not start without its topic of events, and says how to make it', async () => {
    const id = `shop-${randomUUID()}`
    const app = await make(id)
    await expect(app.start()).rejects.toThrow(/kafka-topics\.sh .*--create/)
    await expect(fetch(`${app.url}/livez`)).rejects.toThrow()
  })
})
