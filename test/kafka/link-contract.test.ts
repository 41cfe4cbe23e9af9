/**
 * Logging in is left to kafkajs. What the link files lean on inside kafkajs, name by name: each is
 * taken away in turn, and the error says which. A new name in `link*.ts` shows here by itself.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Kafka, KafkaConfig, PartitionAssigner } from 'kafkajs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { FrameBuffers } from '../../src/kafka/frame-buffers.ts'
import { Transport } from '../../src/kafka/link.ts'
import type { KafkaOptions } from '../../src/kafka/link-options.ts'
import { apis } from '../../src/kafka/protocol.ts'
import { silentLogger } from '../../src/log.ts'
import { type Certificate, makeCertificate } from '../support/certificates.ts'
import type { RunningBroker } from '../support/kafka-broker.ts'
import { KafkajsVeil } from '../support/kafkajs-veil.ts'
import { alice, startSecureBroker } from '../support/secure-broker.ts'

const { veil } = vi.hoisted(() => ({ veil: { current: undefined as KafkajsVeil | undefined } }))

vi.mock(import('kafkajs'), async (original) => {
  const kafkajs = await original()
  class Veiled extends kafkajs.Kafka {
    override consumer(config: Parameters<Kafka['consumer']>[0]) {
      const partitionAssigners = config?.partitionAssigners?.map(
        (assigner): PartitionAssigner =>
          (parts) =>
            assigner({
              ...parts,
              cluster: veil.current?.over(parts.cluster, 'Cluster') ?? parts.cluster,
            })
      )
      return super.consumer({ ...config, ...(partitionAssigners ? { partitionAssigners } : {}) })
    }
  }
  return { ...kafkajs, Kafka: Veiled as new (config: KafkaConfig) => Kafka }
})

let directory = ''
let certificate: Certificate
let broker: RunningBroker

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-contract-'))
  certificate = await makeCertificate(directory, 'broker')
  broker = await startSecureBroker(certificate)
})

afterAll(async () => {
  await broker?.stop()
  await rm(directory, { recursive: true, force: true })
})

/** All that a link does: open, log in, send, close. */
async function talk(): Promise<void> {
  const brokers = broker.secureBrokers
  const sasl = { mechanism: 'plain', ...alice } as const
  const secure = { sasl, tls: { ca: certificate.pem } }
  await talkTo({ brokers, clientId: 'contract', logger: silentLogger, ...secure })
}

async function talkTo(options: KafkaOptions): Promise<void> {
  const connection = await new Transport(options, new FrameBuffers()).open(options.brokers[0] ?? '')
  // Topics: none, as a Metadata request of version 8 says it.
  await connection.send(apis.metadata, [Buffer.from([0, 0, 0, 0, 0, 0, 0])])
  connection.close()
}

const leanedOn = [
  'Broker.connect',
  'Broker.versions',
  'BrokerPool.createBroker',
  'Cluster.brokerPool',
  'Cluster.connectionPoolBuilder',
  'Cluster.rootLogger',
  'Connection.authenticate',
  'Connection.clientId',
  'Connection.connectionStatus',
  'Connection.isAuthenticated',
  'Connection.nextCorrelationId',
  'Connection.rejectRequests',
  'Connection.requestQueue',
  'Connection.socket',
  'ConnectionPool.getConnection',
  'ConnectionPool.getConnectionByRequest',
  'ConnectionPool.pool',
  'ConnectionPoolBuilder.build',
  'Connections.0',
  'RequestQueue.destroy',
  'RequestQueue.pending',
  'RequestQueue.scheduleCheckPendingRequests',
]

test('kafkajs is exactly the version whose inside is known', () => {
  const { version } = createRequire(import.meta.url)('kafkajs/package.json')
  expect(version).toBe('2.2.4')
})

test('whoever does not log in does without kafkajs', async () => {
  veil.current = new KafkajsVeil()
  await talkTo({ brokers: broker.brokers, clientId: 'contract', logger: silentLogger })
  expect(veil.current.touched).toEqual([])
})

test('logging in sets no timer into the past', async () => {
  veil.current = undefined
  const timers = vi.spyOn(globalThis, 'setTimeout')
  try {
    await talk()
    expect(timers.mock.calls.length).toBeGreaterThan(0)
    expect(timers.mock.calls.filter(([, ms = 0]) => ms < 0)).toEqual([])
  } finally {
    timers.mockRestore()
  }
})

test('what is leaned on is this, and nothing else', async () => {
  veil.current = new KafkajsVeil()
  await talk()
  expect(veil.current.touched).toEqual(leanedOn)
})

test.each(leanedOn)('without %s the error says what is gone', async (name) => {
  veil.current = new KafkajsVeil()
  veil.current.hidden = name
  const [owner, field] = name === 'Connections.0' ? ['Connection', 'clientId'] : name.split('.')
  await expect(talk()).rejects.toMatchObject({
    code: 'MILLRACE_KAFKAJS_CHANGED',
    message: expect.stringMatching(
      new RegExp(`^The ${owner} of kafkajs has no (.*, )?${field} .*install kafkajs 2\\.2\\.4`)
    ),
  })
})
