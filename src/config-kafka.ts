/** How to reach a broker: the part of the settings that is absent with the embedded log. */
import { type Duration, durationMs } from './durations.ts'
import type { Environment } from './environment.ts'
import { legalName } from './ids.ts'

/** PEM texts; what is absent is Node's default. */
export interface TlsConfig {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly passphrase?: string
}

export interface SaslConfig {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

export interface KafkaConfig {
  /** `host:port`, at least one. */
  readonly brokers: readonly string[]
  readonly tls: TlsConfig | null
  readonly sasl: SaslConfig | null
  /** Of a static member of the group; null: every run is a new member. */
  readonly instanceId: string | null
  /** Whether closing gives the tasks to the others at once. */
  readonly leaveOnClose: boolean
  readonly sessionTimeout: Duration
  readonly maxPollInterval: Duration
}

const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const

/**
 * Null without brokers. Other variables that begin with `KAFKA_` are left alone: container
 * platforms put their own there (`KAFKA_PORT=tcp://…`).
 */
export function readKafka(env: Environment): KafkaConfig | null {
  const brokers = readBrokers(env)
  const tls = readTls(env)
  const sasl = readSasl(env)
  const membership = readMembership(env)
  if (brokers.length === 0) {
    if (tls !== null || sasl !== null) {
      env.fault('KAFKA_BROKERS', 'missing, though KAFKA_TLS_* or KAFKA_SASL_* are set')
    }
    return null
  }
  return { brokers, tls, sasl, ...membership }
}

/** What may be printed: of secrets and certificates only that they are set. */
export function redactedKafka({ tls, sasl, ...plain }: KafkaConfig): object {
  return {
    ...plain,
    tls: tls && Object.fromEntries(Object.keys(tls).map((name) => [name, '(set)'])),
    sasl: sasl && { ...sasl, password: '(set)' },
  }
}

function readBrokers(env: Environment): readonly string[] {
  const [brokers, alias] = [env.list('KAFKA_BROKERS'), env.list('BOOTSTRAP_SERVERS')]
  if (brokers.length > 0 && alias.length > 0 && brokers.join() !== alias.join()) {
    env.fault('BOOTSTRAP_SERVERS', 'differs from KAFKA_BROKERS, of which it is an alias')
  }
  const name = brokers.length > 0 ? 'KAFKA_BROKERS' : 'BOOTSTRAP_SERVERS'
  const chosen = brokers.length > 0 ? brokers : alias
  for (const broker of chosen) {
    if (!isAddress(broker)) env.fault(name, `expected host:port, got '${broker}'`)
  }
  return chosen
}

function isAddress(broker: string): boolean {
  const match = /^(?:[^\s:/[\]]+|\[[0-9a-fA-F:.]+\]):(\d{1,5})$/.exec(broker)
  const port = Number(match?.[1] ?? 0)
  return port >= 1 && port <= 65_535
}

function readTls(env: Environment): TlsConfig | null {
  const parts = {
    ca: env.file('KAFKA_TLS_CA_FILE'),
    cert: env.file('KAFKA_TLS_CERT_FILE'),
    key: env.file('KAFKA_TLS_KEY_FILE'),
    passphrase: env.secret('KAFKA_TLS_KEY_PASSPHRASE'),
  }
  const given = Object.entries(parts).filter(([, text]) => text !== undefined)
  if (!env.flag('KAFKA_TLS_ENABLED', given.length > 0)) return null
  if ((parts.cert === undefined) !== (parts.key === undefined)) {
    env.fault('KAFKA_TLS_CERT_FILE', 'goes together with KAFKA_TLS_KEY_FILE')
  }
  return Object.fromEntries(given)
}

type MembershipConfig = Pick<
  KafkaConfig,
  'instanceId' | 'leaveOnClose' | 'sessionTimeout' | 'maxPollInterval'
>

function readMembership(env: Environment): MembershipConfig {
  const instanceId = env.text('KAFKA_INSTANCE_ID', '', legalName)
  const sessionTimeout = env.duration('KAFKA_SESSION_TIMEOUT', '10s', { minMs: 1_000 })
  const minMs = durationMs(sessionTimeout)
  return {
    instanceId: instanceId === '' ? null : instanceId,
    leaveOnClose: env.flag('KAFKA_LEAVE_ON_CLOSE', instanceId === ''),
    sessionTimeout,
    maxPollInterval: env.duration('KAFKA_MAX_POLL_INTERVAL', '5m', { minMs }),
  }
}

function readSasl(env: Environment): SaslConfig | null {
  const given = env.optional('KAFKA_SASL_MECHANISM') !== undefined
  const mechanism = env.choice('KAFKA_SASL_MECHANISM', mechanisms, 'plain')
  const username = env.secret('KAFKA_SASL_USERNAME')
  const password = env.secret('KAFKA_SASL_PASSWORD')
  if (!given && username === undefined && password === undefined) return null
  if (!given) env.fault('KAFKA_SASL_MECHANISM', `missing: ${mechanisms.join(', ')}`)
  if (username === undefined) env.fault('KAFKA_SASL_USERNAME', 'missing')
  if (password === undefined) env.fault('KAFKA_SASL_PASSWORD', 'missing (or …_FILE)')
  return { mechanism, username: username ?? '', password: password ?? '' }
}
