/**
 * What each refresh of a rolling sum has brought, out of the rows of the sum alone:
 *
 *     sum(t)            |──────────── size ────────────|
 *     sum(t − refresh) |──────────── size ────────────|
 *     part(t) = sum(t) − sum(t − refresh) + part(t − size)
 *
 * Parts of a day add up, as rolling sums do not: so there is a sum since midnight, at any place.
 * It begins where all events of a window are those of its last refresh, as in the first row of all.
 * Invariants: integers of minor units throughout; where anything is missing there is no part, and
 * none a window later. An order that came when its own part was closed counts in the next one.
 */
import type { Timestamp } from '../ids.ts'
import type { MetricRow } from './metric-row.ts'

export interface RollingSum {
  /** What the parts are called. */
  readonly name: string
  /** The metric with the rolling sum, an amount of money. */
  readonly of: string
  readonly sizeMs: number
  readonly refreshMs: number
}

interface Money {
  readonly minor: bigint
  readonly orders: number
  readonly currency: string
  readonly decimals: number
}

export class Refreshes {
  readonly #sum: RollingSum
  readonly #sums = new Map<Timestamp, Money>()
  readonly #parts = new Map<Timestamp, Money>()

  constructor(sum: RollingSum) {
    this.#sum = sum
  }

  get name(): string {
    return this.#sum.name
  }

  /** Takes the rows in the order of their windows; undefined if the part is not known. */
  take(row: MetricRow): MetricRow | undefined {
    const { name, refreshMs } = this.#sum
    const { windowEnd } = row
    this.#forget(windowEnd)
    const part = this.#partOf(row)
    if (part === undefined) return undefined
    this.#parts.set(windowEnd, part)
    // A day after an order that came late, it may take away more than came: known, and not shown.
    if (part.minor < 0n || part.orders < 0) return undefined
    const windowStart = windowEnd - refreshMs
    const amount = format(part)
    const last = row.lastEventAt
    return {
      ...row,
      metric: name,
      windowStart,
      value: Number(amount),
      numerator: part.minor > BigInt(Number.MAX_SAFE_INTEGER) ? null : Number(part.minor),
      denominator: part.orders,
      amount,
      firstEventAt: null,
      lastEventAt: last !== null && last >= windowStart ? last : null,
    }
  }

  #partOf(row: MetricRow): Money | undefined {
    const { sizeMs, refreshMs } = this.#sum
    const { windowEnd, firstEventAt } = row
    const sum = moneyOf(row)
    if (sum === undefined) return undefined
    this.#sums.set(windowEnd, sum)
    if (firstEventAt === null || firstEventAt >= windowEnd - refreshMs) {
      const nothing = { ...sum, minor: 0n, orders: 0 }
      for (let end = windowEnd - refreshMs; end > windowEnd - sizeMs; end -= refreshMs) {
        this.#parts.set(end, nothing)
      }
      return sum
    }
    const before = this.#sums.get(windowEnd - refreshMs)
    const left = this.#parts.get(windowEnd - sizeMs)
    if (before === undefined || left === undefined) return undefined
    if (![before, left].every((money) => unitOf(money) === unitOf(sum))) return undefined
    const minor = sum.minor - before.minor + left.minor
    const orders = sum.orders - before.orders + left.orders
    return { ...sum, minor, orders }
  }

  /** This place, and what no later row asks for. */
  #forget(windowEnd: Timestamp): void {
    const { sizeMs, refreshMs } = this.#sum
    for (const places of [this.#sums, this.#parts]) {
      places.delete(windowEnd)
      for (const end of places.keys()) {
        if (end < windowEnd - sizeMs - refreshMs) places.delete(end)
      }
    }
  }
}

function moneyOf({ amount, currency, denominator }: MetricRow): Money | undefined {
  const match = /^(\d+)(?:\.(\d+))?$/.exec(amount ?? '')
  if (match === null || currency === null || denominator === null) return undefined
  const [, whole = '', decimals = ''] = match
  const minor = BigInt(whole + decimals)
  return { minor, orders: denominator, currency, decimals: decimals.length }
}

function unitOf({ currency, decimals }: Money): string {
  return `${currency} ${decimals}`
}

function format({ minor, decimals }: Money): string {
  const digits = String(minor).padStart(decimals + 1, '0')
  if (decimals === 0) return digits
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}
