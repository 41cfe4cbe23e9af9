/**
 * The five shop metrics, counted again by brute force from the events and the contract alone. It
 * imports nothing of the project, so that a mistake there cannot hide here.
 */
import type { RawEvent } from './shop-events.ts'

export interface MetricRow {
  readonly metric: string
  readonly windowStart: number
  readonly windowEnd: number
  readonly value: number | null
  readonly numerator: number | null
  readonly denominator: number | null
  readonly amount: string | null
  readonly currency: string | null
  readonly final: boolean
  readonly revision: number
  readonly firstEventAt: number | null
  readonly lastEventAt: number | null
}

export interface Accepted {
  readonly at: number
  readonly session: string
  readonly order: boolean
  /** Minor units of a valid price on an order. */
  readonly minor: bigint | null
  /** It came too late for windows that end by then. */
  readonly missedUntil: number
}

const minute = 60_000
const hour = 60 * minute

/** `[size, refresh]` of each metric. */
export const metricWindows = {
  visitors_5m: [5 * minute, 5 * minute],
  orders_5m: [5 * minute, 5 * minute],
  conversion_1h: [hour, 5 * minute],
  average_order_value_24h: [24 * hour, hour],
  revenue_24h: [24 * hour, 30 * minute],
} as const

export type Metric = keyof typeof metricWindows
export const metrics = Object.keys(metricWindows) as readonly Metric[]

/** Every row with a window end from the first event up to and including `until`, oldest first. */
export function recount(events: readonly RawEvent[], until: number): Map<Metric, MetricRow[]> {
  const accepted = events.map((event) => accept(event)).filter((event) => event !== null)
  return countAgain(accepted, until)
}

/**
 * The same where events come too late: for windows whose end and grace the newest accepted event
 * before them, of their own partition, has reached. Records in the order of their partitions.
 */
export function recountArrivals(
  records: readonly { readonly partition: number; readonly value: string }[],
  until: number,
  graceMs: number
): Map<Metric, MetricRow[]> {
  const newest = new Map<number, number>()
  const accepted: Accepted[] = []
  for (const { partition, value } of records) {
    const reached = newest.get(partition) ?? -Infinity
    const event = accept(JSON.parse(value) as RawEvent, reached - graceMs)
    if (event === null) continue
    newest.set(partition, Math.max(reached, event.at))
    accepted.push(event)
  }
  return countAgain(accepted, until)
}

/** From events that were judged before, which are sorted by it. */
export function countAgain(accepted: Accepted[], until: number): Map<Metric, MetricRow[]> {
  accepted.sort((a, b) => a.at - b.at)
  const rows = new Map<Metric, MetricRow[]>(metrics.map((metric) => [metric, []]))
  const first = accepted[0]
  if (first === undefined) return rows
  for (const metric of metrics) {
    const [size, refresh] = metricWindows[metric]
    let low = 0
    let high = 0
    for (let end = (Math.floor(first.at / refresh) + 1) * refresh; end <= until; end += refresh) {
      while (high < accepted.length && (accepted[high]?.at ?? end) < end) high++
      while (low < high && (accepted[low]?.at ?? 0) < end - size) low++
      const counted = accepted.slice(low, high).filter(({ missedUntil }) => missedUntil < end)
      rows.get(metric)?.push(row(metric, end - size, end, counted))
    }
  }
  return rows
}

function row(metric: Metric, start: number, end: number, events: readonly Accepted[]): MetricRow {
  const base = {
    metric,
    windowStart: start,
    windowEnd: end,
    numerator: null,
    denominator: null,
    amount: null,
    currency: null,
    final: true,
    revision: 0,
    firstEventAt: events[0]?.at ?? null,
    lastEventAt: events.at(-1)?.at ?? null,
  }
  const sessions = new Set(events.map((event) => event.session)).size
  const orders = events.filter((event) => event.order)
  if (metric === 'visitors_5m') return { ...base, value: sessions }
  if (metric === 'orders_5m') return { ...base, value: orders.length }
  if (metric === 'conversion_1h') {
    const ordering = new Set(orders.map((event) => event.session)).size
    const value = sessions === 0 ? null : ordering / sessions
    return { ...base, value, numerator: ordering, denominator: sessions }
  }
  const priced = orders.flatMap((event) => (event.minor === null ? [] : [event.minor]))
  const minor = priced.reduce((sum, price) => sum + price, 0n)
  // Beyond it an integer is put out as none, never rounded.
  const numerator = minor > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(minor)
  const money = { ...base, numerator, denominator: priced.length }
  if (metric === 'revenue_24h') {
    return { ...money, value: Number(minor) / 100, amount: decimal(minor), currency: 'EUR' }
  }
  // One division: the number nearest to the quotient, of which there is only one.
  const value = priced.length === 0 ? null : Number(minor) / (100 * priced.length)
  return { ...money, value }
}

function decimal(minor: bigint): string {
  const digits = String(minor).padStart(3, '0')
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`
}

/** The time of an event; null if it is not accepted. */
export function acceptedTime(event: RawEvent): number | null {
  return accept(event)?.at ?? null
}

function accept(event: RawEvent, missedUntil = -Infinity): Accepted | null {
  const { timestamp, sessionId, eventType, total_price: price } = event
  if (event['detectedDuplicate'] === true || event['detectedCorruption'] === true) return null
  if (typeof sessionId !== 'string' || sessionId === '') return null
  if (typeof timestamp !== 'number' || !Number.isInteger(timestamp) || timestamp < 0) return null
  if (timestamp > Date.now() + 2 * minute) return null
  const order = eventType === 'checkout_click'
  const minor = order ? minorUnits(price) : null
  return { at: timestamp, session: sessionId, order, minor, missedUntil }
}

/** A strict reading of a price with two decimals; null if it is not one. */
export function minorUnits(price: unknown): bigint | null {
  if (typeof price !== 'string' && typeof price !== 'number') return null
  const match = /^\+?(\d+)(?:\.(\d+))?$/.exec(String(price).trim())
  if (match === null) return null
  const whole = (match[1] ?? '').replace(/^0+/, '')
  const decimals = (match[2] ?? '').replace(/0+$/, '')
  if (decimals.length > 2 || whole.length + decimals.length > 15) return null
  return BigInt(`${whole}${decimals.padEnd(2, '0')}`)
}

/** What differs, at most ten lines; empty if nothing does. Values are compared within one ulp. */
export function differences(
  expected: readonly MetricRow[],
  actual: readonly MetricRow[]
): readonly string[] {
  const faults: string[] = []
  for (let i = 0; i < Math.max(expected.length, actual.length) && faults.length < 10; i++) {
    const [want, got] = [expected[i], actual[i]]
    const same = want !== undefined && got !== undefined && rowText(want) === rowText(got)
    if (!same)
      faults.push(
        `row ${i}:\n  expected ${want && rowText(want)}\n  found    ${got && rowText(got)}`
      )
  }
  return faults
}

/** All of a row in one order; the value to twelve digits. */
export function rowText(row: MetricRow): string {
  const { value, ...rest } = row
  const names = Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify({ ...Object.fromEntries(names), value: value?.toPrecision(12) ?? null })
}
