/** All compressions, there and back, between Kafka's own Java client and this one. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { type Codec, codecOf } from '../../src/kafka/compression.ts'
import { KafkaLog } from '../../src/kafka/kafka-log.ts'
import { at, attribute, batchEnd } from '../../src/kafka/record-batch.ts'
import { silentLogger } from '../../src/log.ts'
import { ForeignProducer, readCommitted } from '../support/foreign-client.ts'
import { connectTo, createTopic, fetchOnce, readAll } from '../support/kafka-tools.ts'
import { sharedBroker } from '../support/shared-broker.ts'

const codecs = ['gzip', 'snappy', 'lz4', 'zstd'] as const
const values = Array.from(
  { length: 3_000 },
  (_, i) => `${i} of many, much alike: ${'ab'.repeat(40)}`
)

/** Older records would be deleted at once. */
const now = Date.now()

let brokers: readonly string[]
let cluster: Cluster

beforeAll(async () => {
  brokers = await sharedBroker()
  cluster = connectTo(brokers)
})

afterAll(() => cluster?.close())

/** Of all batches that are on the broker. */
async function codecsIn(topic: string): Promise<ReadonlySet<Codec>> {
  const { records } = await fetchOnce(cluster, topic, 0, 0, 'committed')
  const found = new Set<Codec>()
  let start = 0
  for (let end = batchEnd(records, 0); end !== undefined; end = batchEnd(records, start)) {
    found.add(codecOf(records.readInt16BE(start + at.attributes) & attribute.codec))
    start = end
  }
  return found
}

async function openLog(compression: Codec): Promise<KafkaLog> {
  const log = await KafkaLog.connect({
    brokers,
    clientId: 'codecs',
    applicationId: `codecs-${randomUUID()}`,
    instance: 'only',
    logger: silentLogger,
    compression,
  })
  onTestFinished(() => log.close())
  return log
}

describe.each(codecs)('%s', (codec) => {
  it('is read as Java writes it', async () => {
    const topic = await createTopic(cluster)
    const producer = await ForeignProducer.open(brokers.join(), topic, codec)
    onTestFinished(() => producer.close())
    await producer.send(values.map((value, i) => ({ partition: 0, key: `k${i}`, value })))
    expect(await codecsIn(topic)).toEqual(new Set([codec]))
    const seen = await readAll(cluster, topic, 0)
    expect(seen.map(({ value }) => value)).toEqual(values)
  })

  it('is written as Java reads it', async () => {
    const topic = await createTopic(cluster)
    const log = await openLog(codec)
    const records = values.map((value, i) => ({
      partition: 0,
      timestamp: now + i,
      key: Buffer.from(`k${i}`),
      value: Buffer.from(value),
    }))
    await log.append(topic, records)
    expect(await codecsIn(topic)).toEqual(new Set([codec]))
    const seen = await readCommitted(brokers.join(), topic)
    expect(seen.map(({ key, value, timestamp }) => [key, value, timestamp])).toEqual(
      values.map((value, i) => [`k${i}`, value, now + i])
    )
  })
})

describe('a compression whose package is not installed', () => {
  it.each([
    ['snappy', 'snappy'],
    ['lz4', 'lz4-napi'],
    ['zstd', '@bokuweb/zstd-wasm'],
  ] as const)('%s is an error that names %s', async (codec, name) => {
    vi.resetModules()
    vi.doMock(name, () => {
      throw new Error(`Cannot find package '${name}'`)
    })
    onTestFinished(() => {
      vi.doUnmock(name)
      vi.resetModules()
    })
    const zlib = await import('node:zlib')
    const fresh = await import('../../src/kafka/compression.ts')
    if (codec === 'zstd' && 'zstdCompressSync' in zlib.default) {
      await expect(fresh.ensureCodec(codec)).resolves.toBeUndefined()
      return
    }
    await expect(fresh.ensureCodec(codec)).rejects.toMatchObject({
      code: 'MILLRACE_KAFKA_CODEC_MISSING',
      message: expect.stringContaining(`npm install ${name}`),
    })
  })
})
