/** The application's settings, from the environment: all faults at once, secrets never printed. */
import { checkSource, type FormatConfig, readFormats, redactedFormats } from './config-formats.ts'
import { type KafkaConfig, readKafka, redactedKafka } from './config-kafka.ts'
import type { Duration } from './durations.ts'
import { Environment, type Variables } from './environment.ts'
import { ConfigError } from './errors.ts'
import { legalName } from './ids.ts'
import type { LogLevel } from './log.ts'

/** What any application of this package takes from the environment. */
export interface EngineConfig {
  /** Null: the embedded log. */
  readonly kafka: KafkaConfig | null
  /** Empty: the environment has none. */
  readonly applicationId: string
  readonly stateDir: string
  readonly guarantee: 'exactly_once' | 'at_least_once'
  readonly commitInterval: Duration
  /** That run tasks; 1: the main thread does. */
  readonly threads: number
  readonly logLevel: LogLevel
}

export interface Config extends EngineConfig, FormatConfig {
  readonly eventsTopic: string
  readonly metricsTopic: string
  readonly orderTypes: readonly string[]
  readonly grace: Duration
  readonly idle: Duration | 'off'
  readonly conversionRefresh: Duration
  /** ISO 4217, in capitals. */
  readonly currency: string
  readonly maxFuture: Duration | 'off'
  readonly orderDedup: Duration | 'off'
  readonly demo: boolean
  readonly httpHost: string
  readonly httpPort: number
  readonly apiToken: string | null
}

/** Of the application that this package brings along. */
export const shopApplicationId = 'shop-metrics'
const guarantees = ['exactly_once', 'at_least_once'] as const
const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
const hourMs = 3_600_000
const defaultPort = 8013
const threadsMax = 64

/** Throws a ConfigError with one line per fault. */
export function readConfig(variables: Variables): Config {
  const env = new Environment(variables)
  const engine = readEngineConfig(env, shopApplicationId)
  const config: Config = {
    ...engine,
    eventsTopic: env.text('EVENTS_TOPIC', 'shop.events', legalName),
    metricsTopic: env.text('METRICS_TOPIC', 'shop.metrics', legalName),
    ...readFormats(env),
    orderTypes: orderTypes(env),
    grace: env.duration('WINDOW_GRACE', '30s'),
    idle: env.durationOrOff('IDLE_AFTER', '1m', { minMs: 1 }),
    conversionRefresh: env.duration('CONVERSION_REFRESH', '5m', { minMs: 1_000, fault: divides }),
    currency: env.text('CURRENCY', 'EUR', knownCurrency).toUpperCase(),
    maxFuture: env.durationOrOff('MAX_FUTURE', '2m'),
    orderDedup: orderDedup(env),
    demo: env.flag('DEMO_TRAFFIC', engine.kafka === null),
    httpHost: env.text('HTTP_HOST', '127.0.0.1'),
    httpPort: env.integer('HTTP_PORT', defaultPort, 0, 65_535),
    apiToken: env.secret('API_TOKEN') ?? null,
  }
  if (config.eventsTopic === config.metricsTopic) {
    env.fault('METRICS_TOPIC', `cannot be the events' own topic, '${config.eventsTopic}'`)
  }
  checkSource(env, config, { hasBroker: engine.kafka !== null, demo: config.demo })
  if (env.faults.length > 0) throw new ConfigError(env.faults)
  return config
}

/** Gathers its faults in `env`: whoever made that throws them. */
export function readEngineConfig(env: Environment, applicationId: string): EngineConfig {
  const config: EngineConfig = {
    kafka: readKafka(env),
    applicationId: env.text('APPLICATION_ID', applicationId, legalName),
    stateDir: env.text('STATE_DIR', '.data'),
    guarantee: env.choice('PROCESSING_GUARANTEE', guarantees, 'exactly_once'),
    commitInterval: env.duration('COMMIT_INTERVAL', '100ms', { minMs: 1 }),
    threads: env.integer('THREADS', 1, 1, threadsMax),
    logLevel: env.choice('LOG_LEVEL', logLevels, 'info'),
  }
  if (config.threads > 1 && config.kafka === null) {
    env.fault('THREADS', 'more than 1 needs KAFKA_BROKERS: the embedded log belongs to one thread')
  }
  return config
}

/** The settings as they are in force, for the log: what is secret shows only that it is set. */
export function redacted(config: Config): Readonly<Record<string, unknown>> {
  return {
    ...config,
    ...redactedFormats(config),
    apiToken: config.apiToken === null ? null : '(set)',
    kafka: config.kafka && redactedKafka(config.kafka),
  }
}

export function redactedEngine(config: EngineConfig): Readonly<Record<string, unknown>> {
  return { ...config, kafka: config.kafka && redactedKafka(config.kafka) }
}

/** Whether nobody but this machine can reach a server that listens there. */
export function isLoopback(host: string): boolean {
  return /^(localhost|\[?::1\]?|127(\.\d{1,3}){3})$/i.test(host)
}

function knownCurrency(code: string): string | undefined {
  if (Intl.supportedValuesOf('currency').includes(code.toUpperCase())) return undefined
  return `expected a currency of ISO 4217 such as EUR, got '${code}'`
}

function divides(ms: number): string | undefined {
  return ms <= hourMs && hourMs % ms === 0 ? undefined : 'expected a duration that divides 1h'
}

function orderDedup(env: Environment): Duration | 'off' {
  if (env.optional('ORDER_DEDUP') === undefined) return 'off'
  return env.durationOrOff('ORDER_DEDUP', '10s', { minMs: 1 })
}

function orderTypes(env: Environment): readonly string[] {
  const types = env.list('EVENT_TYPE_ORDER')
  return types.length > 0 ? types : ['checkout_click']
}
