/** What the events are written in, and what their fields are called. */
import type { Environment } from './environment.ts'

export interface RegistryConfig {
  readonly url: string
  /** `user:password`. */
  readonly auth: string | null
}

type EventsFormat = (typeof eventsFormats)[number]

const eventsFormats = ['json', 'avro', 'confluent-avro'] as const
const metricsFormats = ['json', 'confluent-avro'] as const

export interface FormatConfig {
  readonly eventsFormat: EventsFormat
  /** Of what is written in `avro`: the text of the file. */
  readonly eventsSchema: string | null
  readonly metricsFormat: (typeof metricsFormats)[number]
  readonly schemaRegistry: RegistryConfig | null
  readonly fields: FieldConfig
}

/** Paths, dotted where a field lies inside of others. */
export interface FieldConfig {
  readonly timestamp: string
  readonly sessionId: string
  readonly eventType: string
  readonly price: string
  readonly orderId: string
  readonly eventId: string
  readonly pageViewId: string
}

export function readFormats(env: Environment): FormatConfig {
  const eventsFormat = env.choice('EVENTS_FORMAT', eventsFormats, 'json')
  const schemaRegistry = readRegistry(env)
  const metricsFormat = env.choice('METRICS_FORMAT', metricsFormats, 'json')
  const framed = eventsFormat === 'confluent-avro' ? 'EVENTS_FORMAT' : 'METRICS_FORMAT'
  const isFramed = eventsFormat === 'confluent-avro' || metricsFormat === 'confluent-avro'
  if (isFramed && schemaRegistry === null) {
    env.fault('SCHEMA_REGISTRY_URL', `missing: ${framed}=confluent-avro needs a registry`)
  }
  return {
    eventsFormat,
    eventsSchema: readSchema(env, eventsFormat),
    metricsFormat,
    schemaRegistry,
    fields: {
      timestamp: env.text('FIELD_TIMESTAMP', 'timestamp', path),
      sessionId: env.text('FIELD_SESSION_ID', 'sessionId', path),
      eventType: env.text('FIELD_EVENT_TYPE', 'eventType', path),
      price: env.text('FIELD_PRICE', 'total_price', path),
      orderId: env.text('FIELD_ORDER_ID', 'orderId', path),
      eventId: env.text('FIELD_EVENT_ID', 'eventId', path),
      pageViewId: env.text('FIELD_PAGE_VIEW_ID', 'pageViewId', path),
    },
  }
}

/** Of a schema, which fills pages, and of secrets the log is told only that they are there. */
export function redactedFormats({ eventsSchema, schemaRegistry }: FormatConfig): object {
  const { url = '', auth = null } = schemaRegistry ?? {}
  const shown = {
    url: url.replace(/\/\/[^/@]*@/, '//(set)@'),
    auth: auth === null ? null : '(set)',
  }
  return {
    eventsSchema: eventsSchema === null ? null : '(set)',
    schemaRegistry: schemaRegistry && shown,
  }
}

/** What is posted, or invented, is JSON: other formats come from elsewhere. */
export function checkSource(
  env: Environment,
  { eventsFormat }: FormatConfig,
  { hasBroker, demo }: { readonly hasBroker: boolean; readonly demo: boolean }
): void {
  if (eventsFormat === 'json') return
  if (!hasBroker) {
    env.fault('EVENTS_FORMAT', `${eventsFormat} needs KAFKA_BROKERS: what is posted here is JSON`)
  } else if (demo) {
    env.fault('DEMO_TRAFFIC', `cannot be on: it is JSON, and EVENTS_FORMAT is ${eventsFormat}`)
  }
}

function readRegistry(env: Environment): RegistryConfig | null {
  const url = env.text('SCHEMA_REGISTRY_URL', '', httpUrl)
  const auth = env.secret('SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO') ?? null
  if (auth !== null && !auth.includes(':')) {
    env.fault('SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO', 'expected user:password')
  }
  if (auth !== null && url === '') {
    env.fault('SCHEMA_REGISTRY_URL', 'missing, though SCHEMA_REGISTRY_BASIC_AUTH_USER_INFO is set')
  }
  return url === '' ? null : { url, auth }
}

/** Without the text: there may be a password in it. */
function httpUrl(text: string): string | undefined {
  const isOne = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
  return isOne ? undefined : 'expected a URL such as http://registry:8081'
}

function readSchema(env: Environment, format: FormatConfig['eventsFormat']): string | null {
  const name = 'EVENTS_SCHEMA_FILE'
  const isGiven = env.optional(name) !== undefined
  if (format === 'avro' && !isGiven) {
    env.fault(name, 'missing: EVENTS_FORMAT=avro needs the schema that the events are written with')
  } else if (format !== 'avro' && isGiven) {
    env.fault(name, `is for EVENTS_FORMAT=avro, and that is ${format}`)
  }
  return env.file(name) ?? null
}

function path(text: string): string | undefined {
  const isPath = text.split('.').every((name) => name !== '' && name.trim() === name)
  return isPath ? undefined : `expected a field, or a path such as basket.total, got '${text}'`
}
