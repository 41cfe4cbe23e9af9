/**
 * Claim: whatever lies in its topic of events, the application reads on, counts each record as what
 * it is, and the numbers of the good ones are as if there were no others.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, expect, it, vi } from 'vitest'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { sendAll } from '../../src/kafka/committer.ts'
import { type Codec, ensureCodec } from '../../src/kafka/compression.ts'
import { IdempotentProducer } from '../../src/kafka/idempotent-producer.ts'
import { KafkaOutputBatch } from '../../src/kafka/output-batch.ts'
import { allRows, gauges } from '../support/api-client.ts'
import { AppProcess, freePort } from '../support/app-process.ts'
import {
  brokenName,
  type FuzzRecord,
  fuzzRecord,
  placeholder,
  plainRecord,
} from '../support/fuzz-records.ts'
import { configure, makeTopic } from '../support/kafka-admin.ts'
import { connectTo } from '../support/kafka-tools.ts'
import { isFull, isLong } from '../support/lengths.ts'
import { Random, seedOfRun } from '../support/random.ts'
import { sharedBroker } from '../support/shared-broker.ts'
import { countAgain, differences, metrics } from '../support/shop-recount.ts'
import { Book } from '../support/shop-verdict.ts'

const count = isFull ? 60_000 : isLong ? 12_000 : 3_000
const hour = 3_600_000
const partitions = 3
const chunkRecords = 250
const graceMs = 30_000
const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const anyTime = { 'message.timestamp.after.max.ms': '9223372036854775807' }
const stateDir = mkdtempSync(join(tmpdir(), 'millrace-fuzz-'))
let brokers: readonly string[]
let app: AppProcess | undefined

beforeAll(async () => {
  brokers = await sharedBroker()
})

afterEach(async () => {
  await app?.kill()
  rmSync(stateDir, { recursive: true, force: true })
})

it(`counts each of ${count} records as what it is`, async () => {
  const seed = seedOfRun()
  console.log(`seed ${seed}: SEED=${seed} npm test -- test/system/fuzz-records.test.ts`)
  const id = `fuzz-${seed}-${process.pid}`
  const cluster = connectTo(brokers)
  const topic = `${id}.events`
  await makeTopic(cluster, topic, partitions, anyTime)
  app = new AppProcess({
    KAFKA_BROKERS: brokers.join(),
    APPLICATION_ID: id,
    EVENTS_TOPIC: topic,
    METRICS_TOPIC: `${id}.metrics`,
    STATE_DIR: stateDir,
    HTTP_PORT: String(await freePort()),
    IDLE_AFTER: 'off',
    LOG_LEVEL: 'error',
  })
  app.start()
  const book = new Book(graceMs)
  const from = Math.floor(Date.now() / (24 * hour)) * 24 * hour - 48 * hour
  try {
    await send(cluster, topic, { seed, book, from, to: from + 7 * hour })
  } finally {
    cluster.close()
  }
  await app.ready()
  const { url } = app
  const expected = Object.fromEntries([...book.counts].sort())
  await vi.waitFor(async () => expect(shown(await gauges(url))).toEqual(expected), {
    timeout: 120_000,
    interval: 200,
  })
  const rows = countAgain(
    book.accepted.filter(({ at }) => at >= from),
    book.watermark - graceMs
  )
  for (const metric of metrics) {
    const wanted = rows.get(metric) ?? []
    await vi.waitFor(
      async () => {
        expect(differences(wanted, await allRows(url, metric, 0)), metric).toEqual([])
      },
      { timeout: 60_000, interval: 200 }
    )
  }
  expect((await gauges(url)).get('process_resident_memory_bytes')).toBeLessThan(600 * 2 ** 20)
  expect((await fetch(`${url}/readyz`)).status).toBe(200)
  expect(app.output).toBe('')
  expect((await app.stop()).status).toBe(0)
}, 600_000)

interface Plan {
  readonly seed: number
  readonly book: Book
  readonly from: number
  readonly to: number
}

/** One chunk after the other, so that the book knows the order in each partition. */
async function send(
  cluster: Cluster,
  topic: string,
  { seed, book, from, to }: Plan
): Promise<void> {
  const random = new Random(seed)
  const producer = new IdempotentProducer({ cluster })
  await Promise.all(codecs.map(ensureCodec))
  const each = (at: number): readonly FuzzRecord[] =>
    Array.from({ length: partitions }, (_, partition) => plainRecord(partition, at))
  const chunks = [each(from)]
  for (let start = 0; start < count; start += chunkRecords) {
    const length = Math.min(chunkRecords, count - start)
    const record = (_: unknown, index: number): FuzzRecord =>
      fuzzRecord(random, random.below(partitions), (start + index) / count, { from, to })
    chunks.push(Array.from({ length }, record))
  }
  // All windows of the span are closed by it.
  chunks.push(each(to + 25 * hour))
  for (const [index, chunk] of chunks.entries()) {
    for (const { record, verdict } of chunk) book.add(record.partition ?? 0, verdict)
    if (index === Math.floor(chunks.length / 2)) {
      await configure(cluster, topic, { 'message.timestamp.type': 'LogAppendTime' })
    }
    await sendChunk(cluster, producer, topic, chunk, random.pick(codecs))
  }
  producer.close()
}

async function sendChunk(
  cluster: Cluster,
  producer: IdempotentProducer,
  topic: string,
  chunk: readonly FuzzRecord[],
  codec: Codec
): Promise<void> {
  const batch = new KafkaOutputBatch({ codec })
  for (const { record } of chunk) {
    const { partition = 0, timestamp, key, value, headers } = record
    batch.append(topic, partition, timestamp, key, value, headers)
  }
  await sendAll(cluster, batch.take(), (to, partition, sealed) => {
    if (codec === 'none') spoilNames(sealed.bytes)
    return producer.send(to, partition, sealed)
  })
}

/** Names of headers that are no UTF-8. */
function spoilNames(batch: Buffer): void {
  for (let at = batch.indexOf(placeholder); at >= 0; at = batch.indexOf(placeholder, at)) {
    brokenName.copy(batch, at)
  }
}

/** What `/metrics` says of events, by the names of the book. */
function shown(series: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  const entries = [...series].flatMap(([name, value]) => {
    const [, rejected] = /^shop_events_rejected_total\{reason="(\w+)"\}$/.exec(name) ?? []
    const [, type] = /^shop_events_total\{event_type="(\w+)"\}$/.exec(name) ?? []
    const isLate = name === 'millrace_dropped_records_total{reason="late"}'
    const key = rejected === undefined ? (isLate ? 'late' : type) : `rejected ${rejected}`
    return key === undefined || value === 0 ? [] : [[key, value] as const]
  })
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
