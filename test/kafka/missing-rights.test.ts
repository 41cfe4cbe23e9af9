/**
 * A broker that checks rights, and a user who has none: each refusal names what is missing, and
 * granting just that, again and again, is all it takes to work.
 */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { FatalError } from '../../src/errors.ts'
import { taskId } from '../../src/ids.ts'
import type { Cluster } from '../../src/kafka/cluster.ts'
import { IdempotentProducer } from '../../src/kafka/idempotent-producer.ts'
import { KafkaLog } from '../../src/kafka/kafka-log.ts'
import { missingRight } from '../../src/kafka/missing-right.ts'
import type { Rpc } from '../../src/kafka/protocol.ts'
import { silentLogger } from '../../src/log.ts'
import { type RunningBroker, startBroker } from '../support/kafka-broker.ts'
import { batchOf, connectTo, createTopic } from '../support/kafka-tools.ts'
import { bytes, Member, Reading, tasksOver } from '../support/log-port-tools.ts'

const modules = 'org.apache.kafka.common.security'
const user = { username: 'alice', password: 'secret-4711' } as const
const operations = new Map([
  ['Read', 3],
  ['Write', 4],
  ['Create', 5],
  ['Delete', 6],
  ['Describe', 8],
  ['DescribeConfigs', 10],
  ['IdempotentWrite', 12],
])
const kinds = new Map([
  ['topic', 2],
  ['group', 3],
  ['cluster', 4],
  ['transactional-id', 5],
])

interface Right {
  readonly operation: string
  readonly kind: string
  readonly name: string
  readonly isPrefix: boolean
}

const createAcls: Rpc<Right, number> = {
  api: { name: 'CreateAcls', key: 30, version: 1, flexible: false },
  encode(writer, { operation, kind, name, isPrefix }) {
    writer.array([0], () => {
      writer.int8(kinds.get(kind) ?? 0).string(name === '' ? 'kafka-cluster' : name)
      writer
        .int8(isPrefix ? 4 : 3)
        .string(`User:${user.username}`)
        .string('*')
      writer.int8(operations.get(operation) ?? 0).int8(3)
    })
  },
  decode(reader) {
    reader.int32()
    const [error] = reader.array(() => {
      const code = reader.int16()
      reader.nullableString()
      return code
    })
    return error ?? -1
  },
}

let broker: RunningBroker
let admin: Cluster
const logs: KafkaLog[] = []

beforeAll(async () => {
  broker = await startBroker({
    secureListener: 'SASL_PLAINTEXT',
    properties: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
      'listener.name.secure.sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.secure.plain.sasl.jaas.config':
        `${modules}.plain.PlainLoginModule required user_alice="${user.password}" ` +
        'username="broker" password="none";',
    },
  })
  admin = connectTo(broker.brokers)
})

afterEach(async () => {
  for (const log of logs.splice(0)) await log.close()
})

afterAll(async () => {
  admin?.close()
  await broker?.stop()
})

async function connect(
  applicationId: string,
  guarantee: 'exactly_once' | 'at_least_once'
): Promise<KafkaLog> {
  const log = await KafkaLog.connect({
    brokers: broker.secureBrokers,
    clientId: 'alice',
    logger: silentLogger,
    sasl: { mechanism: 'plain', ...user },
    applicationId,
    instance: 'only',
    guarantee,
  })
  logs.push(log)
  return log
}

/** The right that a refusal asks for, from the command in its message. */
function rightIn(error: unknown): Right {
  expect(error).toBeInstanceOf(FatalError)
  const { message } = error as FatalError
  const kind = '(topic|group|cluster|transactional-id)'
  const pattern = `kafka-acls.sh .*--operation (\\w+) --${kind} ?(\\S*)( --resource-pattern-type)?`
  const [, operation = '', on = '', name = '', prefixed] = message.match(pattern) ?? []
  if (operation === '') throw new Error(`It names no right: ${message}`)
  return { operation, kind: on, name, isPrefix: prefixed !== undefined }
}

async function grant(right: Right): Promise<void> {
  expect(await admin.send(await admin.controller(), createAcls, right)).toBe(0)
}

