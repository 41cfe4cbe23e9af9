/** The formats that shops send, and rows by a schema, on a real broker and a real registry. */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { SchemaRegistry as Client } from '@kafkajs/confluent-schema-registry'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { avro } from '../src/avro/avro.ts'
import { confluentAvro } from '../src/registry/confluent-avro.ts'
import { SchemaRegistry } from '../src/registry/schema-registry.ts'
import type { ShopApp } from '../src/shop-app.ts'
import { allRows } from './support/api-client.ts'
import { createTopic, ForeignProducer } from './support/foreign-client.ts'
import { openKafkaShop, untilFound } from './support/kafka-shop.ts'
import { RegistryFront } from './support/registry-front.ts'
import { sharedBroker, sharedRegistry } from './support/shared-broker.ts'
import { openTestLog } from './support/test-log.ts'

const hour = 3_600_000
const start = Math.floor(Date.now() / hour) * hour - 24 * hour
/** Divolte's default schema, and the price that a shop adds to it. */
const schemaFile = fileURLToPath(new URL('support/schemas/divolte.avsc', import.meta.url))
const divolteSchema = JSON.parse(readFileSync(schemaFile, 'utf8')) as object
const compressions = ['gzip', 'snappy', 'lz4', 'zstd']
let brokers: string

beforeAll(async () => {
  brokers = (await sharedBroker()).join()
})

function open(id: string, settings: Readonly<Record<string, string>>): Promise<ShopApp> {
  return openKafkaShop(brokers, id, settings)
}

/** The first row of a metric, once it is there. */
async function firstRow(url: string, metric: string) {
  return await untilFound(async () => (await allRows(url, metric, 0))[0], `a row of ${metric}`)
}

async function reasonOf(app: ShopApp, pattern: RegExp): Promise<string> {
  return await untilFound(async () => {
    const answer = (await (await fetch(`${app.url}/readyz`)).json()) as {
      readonly reasons?: readonly string[]
    }
    return answer.reasons?.find((reason) => pattern.test(reason))
  }, String(pattern))
}

async function send(topic: string, values: readonly Uint8Array[], compression = 'lz4') {
  const producer = await ForeignProducer.open(brokers, topic, compression)
  try {
    await producer.send(values.map((value) => ({ key: 'party', value })))
  } finally {
    await producer.close()
  }
}

/** As the collector fills it in. */
function divolteEvent(sessionId: string, eventType: string, total_price: string | null): object {
  const flags = { detectedDuplicate: false, detectedCorruption: false, firstInSession: true }
  const page = { remoteHost: '127.0.0.1', location: 'https://shop/é', pageViewId: 'p' }
  return {
    ...flags,
    ...page,
    timestamp: start,
    clientTimestamp: 0,
    sessionId,
    eventType,
    total_price,
  }
}

