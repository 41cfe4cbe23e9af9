import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { isLoopback, readConfig, redacted } from '../src/config.ts'
import type { Variables } from '../src/environment.ts'
import { ConfigError } from '../src/errors.ts'

const directory = mkdtempSync(join(tmpdir(), 'millrace-config-'))

afterAll(() => rmSync(directory, { recursive: true }))

function faultsOf(variables: Variables): readonly string[] {
  try {
    readConfig(variables)
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
  return []
}

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

describe('the configuration', () => {
  it('runs on the embedded log with demo traffic when nothing is set', () => {
    expect(readConfig({})).toEqual({
      kafka: null,
      applicationId: 'shop-metrics',
      stateDir: '.data',
      guarantee: 'exactly_once',
      commitInterval: '100ms',
      threads: 1,
      eventsTopic: 'shop.events',
      eventsFormat: 'json',
      eventsSchema: null,
      schemaRegistry: null,
      fields: {
        timestamp: 'timestamp',
        sessionId: 'sessionId',
        eventType: 'eventType',
        price: 'total_price',
        orderId: 'orderId',
        eventId: 'eventId',
        pageViewId: 'pageViewId',
      },
      metricsTopic: 'shop.metrics',
      metricsFormat: 'json',
      orderTypes: ['checkout_click'],
      grace: '30s',
      idle: '1m',
      conversionRefresh: '5m',
      currency: 'EUR',
      maxFuture: '2m',
      orderDedup: 'off',
      demo: true,
      httpHost: '127.0.0.1',
      httpPort: 8013,
      apiToken: null,
      logLevel: 'info',
    })
  })

  it('takes an empty variable for an absent one', () => {
    const empty = { KAFKA_BROKERS: '', CURRENCY: ' ', HTTP_PORT: '', API_TOKEN: '', IDLE_AFTER: '' }
    expect(readConfig(empty)).toEqual(readConfig({}))
  })

  it('switches demo traffic off beside a broker, unless told otherwise', () => {
    expect(readConfig({ KAFKA_BROKERS: 'a:9092' }).demo).toBe(false)
    expect(readConfig({ KAFKA_BROKERS: 'a:9092', DEMO_TRAFFIC: 'on' }).demo).toBe(true)
    expect(readConfig({ DEMO_TRAFFIC: 'off' }).demo).toBe(false)
  })

  it('reads brokers from either name', () => {
    const brokers = ['a:9092', '[::1]:9093']
    expect(readConfig({ KAFKA_BROKERS: 'a:9092, [::1]:9093' }).kafka?.brokers).toEqual(brokers)
    expect(readConfig({ BOOTSTRAP_SERVERS: 'a:9092,[::1]:9093' }).kafka?.brokers).toEqual(brokers)
  })

  it('takes several threads beside a broker, and refuses what are none', () => {
    expect(readConfig({ KAFKA_BROKERS: 'a:9092', THREADS: '4' }).threads).toBe(4)
    for (const text of ['0', '-1', '1.5', 'all', '65']) {
      expect(faultsOf({ KAFKA_BROKERS: 'a:9092', THREADS: text })).toEqual([
        `THREADS: expected a whole number from 1 to 64, got '${text}'`,
      ])
    }
    expect(faultsOf({ THREADS: '1' })).toEqual([])
    expect(faultsOf({ THREADS: '2' })).toEqual([
      'THREADS: more than 1 needs KAFKA_BROKERS: the embedded log belongs to one thread',
    ])
  })

  it('reports every fault at once, one line each', () => {
    const faults = faultsOf({
      KAFKA_BROKERS: 'nowhere',
      APPLICATION_ID: 'a b',
      PROCESSING_GUARANTEE: 'maybe',
      COMMIT_INTERVAL: '5 minutes',
      WINDOW_GRACE: '-5s',
      CONVERSION_REFRESH: '7m',
      CURRENCY: 'XYZ',
      MAX_FUTURE: 'never',
      HTTP_PORT: '80000',
      LOG_LEVEL: 'loud',
      EVENTS_FORMAT: 'xml',
      EVENTS_TOPIC: 'shop.metrics',
      KAFKA_SASL_USERNAME: 'me',
      API_TOKEN_FILE: join(directory, 'missing'),
    })
    expect(faults.map((fault) => fault.slice(0, fault.indexOf(':'))).sort()).toEqual([
      'API_TOKEN_FILE',
      'APPLICATION_ID',
      'COMMIT_INTERVAL',
      'CONVERSION_REFRESH',
      'CURRENCY',
      'EVENTS_FORMAT',
      'HTTP_PORT',
      'KAFKA_BROKERS',
      'KAFKA_SASL_MECHANISM',
      'KAFKA_SASL_PASSWORD',
      'LOG_LEVEL',
      'MAX_FUTURE',
      'METRICS_TOPIC',
      'PROCESSING_GUARANTEE',
      'WINDOW_GRACE',
    ])
    expect(faults.every((fault) => !fault.includes('\n'))).toBe(true)
  })

  it.each(['1s', '10s', '5m', '30m', '1h', '60m', '0.5h'])(
    'refreshes conversion every %s',
    (text) => {
      expect(readConfig({ CONVERSION_REFRESH: text }).conversionRefresh).toBe(text)
    }
  )

  it.each(['0s', '7m', '2h', '1ms', 'off'])('does not refresh conversion every %s', (text) => {
    expect(faultsOf({ CONVERSION_REFRESH: text })).toHaveLength(1)
  })

  it('lets idle close and the future guard be switched off', () => {
    const { idle, maxFuture } = readConfig({ IDLE_AFTER: 'off', MAX_FUTURE: 'OFF' })
    expect([idle, maxFuture]).toEqual(['off', 'off'])
    expect(faultsOf({ IDLE_AFTER: '0s' })).toHaveLength(1)
  })

  it('takes repeated orders for one only if it is told to', () => {
    expect(readConfig({ ORDER_DEDUP: '10s' }).orderDedup).toBe('10s')
    expect(readConfig({ ORDER_DEDUP: 'off' }).orderDedup).toBe('off')
    expect(faultsOf({ ORDER_DEDUP: '0s' })).toHaveLength(1)
  })

  it('takes several types of orders, and currencies in small letters', () => {
    const config = readConfig({ EVENT_TYPE_ORDER: 'checkout_click, purchase', CURRENCY: 'jpy' })
    expect(config.orderTypes).toEqual(['checkout_click', 'purchase'])
    expect(config.currency).toBe('JPY')
  })

  it('reads the schema of events in avro, and does not print it', () => {
    const schema = file('events.avsc', '"string"')
    const avro = { KAFKA_BROKERS: 'a:9092', EVENTS_FORMAT: 'avro' }
    const config = readConfig({ ...avro, EVENTS_SCHEMA_FILE: schema })
    expect(config).toMatchObject({ eventsFormat: 'avro', eventsSchema: '"string"' })
    expect(redacted(config)).toMatchObject({ eventsFormat: 'avro', eventsSchema: '(set)' })
    const missing = join(directory, 'missing.avsc')
    for (const [variables, name] of [
      [avro, 'EVENTS_SCHEMA_FILE'],
      [{ ...avro, EVENTS_SCHEMA_FILE: missing }, 'EVENTS_SCHEMA_FILE'],
      [{ EVENTS_SCHEMA_FILE: schema }, 'EVENTS_SCHEMA_FILE'],
      [{ EVENTS_FORMAT: 'avro', EVENTS_SCHEMA_FILE: schema }, 'EVENTS_FORMAT'],
      [{ ...avro, EVENTS_SCHEMA_FILE: schema, DEMO_TRAFFIC: 'on' }, 'DEMO_TRAFFIC'],
    ] as const) {
      expect(faultsOf(variables).map((fault) => fault.split(':')[0])).toEqual([name])
    }
  })

  it('reads where the schema registry is, and keeps its password', () => {
    const framed = { KAFKA_BROKERS: 'a:9092', EVENTS_FORMAT: 'confluent-avro' }
    const url = 'http://me:secret-inside@registry:8081'
    const auth = file('user-info', 'me:secret-outside\n')
    const config = readConfig({
      ...framed,
      SCHEMA_REGISTRY_URL: url,
      SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO_FILE: auth,
    })
    expect(config.schemaRegistry).toEqual({ url, auth: 'me:secret-outside' })
    const printed = JSON.stringify(redacted(config))
    expect(printed).not.toContain('secret-')
    expect(printed).toContain('registry:8081')
    expect(faultsOf(framed)).toEqual([
      'SCHEMA_REGISTRY_URL: missing: EVENTS_FORMAT=confluent-avro needs a registry',
    ])
    const wrong = faultsOf({ ...framed, SCHEMA_REGISTRY_URL: 'secret-inside@registry' })
    expect(wrong[0]).toBe('SCHEMA_REGISTRY_URL: expected a URL such as http://registry:8081')
    expect(faultsOf({ SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO: 'me' })).toHaveLength(2)
  })

  it('takes other names for the fields of events, and paths', () => {
    const { fields } = readConfig({ FIELD_SESSION_ID: 'visit.id', FIELD_PRICE: 'basket.total' })
    expect(fields).toMatchObject({ sessionId: 'visit.id', price: 'basket.total' })
    expect(faultsOf({ FIELD_TIMESTAMP: 'a..b', FIELD_EVENT_TYPE: '.a' })).toHaveLength(2)
  })

  it('reads secrets from files, and prints none of them', () => {
    const config = readConfig({
      KAFKA_BROKERS: 'a:9092',
      KAFKA_TLS_CA_FILE: file('ca.pem', 'secret-ca'),
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
      KAFKA_SASL_USERNAME: 'me',
      KAFKA_SASL_PASSWORD_FILE: file('password', 'secret-password\n'),
      API_TOKEN_FILE: file('token', 'secret-token\r\n'),
    })
    expect(config.apiToken).toBe('secret-token')
    expect(config.kafka?.tls).toEqual({ ca: 'secret-ca' })
    const { mechanism, username, password } = config.kafka?.sasl ?? {}
    expect([mechanism, username, password]).toEqual(['scram-sha-512', 'me', 'secret-password'])
    const printed = JSON.stringify(redacted(config))
    expect(printed).not.toContain('secret-')
    expect(printed).toContain('"password":"(set)"')
  })

  it('reads how a process is a member of its group', () => {
    const kafka = { KAFKA_BROKERS: 'a:9092' }
    expect(readConfig(kafka).kafka).toMatchObject({
      instanceId: null,
      leaveOnClose: true,
      sessionTimeout: '10s',
      maxPollInterval: '5m',
    })
    const named = { ...kafka, KAFKA_INSTANCE_ID: 'shop-0', KAFKA_SESSION_TIMEOUT: '45s' }
    const config = readConfig(named)
    expect(config.kafka).toMatchObject({
      instanceId: 'shop-0',
      leaveOnClose: false,
      sessionTimeout: '45s',
    })
    expect(JSON.stringify(redacted(config))).toContain('"instanceId":"shop-0"')
    expect(readConfig({ ...named, KAFKA_LEAVE_ON_CLOSE: 'on' }).kafka?.leaveOnClose).toBe(true)
    expect(faultsOf({ ...kafka, KAFKA_INSTANCE_ID: 'shop 0' })).toEqual([
      "KAFKA_INSTANCE_ID: expected up to 180 letters, digits, '.', '_' or '-', got 'shop 0'",
    ])
    expect(faultsOf({ ...kafka, KAFKA_MAX_POLL_INTERVAL: '5s' })).toEqual([
      "KAFKA_MAX_POLL_INTERVAL: expected at least 10000ms, got '5s'",
    ])
  })

  it('refuses a secret whose file is empty', () => {
    const path = file('blank', ' \n')
    expect(faultsOf({ API_TOKEN_FILE: path })).toEqual([
      `API_TOKEN_FILE: the file is empty: ${path}`,
    ])
  })

  it('refuses a secret that is given twice', () => {
    const twice = { API_TOKEN: 'a', API_TOKEN_FILE: file('again', 'b') }
    expect(faultsOf(twice)).toEqual(['API_TOKEN: give it here or in API_TOKEN_FILE, not both'])
  })

  it('leaves variables alone that a container platform puts there', () => {
    const injected = { KAFKA_PORT: 'tcp://10.0.0.1:9092', KAFKA_SERVICE_HOST: '10.0.0.1' }
    expect(readConfig(injected).kafka).toBeNull()
  })

  it('misses the brokers when only their credentials are there', () => {
    expect(faultsOf({ KAFKA_TLS_ENABLED: 'on' })).toHaveLength(1)
  })

  it('tells the addresses that only this machine can reach', () => {
    expect(['127.0.0.1', 'localhost', '::1', '127.1.2.3'].map(isLoopback)).not.toContain(false)
    expect(['0.0.0.0', '::', '10.0.0.1', '127.example.org'].map(isLoopback)).not.toContain(true)
  })
})
