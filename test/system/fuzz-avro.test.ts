/**
 * Claim: the same with events in Avro, bare and by the schemas of a registry: hostile lengths, cut
 * and damaged bytes, frames of nobody. Each record is counted; the certain ones as what they are.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { avro } from '../../src/avro/avro.ts'
import { confluentAvro } from '../../src/registry/confluent-avro.ts'
import { SchemaRegistry } from '../../src/registry/schema-registry.ts'
import type { AppendRecord } from '../../src/runtime/ports.ts'
import { gauges } from '../support/api-client.ts'
import { AppProcess, freePort } from '../support/app-process.ts'
import { makeTopic } from '../support/kafka-admin.ts'
import { connectTo } from '../support/kafka-tools.ts'
import { isFull, isLong } from '../support/lengths.ts'
import { Random, seedOfRun } from '../support/random.ts'
import { sharedBroker, sharedRegistry } from '../support/shared-broker.ts'
import { openTestLog } from '../support/test-log.ts'

const count = isFull ? 20_000 : isLong ? 4_000 : 1_000
const schemaFile = fileURLToPath(new URL('../support/schemas/divolte.avsc', import.meta.url))
const schema = JSON.parse(readFileSync(schemaFile, 'utf8')) as object
const hour = 3_600_000
/** Ids that the registry does not know: each is asked for once. */
const strangers = 20
const stateDir = mkdtempSync(join(tmpdir(), 'millrace-fuzz-'))
let brokers: readonly string[]
let registry: string
let app: AppProcess | undefined

beforeAll(async () => {
  brokers = await sharedBroker()
  registry = await sharedRegistry()
})

afterEach(async () => {
  await app?.kill()
  rmSync(stateDir, { recursive: true, force: true })
})

type Write = (event: object) => Uint8Array
/** Undefined: it may be read as anything, or not at all. */
type Fate = 'accepted' | 'decode' | undefined

describe('events in Avro', () => {
  it(`are ${count} bare ones, good and bad, and all counted`, async () => {
    const written = avro<object>(schema)
    const settings = { EVENTS_FORMAT: 'avro', EVENTS_SCHEMA_FILE: schemaFile }
    await run(settings, (event) => written.serialize(event) ?? new Uint8Array(0), false)
  }, 600_000)

  it(`are ${count} by a schema of a registry, good and bad, and all counted`, async () => {
    const written = confluentAvro<object>(new SchemaRegistry({ url: registry }), {
      schema: { ...schema, doc: randomUUID() },
      subject: randomUUID(),
    })
    await written.register()
    const settings = { EVENTS_FORMAT: 'confluent-avro', SCHEMA_REGISTRY_URL: registry }
    await run(settings, (event) => written.serialize(event) ?? new Uint8Array(0), true)
  }, 600_000)
})

async function run(
  settings: Readonly<Record<string, string>>,
  write: Write,
  isFramed: boolean
): Promise<void> {
  const seed = seedOfRun()
  console.log(`seed ${seed}: SEED=${seed} npm test -- test/system/fuzz-avro.test.ts`)
  const id = `fuzz-${randomUUID()}`
  const cluster = connectTo(brokers)
  await makeTopic(cluster, `${id}.events`, 1)
  cluster.close()
  app = new AppProcess({
    KAFKA_BROKERS: brokers.join(),
    APPLICATION_ID: id,
    EVENTS_TOPIC: `${id}.events`,
    METRICS_TOPIC: `${id}.metrics`,
    STATE_DIR: stateDir,
    HTTP_PORT: String(await freePort()),
    IDLE_AFTER: 'off',
    LOG_LEVEL: 'error',
    ...settings,
  })
  app.start()
  const { log } = await openTestLog(id, { brokers })
  const random = new Random(seed)
  const fates = new Map<Fate, number>([['accepted', 1]])
  // One good event first: nothing of what follows is the beginning.
  const all: AppendRecord[] = [recordOf(write(event(random)))]
  for (let i = 1; i < count; i++) {
    const { value, fate } = fuzzValue(random, write, isFramed)
    fates.set(fate, (fates.get(fate) ?? 0) + 1)
    all.push(recordOf(value))
  }
  for (let at = 0; at < count; at += 500) {
    await log.append(`${id}.events`, all.slice(at, at + 500))
  }
  await app.ready()
  const { url } = app
  const [accepted = 0, decode = 0, unsure = 0] = [
    fates.get('accepted'),
    fates.get('decode'),
    fates.get(undefined),
  ]
  await vi.waitFor(
    async () => {
      const found = counted(await gauges(url))
      expect(found.all).toBe(count)
      for (const [name, least] of [
        ['accepted', accepted],
        ['decode', decode],
      ] as const) {
        expect(found[name]).toBeGreaterThanOrEqual(least)
        expect(found[name]).toBeLessThanOrEqual(least + unsure)
      }
    },
    { timeout: 120_000, interval: 200 }
  )
  expect((await gauges(url)).get('process_resident_memory_bytes')).toBeLessThan(600 * 2 ** 20)
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  expect(app.output).toBe('')
  expect((await app.stop()).status).toBe(0)
}

