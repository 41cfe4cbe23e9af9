/**
 * Claim: with TLS and SCRAM given by environment and files the application works as ever, over a
 * broker that makes it log in anew all the time; with a wrong password, authority or certificate it
 * ends within seconds and says why; and what is secret is never printed.
 */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { allRows } from '../support/api-client.ts'
import { AppProcess, freePort } from '../support/app-process.ts'
import { type Certificate, makeCertificate } from '../support/certificates.ts'
import { createTopic, ForeignProducer } from '../support/foreign-client.ts'
import type { RunningBroker } from '../support/kafka-broker.ts'
import { alice, startSecureBroker } from '../support/secure-broker.ts'

const hour = 3_600_000
let directory: string
let certificate: Certificate
let broker: RunningBroker

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'millrace-secure-'))
  certificate = await makeCertificate(directory, 'broker')
  broker = await startSecureBroker(certificate)
  await createTopic(broker.brokers.join(), 'shop.events', 2)
})

afterAll(async () => {
  await broker?.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** With the password in a file, as orchestrators hand it over. */
async function launch(name: string, more: Readonly<Record<string, string>>): Promise<AppProcess> {
  const file = join(directory, `${name}.password`)
  writeFileSync(file, `${more['PASSWORD'] ?? alice.password}\n`)
  const app = new AppProcess({
    KAFKA_BROKERS: broker.secureBrokers.join(),
    KAFKA_TLS_CA_FILE: certificate.file,
    KAFKA_SASL_MECHANISM: 'scram-sha-512',
    KAFKA_SASL_USERNAME: alice.username,
    KAFKA_SASL_PASSWORD_FILE: file,
    STATE_DIR: join(directory, name),
    HTTP_PORT: String(await freePort()),
    IDLE_AFTER: '2s',
    LOG_LEVEL: 'debug',
    ...more,
  })
  onTestFinished(() => app.kill())
  app.start()
  return app
}

it('runs, logs in anew in the midst of transactions, and stops', async () => {
  const app = await launch('good', {})
  await app.ready()
  const producer = await ForeignProducer.open(broker.brokers.join(), 'shop.events')
  onTestFinished(() => producer.close())
  const timestamp = Math.floor(Date.now() / hour) * hour - 24 * hour
  const startedAt = Date.now()
  const order = { eventType: 'checkout_click', total_price: '0.50', timestamp }
  // Longer than a connection lives that was never logged in again: 10.5 s.
  let orders = 0
  for (; Date.now() - startedAt < 12_000; orders++) {
    const event = { ...order, sessionId: `s${orders}` }
    await producer.send([
      { partition: orders % 2, key: event.sessionId, value: JSON.stringify(event) },
    ])
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const rows = async () => {
    const all = await allRows(app.url, 'revenue_24h', 0)
    return all.filter(({ windowEnd }) => windowEnd === timestamp + hour / 2)
  }
  await expect
    .poll(rows, { timeout: 60_000 })
    .toMatchObject([{ denominator: orders, amount: (orders / 2).toFixed(2) }])
  const printed = app.output
  expect(printed).not.toContain(alice.password)
  expect(printed).not.toMatch(/Fetching from a broker failed|MILLRACE_KAFKA_DISCONNECTED/)
  expect(await app.stop()).toMatchObject({ status: 0 })
})

/** What it printed until it ended by itself, which it did within seconds. */
async function refusal(name: string, more: Readonly<Record<string, string>>): Promise<string> {
  const app = await launch(name, more)
  expect(await app.ended(30_000)).toBe(1)
  expect(app.output).toContain('(set)')
  expect(app.output).not.toContain(more['PASSWORD'] ?? alice.password)
  return app.output
}

it('says that the password is wrong', async () => {
  const printed = await refusal('password', { PASSWORD: 'not-the-wonder-4711' })
  expect(printed).toContain('MILLRACE_KAFKA_LOGIN_REFUSED')
  expect(printed).toContain('check user, password and mechanism')
})

it('says that nobody it trusts vouches for the broker', async () => {
  const other = await makeCertificate(directory, 'other')
  const printed = await refusal('authority', { KAFKA_TLS_CA_FILE: other.file })
  expect(printed).toContain('MILLRACE_KAFKA_CERTIFICATE_REFUSED')
})

it('says that a certificate has expired', async () => {
  const old = await makeCertificate(directory, 'old', { startdate: '-10d', days: 5 })
  const server = tls.createServer({ pfx: readFileSync(old.store), passphrase: old.password })
  server.on('tlsClientError', () => undefined)
  server.listen(0)
  onTestFinished(() => {
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const environment = { KAFKA_BROKERS: `localhost:${port}`, KAFKA_TLS_CA_FILE: old.file }
  expect(await refusal('expired', environment)).toContain('CERT_HAS_EXPIRED')
})
