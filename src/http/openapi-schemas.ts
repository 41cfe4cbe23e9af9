/** The shapes of the API's answers, as JSON Schema (2020-12), by name. */
import { healthStates } from './health.ts'

type Schema = Readonly<Record<string, unknown>>

const text = { type: 'string' }
const integer = { type: 'integer' }
const flag = { type: 'boolean' }
const epochMs = { type: 'integer', description: 'Epoch milliseconds' }
const instant = { type: 'string', format: 'date-time' }
const strings = list(text)

export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` }
}

export function schemas(
  metrics: readonly string[],
  derived: readonly string[]
): Readonly<Record<string, Schema>> {
  return {
    Metric: { type: 'string', enum: [...metrics] },
    Series: { type: 'string', enum: [...metrics, ...derived] },
    Row: object({
      metric: ref('Series'),
      windowStart: epochMs,
      windowEnd: { ...epochMs, description: 'Epoch milliseconds; not part of the window' },
      value: nullable({ type: 'number', description: 'A count, a ratio, or money in major units' }),
      numerator: nullable({ ...integer, description: 'Sessions with an order, or minor units' }),
      denominator: nullable({ ...integer, description: 'Sessions, or orders with a price' }),
      amount: nullable({ ...text, pattern: '^\\d+(\\.\\d+)?$', description: 'Exact money' }),
      currency: nullable({ ...text, pattern: '^[A-Z]{3}$', description: 'ISO 4217' }),
      final: flag,
      revision: integer,
      firstEventAt: nullable(epochMs),
      lastEventAt: nullable(epochMs),
    }),
    Rows: object({ results: list(ref('Row')) }),
    RowPage: object({
      results: list(ref('Row')),
      next: nullable({ ...text, description: 'Cursor of the next page; null at the end' }),
    }),
    Conversion: object({
      conversion: nullable({ type: 'number', minimum: 0, maximum: 1 }),
      window: object({
        start: instant,
        end: instant,
        duration: { ...text, examples: ['PT1H'] },
        final: flag,
      }),
      sessions: integer,
      orderingSessions: integer,
      updatedAt: { ...instant, description: 'When this instance learned of the row' },
      lastEventAt: nullable(instant),
      stale: { ...flag, description: 'Whether a newer row should have come since' },
      revision: integer,
    }),
    Probe: object({ status: { type: 'string', enum: ['ok', 'unavailable'] }, reasons: strings }),
    Ingested: object({
      accepted: integer,
      rejected: list(
        object({ index: integer, reason: { type: 'string', enum: ['decode', 'too_large'] } })
      ),
    }),
    Health: object({
      state: { type: 'string', enum: [...healthStates] },
      reasons: strings,
      lastEventAt: nullable({ ...epochMs, description: 'Of the newest event that is known of' }),
      now: { ...epochMs, description: "The server's own clock" },
    }),
    ...statusSchemas(),
    Problem: object(
      { type: text, title: text, status: integer, detail: text, instance: text },
      'RFC 9457'
    ),
  }
}

function statusSchemas(): Readonly<Record<string, Schema>> {
  const states = ['created', 'starting', 'running', 'rebalancing', 'closing', 'closed', 'failed']
  return {
    Status: object({
      applicationId: text,
      instance: text,
      state: { type: 'string', enum: states },
      ready: flag,
      reasons: strings,
      log: object({ ok: flag, reason: nullable(text) }),
      rebalances: integer,
      health: { type: 'string', enum: [...healthStates] },
      lastEventAt: nullable({ ...epochMs, description: 'Of the newest event that is known of' }),
      now: { ...epochMs, description: "The server's own clock" },
      recordsIn: { ...integer, description: 'Since this process started' },
      recordsOut: integer,
      dropped: { type: 'object', description: 'By reason', additionalProperties: integer },
      commits: object({ count: integer, seconds: { type: 'number' }, aborted: integer }),
      tasks: list(ref('Task')),
    }),
    Task: object({
      id: text,
      thread: nullable(integer),
      state: { type: 'string', enum: ['created', 'restoring', 'running', 'closed'] },
      streamTime: nullable(epochMs),
      stateBytes: integer,
      partitions: list(
        object({
          topic: text,
          partition: integer,
          position: integer,
          endOffset: nullable(integer),
          lag: nullable(integer),
          watermark: nullable(epochMs),
        })
      ),
      restore: list(object({ store: text, position: integer, end: integer })),
    }),
  }
}

/** All properties are required, and no other is allowed: tests hold the answers to that. */
function object(properties: Readonly<Record<string, Schema>>, description?: string): Schema {
  const required = Object.keys(properties)
  const rest = description === undefined ? {} : { description }
  return { type: 'object', ...rest, properties, required, additionalProperties: false }
}

function list(items: Schema): Schema {
  return { type: 'array', items }
}

function nullable(schema: Schema): Schema {
  return { ...schema, type: [schema['type'], 'null'] }
}
