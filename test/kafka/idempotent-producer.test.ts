/** Writing outside transactions, to a real broker. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FatalError } from '../../src/errors.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { type Codec, ensureCodec } from '../../src/kafka/compression.ts'
import { IdempotentProducer } from '../../src/kafka/idempotent-producer.ts'
import { batchOf, connectTo, createTopic, readAll } from '../support/kafka-tools.ts'
import { sharedBroker } from '../support/shared-broker.ts'

let cluster: Cluster
let producer: IdempotentProducer

beforeAll(async () => {
  cluster = connectTo(await sharedBroker())
  producer = new IdempotentProducer({ cluster })
})

afterAll(() => {
  producer?.close()
  cluster?.close()
})

test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
  'records are written and read again (%s)',
  async (codec: Codec) => {
    await ensureCodec(codec)
    const topic = await createTopic(cluster)
    const values = Array.from({ length: 500 }, (_, index) => `value-${index}-${'x'.repeat(50)}`)
    await expect(producer.send(topic, 0, batchOf(values, { codec }))).resolves.toBe(0)
    await expect(producer.send(topic, 0, batchOf(['last'], { codec }))).resolves.toBe(500)
    const seen = await readAll(cluster, topic, 0)
    expect(seen.map(({ value }) => value)).toEqual([...values, 'last'])
    expect(seen.map(({ offset }) => offset)).toEqual(seen.map((_, index) => index))
  }
)

test('many batches at once for many partitions keep their order', async () => {
  const topic = await createTopic(cluster, { partitions: 3 })
  const sent: Promise<number>[] = []
  for (let index = 0; index < 300; index++) {
    sent.push(producer.send(topic, index % 3, batchOf([String(index)])))
  }
  await Promise.all(sent)
  for (const partition of [0, 1, 2]) {
    const values = (await readAll(cluster, topic, partition)).map(({ value }) => Number(value))
    expect(values).toEqual(Array.from({ length: 100 }, (_, index) => index * 3 + partition))
  }
})

test('the buffer is bounded, and who waits for room keeps the order', async () => {
  const topic = await createTopic(cluster)
  const small = new IdempotentProducer({ cluster, bufferBytesMax: 1_000 })
  const values = Array.from({ length: 40 }, (_, index) => String(index).padEnd(300, '.'))
  await Promise.all(values.map((value) => small.send(topic, 0, batchOf([value]))))
  small.close()
  expect((await readAll(cluster, topic, 0)).map(({ value }) => value)).toEqual(values)
})

test('a batch too large for the topic is split, and what is behind it stays behind', async () => {
  const topic = await createTopic(cluster, { config: { 'max.message.bytes': '2000' } })
  const values = Array.from({ length: 20 }, (_, index) => String(index).padEnd(400, '.'))
  const sent = [
    producer.send(topic, 0, batchOf(['first'])),
    producer.send(topic, 0, batchOf(values)),
    producer.send(topic, 0, batchOf(['last'])),
  ]
  await expect(Promise.all(sent)).resolves.toEqual([0, 1, 21])
  const seen = (await readAll(cluster, topic, 0)).map(({ value }) => value)
  expect(seen).toEqual(['first', ...values, 'last'])
})

test('one record too large fails alone', async () => {
  const topic = await createTopic(cluster, { config: { 'max.message.bytes': '2000' } })
  const outcomes = await Promise.allSettled([
    producer.send(topic, 0, batchOf(['before'])),
    producer.send(topic, 0, batchOf(['x'.repeat(3_000)])),
    producer.send(topic, 0, batchOf(['after'])),
    producer.send(topic, 0, batchOf(['and after'])),
  ])
  expect(outcomes.map(({ status }) => status)).toEqual([
    'fulfilled',
    'rejected',
    'fulfilled',
    'fulfilled',
  ])
  expect(outcomes[1]).toMatchObject({
    reason: { code: 'MILLRACE_KAFKA_MESSAGE_TOO_LARGE', message: expect.stringContaining(topic) },
  })
  const seen = (await readAll(cluster, topic, 0)).map(({ value }) => value)
  expect(seen).toEqual(['before', 'after', 'and after'])
})

test('a timestamp that the topic refuses is fatal, and fails alone', async () => {
  const config = { 'message.timestamp.before.max.ms': '1000' }
  const topic = await createTopic(cluster, { config })
  const { BatchChain } = await import('../../src/kafka/record-batch-chain.ts')
  const chain = new BatchChain()
  chain.append(1_000, null, Buffer.from('old'))
  const [old] = chain.take()
  expect.assert(old)
  await expect(producer.send(topic, 0, old)).rejects.toThrow(FatalError)
  await expect(producer.send(topic, 0, batchOf(['new']))).resolves.toBe(0)
})

test('a topic that does not exist is given up after the delivery timeout', async () => {
  const hasty = new IdempotentProducer({ cluster, deliveryTimeoutMs: 300 })
  await expect(hasty.send('no-such-topic', 0, batchOf(['x']))).rejects.toMatchObject({
    code: 'MILLRACE_KAFKA_DELIVERY_TIMEOUT',
    canRetry: true,
  })
  hasty.close()
})

test('connections cut in the middle lose nothing and double nothing', async () => {
  const topic = await createTopic(cluster, { partitions: 2 })
  const address = cluster.leader({ topic, partition: 0 })?.address ?? ''
  let cuts = 0
  const sent: Promise<number>[] = []
  for (let round = 0; round < 60; round++) {
    for (let index = 0; index < 20; index++) {
      sent.push(producer.send(topic, index % 2, batchOf([`${round * 20 + index}`])))
    }
    // Some requests are on the wire, some appended and not answered, some not sent yet.
    await new Promise((resolve) => setImmediate(resolve))
    if (round % 3 === 0) {
      cluster.links.cut(address, 'produce')
      cuts++
    }
  }
  await Promise.all(sent)
  expect(cuts).toBe(20)
  for (const partition of [0, 1]) {
    const values = (await readAll(cluster, topic, partition)).map(({ value }) => Number(value))
    expect(values).toEqual(Array.from({ length: 600 }, (_, index) => index * 2 + partition))
  }
})
