/** TLS and SASL against a real broker, with a certificate made for the occasion. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FatalError } from '../../src/errors.ts'
import { Cluster } from '../../src/kafka/cluster.ts'
import { IdempotentProducer } from '../../src/kafka/idempotent-producer.ts'
import { ConnectionError } from '../../src/kafka/kafka-errors.ts'
import type { KafkaOptions, SaslOptions } from '../../src/kafka/link-options.ts'
import { Links } from '../../src/kafka/links.ts'
import { metadata } from '../../src/kafka/requests/metadata.ts'
import { silentLogger } from '../../src/log.ts'
import { type RunningBroker, startBroker } from '../support/kafka-broker.ts'
import { batchOf, createTopic, readAll } from '../support/kafka-tools.ts'

const run = promisify(execFile)
const password = 'only-for-tests'
const modules = 'org.apache.kafka.common.security'

let directory = ''
let certificate = ''
let broker: RunningBroker

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-tls-'))
  const store = join(directory, 'broker.p12')
  const common = ['-keystore', store, '-storepass', password, '-alias', 'broker']
  const key = ['-keyalg', 'EC', '-dname', 'CN=localhost', '-ext', 'SAN=dns:localhost']
  await run('keytool', ['-genkeypair', ...common, '-storetype', 'PKCS12', ...key])
  const file = join(directory, 'broker.pem')
  await run('keytool', ['-exportcert', '-rfc', ...common, '-file', file])
  certificate = await readFile(file, 'utf8')
  const scram = `${modules}.scram.ScramLoginModule required;`
  const plain = `${modules}.plain.PlainLoginModule`
  const users = `user_alice="wonder" username="broker" password="${password}"`
  broker = await startBroker({
    secureListener: 'SASL_SSL',
    scramUsers: ['256', '512'].map((bits) => `SCRAM-SHA-${bits}=[name=alice,password=wonder]`),
    properties: {
      'ssl.keystore.type': 'PKCS12',
      'ssl.keystore.location': store,
      'ssl.keystore.password': password,
      'listener.name.secure.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      'listener.name.secure.plain.sasl.jaas.config': `${plain} required ${users};`,
      'listener.name.secure.scram-sha-256.sasl.jaas.config': scram,
      'listener.name.secure.scram-sha-512.sasl.jaas.config': scram,
      // Log in anew before ten seconds remain: here, after half a second.
      'connections.max.reauth.ms': '10500',
    },
  })
})

afterAll(async () => {
  await broker?.stop()
  await rm(directory, { recursive: true, force: true })
})

const alice = { mechanism: 'scram-sha-256', username: 'alice', password: 'wonder' } as const

function options(sasl: SaslOptions, tls: KafkaOptions['tls'] = { ca: certificate }): KafkaOptions {
  const brokers = broker.secureBrokers
  return { brokers, clientId: 'secure', logger: silentLogger, sasl, tls: tls ?? true }
}

async function ask(how: KafkaOptions): Promise<number> {
  const links = new Links(how)
  try {
    const answer = await links.send(how.brokers[0] ?? '', 'control', metadata, { topics: [] })
    return answer.brokers.length
  } finally {
    links.close()
  }
}

test.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
  'requests go through TLS and %s',
  async (mechanism) => {
    await expect(ask(options({ ...alice, mechanism }))).resolves.toBe(1)
  }
)

test('a wrong password is fatal, and says so', async () => {
  await expect(ask(options({ ...alice, password: 'wrong' }))).rejects.toMatchObject({
    code: 'MILLRACE_KAFKA_LOGIN_REFUSED',
    message: expect.stringContaining('check user, password and mechanism'),
  })
  await expect(ask(options({ ...alice, password: 'wrong' }))).rejects.toThrow(FatalError)
})

test('a certificate nobody vouches for is not trusted', async () => {
  await expect(ask(options(alice, true))).rejects.toThrow(ConnectionError)
  await expect(ask(options(alice, true))).rejects.toThrow(/certificate/)
})

test('logging in again goes unnoticed by requests under way', async () => {
  const cluster = new Cluster(options(alice))
  const producer = new IdempotentProducer({ cluster })
  try {
    const topic = await createTopic(cluster)
    const sent: Promise<number>[] = []
    for (let round = 0; round < 40; round++) {
      for (let index = 0; index < 5; index++) {
        sent.push(producer.send(topic, 0, batchOf([String(round * 5 + index)])))
      }
      await sleep(40)
    }
    await expect(Promise.all(sent)).resolves.toEqual(sent.map((_, index) => index))
    expect(await readAll(cluster, topic, 0)).toHaveLength(200)
  } finally {
    producer.close()
    cluster.close()
  }
})