function recordOf(value: Uint8Array | null): AppendRecord {
  return { partition: 0, timestamp: Date.now(), key: null, value }
}

function event(random: Random): object {
  const isOrder = random.chance(0.2)
  return {
    detectedDuplicate: false,
    detectedCorruption: false,
    firstInSession: random.chance(0.5),
    timestamp: Date.now() - 2 * hour - random.below(hour),
    clientTimestamp: random.below(2 ** 31),
    remoteHost: '127.0.0.1',
    location: random.chance(0.5) ? null : 'https://shop/\u00e9',
    pageViewId: 'p',
    sessionId: `s${random.below(100)}`,
    eventType: isOrder ? 'checkout_click' : 'pageView',
    total_price: isOrder ? '12.50' : null,
  }
}

function fuzzValue(
  random: Random,
  write: Write,
  isFramed: boolean
): { readonly value: Uint8Array | null; readonly fate: Fate } {
  const good = Buffer.from(write(event(random)))
  const head = isFramed ? 5 : 0
  switch (random.below(10)) {
    case 0:
      return { value: random.chance(0.5) ? null : new Uint8Array(0), fate: 'decode' }
    case 1:
      return { value: good.subarray(0, random.below(good.length)), fate: 'decode' }
    case 2:
      return { value: Buffer.concat([good, Buffer.alloc(1 + random.below(50))]), fate: 'decode' }
    case 3: {
      // Flags, two longs of ten bytes, and a text that is longer than all memory.
      const long = Buffer.from('feffffffffffffffff01', 'hex')
      const parts = [good.subarray(0, head), Buffer.alloc(3), Buffer.alloc(2), long, long]
      return { value: Buffer.concat(parts), fate: 'decode' }
    }
    case 4: {
      if (!isFramed) return { value: good, fate: 'accepted' }
      const changed = Buffer.from(good)
      if (random.chance(0.5)) changed.writeUInt8(1 + random.below(255), 0)
      else changed.writeUInt32BE(strange(random), 1)
      return { value: changed, fate: 'decode' }
    }
    case 5: {
      const changed = Buffer.from(good)
      for (let i = 0; i <= random.below(4); i++) {
        changed[head + random.below(changed.length - head)] = random.below(256)
      }
      return { value: changed, fate: undefined }
    }
    case 6: {
      const noise = Buffer.from(Array.from({ length: random.below(300) }, () => random.below(256)))
      return { value: Buffer.concat([good.subarray(0, head), noise]), fate: undefined }
    }
    default:
      return { value: good, fate: 'accepted' }
  }
}

function strange(random: Random): number {
  if (random.chance(0.3)) return random.pick([0, 2 ** 31, 2 ** 32 - 1])
  return 2 ** 31 - 1 - random.below(strangers)
}

function counted(series: ReadonlyMap<string, number>) {
  let [accepted, refused] = [0, 0]
  for (const [name, value] of series) {
    if (name.startsWith('shop_events_total{')) accepted += value
    if (name.startsWith('shop_events_rejected_total{') && !/bad_price/.test(name)) refused += value
  }
  const decode = series.get('shop_events_rejected_total{reason="decode"}') ?? 0
  return { all: accepted + refused, accepted, decode }
}