/** Runs again and again, with one right more each time; the answer tells which. */
async function withRights(run: () => Promise<void>): Promise<readonly string[]> {
  const granted: string[] = []
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      await run()
      return granted
    } catch (error) {
      const right = rightIn(error)
      const text = `${right.operation} ${right.kind} ${right.name}`
      // A right that was granted may take a moment to be known.
      if (!granted.includes(text)) {
        await grant(right)
        granted.push(text)
      }
    } finally {
      // A member that stays would keep the task.
      for (const log of logs.splice(0)) await log.close()
    }
  }
  throw new Error(`It still does not work with: ${granted.join(', ')}`)
}

test.each(['exactly_once', 'at_least_once'] as const)(
  'each refusal names the right that is missing (%s)',
  async (guarantee) => {
    const source = await createTopic(admin)
    const [application, sink] = [`app-${randomUUID()}x`, `sink-${randomUUID()}`]
    const granted = await withRights(async () => {
      const log = await connect(application, guarantee)
      await log.partitions([source])
      await log.prepare([{ name: sink, role: 'sink', partitions: 1, create: true }])
      const member = new Member()
      await member.join(log, tasksOver(source, 1))
      const ended = member.membership?.ended ?? Promise.resolve()
      await Promise.race([member.until((owned) => owned.size === 1), ended])
      const batch = log.createBatch()
      batch.append(sink, 0, Date.now(), null, bytes('written'))
      const at = { topic: source, partition: 0, task: taskId(0, 0) }
      await log.commit({ batch, offsets: [{ ...at, offset: 1, metadata: '' }], number: 1 })
      await log.committed([{ topic: source, partition: 0 }])
      const reading = new Reading(log, { topic: sink, partition: 0 }, 0)
      expect((await reading.take(1))[0]?.value).toBe('written')
      await log.purge([{ topic: sink, partition: 0, before: 0 }])
      reading.reader.close()
    })
    expect(granted).toEqual(
      expect.arrayContaining([
        `Describe topic ${source}`,
        `Create topic ${sink}`,
        `Read group ${application}`,
        `Write topic ${sink}`,
        `Read topic ${source}`,
        `Read topic ${sink}`,
        ...(guarantee === 'exactly_once' ? [`Write transactional-id ${application}-`] : []),
      ])
    )
  }
)

test('an idempotent producer says at once that it may not write', async () => {
  const topic = await createTopic(admin)
  await grant({ operation: 'Describe', kind: 'topic', name: topic, isPrefix: false })
  const log = await connect(`app-${randomUUID()}`, 'at_least_once')
  const refused = log.append(topic, [
    { partition: 0, timestamp: Date.now(), key: null, value: bytes('x') },
  ])
  expect(rightIn(await refused.catch((error: unknown) => error))).toMatchObject({
    operation: expect.stringMatching(/^(Write|IdempotentWrite)$/),
  })
  const producer = new IdempotentProducer({ cluster: admin })
  await expect(producer.send(topic, 0, batchOf(['y']))).resolves.toBe(0)
  producer.close()
})

test('a topic that may not be seen is named before the delivery timeout is over', async () => {
  const [seen, unseen] = [await createTopic(admin), await createTopic(admin)]
  await grant({ operation: 'Write', kind: 'topic', name: seen, isPrefix: false })
  const log = await connect(`app-${randomUUID()}`, 'at_least_once')
  const record = { partition: 0, timestamp: Date.now(), key: null, value: bytes('x') }
  await vi.waitFor(() => log.append(seen, [record]), 10_000)
  const refused = await log.append(unseen, [record]).catch((error: unknown) => error)
  expect(rightIn(refused)).toMatchObject({ operation: 'Describe', kind: 'topic', name: unseen })
  const reading = new Reading(log, { topic: unseen, partition: 0 }, 0)
  const stopped = await reading.take(1).catch((error: unknown) => error)
  expect(rightIn(stopped)).toMatchObject({ operation: 'Describe', kind: 'topic', name: unseen })
  reading.reader.close()
})

test('a code that refuses no right asks for none', () => {
  expect(missingRight(3, 'Produce to x-0', 'x')).toBeUndefined()
})