describe('the formats of a shop', () => {
  it('reads what a Divolte collector writes, in each compression of Java producers', async () => {
    const id = `divolte-${randomUUID()}`
    await createTopic(brokers, `${id}.events`, 1)
    const events = avro<object>(divolteSchema)
    await Promise.all(
      compressions.map(async (compression, index) => {
        const written = [
          divolteEvent(`visitor-${index}`, 'pageView', null),
          divolteEvent(`buyer-${index}`, 'checkout_click', `${index}.5`),
        ].map((event) => events.serialize(event) ?? new Uint8Array(0))
        await send(`${id}.events`, written, compression)
      })
    )
    const app = await open(id, { EVENTS_FORMAT: 'avro', EVENTS_SCHEMA_FILE: schemaFile })
    await app.start()
    const visitors = await firstRow(app.url ?? '', 'visitors_5m')
    expect(visitors).toMatchObject({ value: 8, windowStart: start })
    const revenue = await firstRow(app.url ?? '', 'revenue_24h')
    expect(revenue).toMatchObject({ amount: '8.00', denominator: 4 })
  })

  it('says within seconds that the events are in another format', async () => {
    const id = `wrong-${randomUUID()}`
    await createTopic(brokers, `${id}.events`, 1)
    const naked = avro<object>(divolteSchema).serialize(divolteEvent('a', 'pageView', null))
    await send(
      `${id}.events`,
      Array.from({ length: 30 }, () => naked ?? new Uint8Array(0))
    )
    const url = await sharedRegistry()
    const app = await open(id, { EVENTS_FORMAT: 'confluent-avro', SCHEMA_REGISTRY_URL: url })
    await app.start()
    expect(await reasonOf(app, /None of 30/)).toContain('EVENTS_FORMAT=confluent-avro')
  })

  it('waits for a registry that is away, and then goes on without a gap', async () => {
    const id = `framed-${randomUUID()}`
    const registry = await sharedRegistry()
    const front = await RegistryFront.open(registry, { auth: 'me:secret' })
    onTestFinished(() => front.close())
    front.mode = 'down'
    await createTopic(brokers, `${id}.events`, 1)
    const app = await open(id, {
      EVENTS_FORMAT: 'confluent-avro',
      METRICS_FORMAT: 'confluent-avro',
      SCHEMA_REGISTRY_URL: front.url,
      SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO: 'me:secret',
      ORDER_DEDUP: '10s',
    })
    const starting = app.start()
    expect(await reasonOf(app, /does not answer/)).not.toContain('secret')
    front.mode = 'open'
    await starting
    front.mode = 'down'
    const writer = confluentAvro<object>(new SchemaRegistry({ url: registry }), {
      schema: { ...divolteSchema, doc: id },
      subject: `${id}.events-value`,
    })
    await writer.register()
    const click = divolteEvent('b', 'checkout_click', '12.5')
    const written = [divolteEvent('a', 'pageView', null), click, click].map(
      (event) => writer.serialize(event) ?? new Uint8Array(0)
    )
    await send(`${id}.events`, written)
    expect(await reasonOf(app, /waits: schema/)).toContain(`${id}.events-0@0`)
    front.mode = 'open'
    const revenue = await firstRow(app.url ?? '', 'revenue_24h')
    expect(revenue).toMatchObject({ amount: '12.50', numerator: 1250, denominator: 1 })
    const status = await fetch(`${registry}/config/${id}.metrics-value`)
    expect(await status.json()).toEqual({ compatibilityLevel: 'FULL_TRANSITIVE' })
    const row = await firstRow(app.url ?? '', 'orders_5m')
    expect(await decoded(id, registry)).toContainEqual(row)
  })

  it('reads by the schemas of a registry in two threads', async () => {
    const id = `threads-${randomUUID()}`
    const registry = await sharedRegistry()
    await createTopic(brokers, `${id}.events`, 2)
    const writer = confluentAvro<object>(new SchemaRegistry({ url: registry }), {
      schema: { ...divolteSchema, doc: id },
      subject: `${id}.events-value`,
    })
    await writer.register()
    const order = (name: string) => divolteEvent(name, 'checkout_click', '1.25')
    const written = ['a', 'b', 'c', 'd'].map((name, index) => {
      const value = writer.serialize(order(name)) ?? new Uint8Array(0)
      return { partition: index % 2, key: name, value }
    })
    const producer = await ForeignProducer.open(brokers, `${id}.events`)
    await producer.send(written)
    await producer.close()
    const app = await open(id, {
      EVENTS_FORMAT: 'confluent-avro',
      METRICS_FORMAT: 'confluent-avro',
      SCHEMA_REGISTRY_URL: registry,
      THREADS: '2',
    })
    await app.start()
    const revenue = await firstRow(app.url ?? '', 'revenue_24h')
    expect(revenue).toMatchObject({ amount: '5.00', denominator: 4 })
    expect(await firstRow(app.url ?? '', 'visitors_5m')).toMatchObject({ value: 4 })
    const status = (await (await fetch(`${app.url}/api/status`)).json()) as {
      readonly tasks: readonly { readonly thread: number | null }[]
    }
    expect(new Set(status.tasks.map(({ thread }) => thread)).size).toBe(2)
  })
})

/** The rows of the topic, as another client of the registry reads them. */
async function decoded(id: string, registry: string): Promise<readonly unknown[]> {
  const { log } = await openTestLog(`${id}-reader`, { brokers: brokers.split(',') })
  const values: Buffer[] = []
  const reader = log.read({ topic: `${id}.metrics`, partition: 0 }, 'earliest', {
    onData: () => {
      while (reader.advance()) if (reader.value !== null) values.push(Buffer.from(reader.value))
    },
  })
  await untilFound(async () => (values.length >= 2 ? true : undefined), 'rows')
  reader.close()
  const client = new Client({ host: registry })
  return await Promise.all(values.map(async (value) => ({ ...(await client.decode(value)) })))
}
