/** TLS and SASL against a real broker, with a certificate made for the occasion. */
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import tls from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FatalError } from '../../src/errors.ts'
import { Cluster } from '../../src/kafka/cluster.ts'
import { IdempotentProducer } from '../../src/kafka/idempotent-producer.ts'
import { KafkaLog } from '../../src/kafka/kafka-log.ts'
import type { KafkaOptions, SaslOptions } from '../../src/kafka/link-options.ts'
import { Links } from '../../src/kafka/links.ts'
import { metadata } from '../../src/kafka/requests/metadata.ts'
import { createLogger, silentLogger } from '../../src/log.ts'
import { type Certificate, makeCertificate } from '../support/certificates.ts'
import { itHandsOver } from '../support/hand-over-suite.ts'
import type { RunningBroker } from '../support/kafka-broker.ts'
import { batchOf, createTopic, readAll } from '../support/kafka-tools.ts'
import { alice, mechanisms, startSecureBroker } from '../support/secure-broker.ts'

let directory = ''
let certificate: Certificate
let broker: RunningBroker

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'millrace-tls-'))
  certificate = await makeCertificate(directory, 'broker')
  broker = await startSecureBroker(certificate)
})

afterAll(async () => {
  await broker?.stop()
  await rm(directory, { recursive: true, force: true })
})

const login = { mechanism: 'scram-sha-256', ...alice } as const

function options(
  sasl: SaslOptions,
  tls: KafkaOptions['tls'] = { ca: certificate.pem }
): KafkaOptions {
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

test.each(mechanisms)('requests go through TLS and %s', async (mechanism) => {
  await expect(ask(options({ ...login, mechanism }))).resolves.toBe(1)
})

test('a wrong password is fatal, and says so', async () => {
  await expect(ask(options({ ...login, password: 'wrong' }))).rejects.toMatchObject({
    code: 'MILLRACE_KAFKA_LOGIN_REFUSED',
    message: expect.stringContaining('check user, password and mechanism'),
  })
  await expect(ask(options({ ...login, password: 'wrong' }))).rejects.toThrow(FatalError)
})

test('a certificate nobody vouches for is fatal, and the reason told', async () => {
  await expect(ask(options(login, true))).rejects.toMatchObject({
    code: 'MILLRACE_KAFKA_CERTIFICATE_REFUSED',
    message: expect.stringMatching(/self-signed certificate.* \(DEPTH_ZERO_SELF_SIGNED_CERT\)/),
  })
})

test.each([
  ['TLS where there is none', () => broker.brokers, { tls: true }, /speaks no TLS: .*KAFKA_TLS_/],
  ['no TLS where there is', () => broker.secureBrokers, {}, /speaks TLS only: set KAFKA_TLS_ENAB/],
  [
    'a login where there is none',
    () => broker.brokers,
    { sasl: login },
    /takes no logins on that port/,
  ],
  [
    'no login where one is wanted',
    () => broker.secureBrokers,
    () => ({ tls: { ca: certificate.pem } }),
    /wants a login: set KAFKA_SASL_MECHANISM/,
  ],
] as const)('%s is named, with the way out', async (_, at, how, message) => {
  const settings = typeof how === 'function' ? how() : how
  const asked = ask({ brokers: at(), clientId: 'wrong', logger: silentLogger, ...settings })
  await expect(asked).rejects.toThrow(message)
})

test('who looks for a broker is told from the first attempt on what is wrong', async () => {
  const lines: string[] = []
  const logger = createLogger({ level: 'warn', write: (line) => void lines.push(line) })
  const how = { brokers: broker.brokers, clientId: 'wrong', logger, tls: true, connectMs: 100 }
  const connecting = KafkaLog.connect({ ...how, applicationId: 'wrong', instance: 'only' })
  await expect(connecting).rejects.toMatchObject({ code: 'MILLRACE_KAFKA_UNREACHABLE' })
  expect(lines).toEqual([expect.stringMatching(/No broker answers yet.*speaks no TLS/)])
})

test('a certificate that has expired is fatal', async () => {
  const old = await makeCertificate(directory, 'old', { startdate: '-10d', days: 5 })
  const { store, password } = old
  const server = tls.createServer({ pfx: await readFile(store), passphrase: password })
  server.on('tlsClientError', () => undefined)
  server.listen(0)
  await once(server, 'listening')
  const brokers = [`localhost:${(server.address() as AddressInfo).port}`]
  await expect(ask({ ...options(login, { ca: old.pem }), brokers })).rejects.toMatchObject({
    code: 'MILLRACE_KAFKA_CERTIFICATE_REFUSED',
    message: expect.stringContaining('CERT_HAS_EXPIRED'),
  })
  server.close()
})

test('a broker that goes by another name than its certificate is fatal', async () => {
  const brokers = broker.secureBrokers.map((one) => one.replace('localhost', '127.0.0.1'))
  await expect(ask({ ...options(login), brokers })).rejects.toMatchObject({
    code: 'MILLRACE_KAFKA_CERTIFICATE_REFUSED',
    message: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID'),
  })
})

test('logging in again goes unnoticed by requests under way', async () => {
  const cluster = new Cluster(options(login))
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

describe('an application behind TLS', () => {
  for (const mechanism of mechanisms) {
    itHandsOver(`hands tasks over, logged in by ${mechanism}`, () => ({
      brokers: broker.secureBrokers,
      sasl: { ...alice, mechanism },
      tls: { ca: certificate.pem },
    }))
  }
})
