/**
 * What the link files lean on inside kafkajs, name by name: each is taken away in turn, and the
 * error says which. A new name in `link*.ts` shows here by itself.
 */
import type { Kafka, KafkaConfig, PartitionAssigner } from 'kafkajs'
import { beforeAll, expect, test, vi } from 'vitest'
import { FrameBuffers } from '../../src/kafka/frame-buffers.ts'
import { Transport } from '../../src/kafka/link.ts'
import { apis } from '../../src/kafka/protocol.ts'
import { silentLogger } from '../../src/log.ts'
import { KafkajsVeil } from '../support/kafkajs-veil.ts'
import { sharedBroker } from '../support/shared-broker.ts'

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

let broker = ''

beforeAll(async () => {
  broker = (await sharedBroker())[0] ?? ''
})

/** All that a link does: open, log in if need be, send, close. */
async function talk(): Promise<void> {
  const options = { brokers: [broker], clientId: 'contract', logger: silentLogger }
  const connection = await new Transport(options, new FrameBuffers()).open(broker)
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
]

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
