/**
 * What becomes of each record of a topic of events, by the contract alone: counted, refused, or too
 * late for some windows. It imports nothing of the project, as the recount does.
 */
import { type Accepted, metricWindows, minorUnits } from './shop-recount.ts'

const minute = 60_000
const hour = 60 * minute
/** Windows that share one aggregate count a late record once. */
const windowsApart = [
  metricWindows.visitors_5m,
  metricWindows.conversion_1h,
  metricWindows.average_order_value_24h,
  metricWindows.revenue_24h,
]

export type Verdict =
  | 'decode'
  | 'duplicate'
  | 'corrupt'
  | 'no_session'
  | 'no_timestamp'
  | 'future'
  | Accepted

const strict = new TextDecoder('utf-8', { fatal: true })

/** Of a JSON event. */
export function verdictOf(value: Uint8Array | null, now: number): Verdict {
  if (value === null) return 'decode'
  let event: unknown
  try {
    event = JSON.parse(strict.decode(value))
  } catch {
    return 'decode'
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return 'decode'
  const own = (name: string): unknown =>
    Object.hasOwn(event, name) ? Reflect.get(event, name) : undefined
  if (own('detectedDuplicate') === true) return 'duplicate'
  if (own('detectedCorruption') === true) return 'corrupt'
  const [at, session] = [own('timestamp'), own('sessionId')]
  if (typeof session !== 'string' || session === '') return 'no_session'
  if (typeof at !== 'number' || !Number.isInteger(at) || at < 0) return 'no_timestamp'
  if (at > now + 2 * minute) return 'future'
  const order = own('eventType') === 'checkout_click'
  const minor = order ? minorUnits(own('total_price')) : null
  return { at, session, order, minor, missedUntil: Number.NEGATIVE_INFINITY }
}

/** The counts that `/metrics` must show, and the events with what their partition had seen. */
export class Book {
  readonly counts = new Map<string, number>()
  readonly accepted: Accepted[] = []
  readonly #graceMs: number
  readonly #seen: number[] = []

  constructor(graceMs: number) {
    this.#graceMs = graceMs
  }

  /** The time that all partitions have passed. */
  get watermark(): number {
    return Math.min(...this.#seen)
  }

  /** In the order of the partition. */
  add(partition: number, verdict: Verdict): void {
    if (typeof verdict === 'string') this.#count(`rejected ${verdict}`)
    else this.#accept(partition, verdict)
  }

  #accept(partition: number, verdict: Accepted): void {
    const seen = this.#seen[partition] ?? Number.NEGATIVE_INFINITY
    this.#seen[partition] = Math.max(seen, verdict.at)
    this.accepted.push({ ...verdict, missedUntil: seen - this.#graceMs })
    this.#count(verdict.order ? 'orders' : 'other')
    if (verdict.order && verdict.minor === null) this.#count('rejected bad_price')
    for (const [size, refresh] of windowsApart) {
      const lastEnd = Math.floor(verdict.at / refresh) * refresh + size
      if (lastEnd + this.#graceMs <= seen) this.#count('late')
    }
  }

  #count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
  }
}

/** Before this an event of `from` on is late for all windows. */
export function longBefore(from: number): number {
  return from - 25 * hour
}
