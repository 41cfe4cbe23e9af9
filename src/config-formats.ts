/** What the events are written in, and what their fields are called. */
import type { Environment } from './environment.ts'

export interface FormatConfig {
  readonly eventsFormat: 'json' | 'avro'
  /** Of what is written in `avro`: the text of the file. */
  readonly eventsSchema: string | null
  readonly metricsFormat: 'json'
  readonly fields: FieldConfig
}

/** Paths, dotted where a field lies inside of others. */
export interface FieldConfig {
  readonly timestamp: string
  readonly sessionId: string
  readonly eventType: string
  readonly price: string
}

export function readFormats(env: Environment): FormatConfig {
  const eventsFormat = env.choice('EVENTS_FORMAT', ['json', 'avro'], 'json')
  return {
    eventsFormat,
    eventsSchema: readSchema(env, eventsFormat),
    metricsFormat: env.choice('METRICS_FORMAT', ['json'], 'json'),
    fields: {
      timestamp: env.text('FIELD_TIMESTAMP', 'timestamp', path),
      sessionId: env.text('FIELD_SESSION_ID', 'sessionId', path),
      eventType: env.text('FIELD_EVENT_TYPE', 'eventType', path),
      price: env.text('FIELD_PRICE', 'total_price', path),
    },
  }
}

/** A schema fills pages: the log is told only that there is one. */
export function redactedFormats({ eventsSchema, ...plain }: FormatConfig): object {
  return { ...plain, eventsSchema: eventsSchema === null ? null : '(set)' }
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
