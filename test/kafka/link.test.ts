/** Connections and links, tried on a real broker. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FrameBuffers } from '../../src/kafka/frame-buffers.ts'
import { ConnectionError } from '../../src/kafka/kafka-errors.ts'
import { Transport } from '../../src/kafka/link.ts'
import { Connection } from '../../src/kafka/link-connection.ts'
import type { KafkaOptions } from '../../src/kafka/link-options.ts'
import { Links } from '../../src/kafka/links.ts'
import { findCoordinator, metadata } from '../../src/kafka/requests/metadata.ts'
import { silentLogger } from '../../src/log.ts'
import { sharedBroker } from '../support/shared-broker.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

let broker = ''
let options: KafkaOptions

beforeAll(async () => {
  const brokers = await sharedBroker()
  broker = brokers[0] ?? ''
  options = { brokers, clientId: 'link-test', logger: silentLogger }
})

let proxy: TcpProxy | undefined
let links: Links | undefined

async function linksBehindProxy(more: Partial<KafkaOptions> = {}) {
  links?.close()
  proxy?.close()
  proxy = await TcpProxy.to(broker)
  links = new Links({ ...options, ...more })
  return { proxy, links }
}

/** As long as opening a connection may take on a busy machine, too. */
const impatient = { requestTimeoutMs: 3_000 }

afterAll(() => {
  links?.close()
  proxy?.close()
})

test('a connection opens, and is gone when it is closed', async () => {
  const connection = await new Transport(options, new FrameBuffers()).open(broker)
  expect(connection).toBeInstanceOf(Connection)
  expect(connection.alive).toBe(true)
  connection.close()
  expect(connection.alive).toBe(false)
})

test('many requests at once share one socket, and each gets its own answer', async () => {
  const { proxy, links } = await linksBehindProxy()
  const keys = Array.from({ length: 50 }, (_, index) => `group-${index}`)
  const answers = await Promise.all([
    ...keys.map((key) =>
      links.send(proxy.address, 'control', findCoordinator, { kind: 'group', key }, 30_000)
    ),
    links.send(proxy.address, 'control', metadata, { topics: [] }, 30_000),
  ])
  expect(answers.at(-1)).toMatchObject({ brokers: [{}], topics: [] })
  expect(proxy.accepted).toBe(1)
})

test('roles have sockets of their own', async () => {
  const { proxy, links } = await linksBehindProxy()
  await links.send(proxy.address, 'control', metadata, { topics: [] })
  await links.send(proxy.address, 'fetch', metadata, { topics: [] })
  expect(proxy.accepted).toBe(2)
})

test('a cut connection fails what is under way, and the next request opens a new one', async () => {
  const { proxy, links } = await linksBehindProxy()
  await links.send(proxy.address, 'control', metadata, { topics: [] })
  proxy.swallow(true)
  const requests = [0, 1, 2].map(() =>
    links.send(proxy.address, 'control', metadata, { topics: [] })
  )
  const outcomes = Promise.allSettled(requests)
  links.cut(proxy.address)
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(ConnectionError) })
  }
  proxy.swallow(false)
  await expect(
    links.send(proxy.address, 'control', metadata, { topics: [] })
  ).resolves.toBeDefined()
  expect(proxy.accepted).toBe(2)
})

test('a connection cut by the other side is noticed at once', async () => {
  const { proxy, links } = await linksBehindProxy()
  await links.send(proxy.address, 'control', metadata, { topics: [] })
  proxy.swallow(true)
  const request = links.send(proxy.address, 'control', metadata, { topics: [] }, 30_000)
  setImmediate(() => proxy.cut())
  await expect(request).rejects.toThrow(ConnectionError)
})

test('a request without an answer closes its socket, so that no late answer can come', async () => {
  const { proxy, links } = await linksBehindProxy(impatient)
  await links.send(proxy.address, 'control', metadata, { topics: [] })
  proxy.swallow(true)
  await expect(
    links.send(proxy.address, 'control', metadata, { topics: [] })
  ).rejects.toMatchObject({ code: 'MILLRACE_KAFKA_UNANSWERED' })
  await expect.poll(() => proxy.open, { timeout: 10_000 }).toBe(0)
})

test('a closed set of links opens nothing more', async () => {
  const { proxy, links } = await linksBehindProxy()
  links.close()
  await expect(
    links.send(proxy.address, 'control', metadata, { topics: [] })
  ).rejects.toMatchObject({ code: 'MILLRACE_KAFKA_CLOSED' })
})

test('a broker that is not there is an error that names it', async () => {
  const { proxy, links } = await linksBehindProxy()
  const { address } = proxy
  proxy.close()
  await expect(links.send(address, 'control', metadata, { topics: [] })).rejects.toMatchObject({
    code: 'MILLRACE_KAFKA_UNREACHABLE',
    message: expect.stringContaining(address),
  })
})

test('where one connection went silent, the idle ones to that broker are not trusted', async () => {
  const { proxy, links } = await linksBehindProxy(impatient)
  const ask = (role: 'control' | 'fetch') =>
    links.send(proxy.address, role, metadata, { topics: [] })
  await ask('control')
  await ask('fetch')
  proxy.strand()
  await expect(ask('fetch')).rejects.toMatchObject({ code: 'MILLRACE_KAFKA_UNANSWERED' })
  await expect(ask('control')).resolves.toMatchObject({ brokers: [{}] })
  expect(proxy.accepted).toBe(3)
})
