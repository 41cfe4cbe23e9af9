/** Rows of a metrics topic as readers see them, checked: anybody may have written there. */
import { NotReadyError } from '../errors.ts'

export interface MetricRow {
  readonly metric: string
  /** Epoch ms; half open, `[windowStart, windowEnd)`. */
  readonly windowStart: number
  readonly windowEnd: number
  readonly value: number | null
  readonly numerator: number | null
  readonly denominator: number | null
  /** Money as an exact decimal. */
  readonly amount: string | null
  readonly currency: string | null
  readonly final: boolean
  readonly revision: number
  readonly firstEventAt: number | null
  readonly lastEventAt: number | null
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** Reads rows in another form than JSON, those whose first byte is 0. */
export type ReadFramed = (bytes: Uint8Array) => unknown

/**
 * Undefined if the bytes are not a row. Fields that this version does not know are dropped. Throws
 * a NotReadyError if it cannot be told yet.
 */
export function parseRow(bytes: Uint8Array, readFramed?: ReadFramed): MetricRow | undefined {
  let fields: unknown
  try {
    const isFramed = bytes[0] === 0 && readFramed !== undefined
    fields = isFramed ? readFramed(bytes) : JSON.parse(decoder.decode(bytes))
  } catch (error) {
    if (error instanceof NotReadyError) throw error
    return undefined
  }
  if (typeof fields !== 'object' || fields === null) return undefined
  const row = pick(fields as Readonly<Record<string, unknown>>)
  return isRow(row) ? row : undefined
}

/** The place that a key speaks of: `conversion_1h|2026-11-22T17:05:00.000Z`. */
export function parseRowKey(
  key: Uint8Array
): { readonly metric: string; readonly windowEnd: number } | undefined {
  const text = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('utf8')
  const bar = text.lastIndexOf('|')
  const windowEnd = bar < 0 ? Number.NaN : Date.parse(text.slice(bar + 1))
  return Number.isNaN(windowEnd) ? undefined : { metric: text.slice(0, bar), windowEnd }
}

type Row = { readonly [name in keyof MetricRow]: unknown }

function pick(fields: Readonly<Record<string, unknown>>): Row {
  const { metric, windowStart, windowEnd, value = null, numerator = null } = fields
  const { denominator = null, amount = null, currency = null } = fields
  const { final, revision, firstEventAt = null, lastEventAt = null } = fields
  const window = { metric, windowStart, windowEnd }
  const numbers = { value, numerator, denominator, amount, currency }
  return { ...window, ...numbers, final, revision, firstEventAt, lastEventAt }
}

function isRow(row: Row): row is MetricRow {
  const { value, numerator, denominator, firstEventAt, lastEventAt } = row
  return (
    typeof row.metric === 'string' &&
    Number.isInteger(row.windowStart) &&
    Number.isInteger(row.windowEnd) &&
    typeof row.final === 'boolean' &&
    Number.isInteger(row.revision) &&
    [value, numerator, denominator, firstEventAt, lastEventAt].every(isNumberOrNull) &&
    [row.amount, row.currency].every((text) => text === null || typeof text === 'string')
  )
}

function isNumberOrNull(value: unknown): boolean {
  return value === null || (typeof value === 'number' && Number.isFinite(value))
}
