/** Rows of the metrics topic: one per metric and window end, in the shape that readers rely on. */
import type { Windowed } from '../src/index.ts'
import { formatMinor, majorUnits } from './currency.ts'

export const metrics = [
  'visitors_5m',
  'orders_5m',
  'conversion_1h',
  'average_order_value_24h',
  'revenue_24h',
] as const
export type Metric = (typeof metrics)[number]

export interface MetricRow {
  readonly metric: Metric
  /** Epoch ms; the window is half open, `[windowStart, windowEnd)`. */
  readonly windowStart: number
  readonly windowEnd: number
  /** A count, a ratio of 0 to 1, or money in major units; null where it is not defined. */
  readonly value: number | null
  /** Of money in minor units; null too if it is beyond 2^53 − 1, see `isInexact`. */
  readonly numerator: number | null
  readonly denominator: number | null
  /** Money as an exact decimal. */
  readonly amount: string | null
  readonly currency: string | null
  readonly final: boolean
  readonly revision: number
  /** Least and greatest time of all accepted events in the window; null if there are none. */
  readonly firstEventAt: number | null
  readonly lastEventAt: number | null
}

/** What every aggregate of the topology knows of its window. */
export interface Seen {
  readonly firstEventAt: number | null
  readonly lastEventAt: number | null
}

export interface Traffic extends Seen {
  readonly visitors: number
  readonly orders: number
}

export interface Conversion extends Seen {
  readonly sessions: number
  readonly ordering: number
}

export interface Sales extends Seen {
  /** Minor units. */
  readonly revenue: bigint
  readonly orders: number
}

export interface Currency {
  readonly code: string
  readonly decimals: number
}

/** A record for the metrics topic, dated at the end of its window. */
export interface RowRecord {
  readonly key: string
  readonly value: MetricRow
  readonly timestamp: number
}

export function trafficRows(traffic: Traffic, key: Windowed<null>): readonly RowRecord[] {
  return [
    row('visitors_5m', key, traffic, { value: traffic.visitors }),
    row('orders_5m', key, traffic, { value: traffic.orders }),
  ]
}

export function conversionRow(conversion: Conversion, key: Windowed<null>): RowRecord {
  return row('conversion_1h', key, conversion, {
    value: conversionRatio(conversion),
    numerator: conversion.ordering,
    denominator: conversion.sessions,
  })
}

export function averageOrderRow(currency: Currency) {
  return (sales: Sales, key: Windowed<null>): RowRecord =>
    row('average_order_value_24h', key, sales, {
      value: sales.orders === 0 ? null : majorUnits(sales.revenue, currency.decimals, sales.orders),
      ...components(sales),
    })
}

export function revenueRow(currency: Currency) {
  return (sales: Sales, key: Windowed<null>): RowRecord =>
    row('revenue_24h', key, sales, {
      value: majorUnits(sales.revenue, currency.decimals),
      ...components(sales),
      amount: formatMinor(sales.revenue, currency.decimals),
      currency: currency.code,
    })
}

/** Orders by sessions; null without sessions. */
export function conversionRatio({ ordering, sessions }: Conversion): number | null {
  return sessions === 0 ? null : ordering / sessions
}

/** Whether the revenue has no exact numerator: an integer that a double cannot hold. */
export function isInexact({ revenue }: Sales): boolean {
  return revenue > BigInt(Number.MAX_SAFE_INTEGER)
}

function components(sales: Sales): Pick<MetricRow, 'numerator' | 'denominator'> {
  return {
    numerator: isInexact(sales) ? null : Number(sales.revenue),
    denominator: sales.orders,
  }
}

function row(
  metric: Metric,
  { window }: Windowed<null>,
  { firstEventAt, lastEventAt }: Seen,
  values: Partial<MetricRow>
): RowRecord {
  const { value = null, numerator = null, denominator = null } = values
  const { amount = null, currency = null } = values
  return {
    key: `${metric}|${new Date(window.end).toISOString()}`,
    timestamp: window.end,
    value: {
      metric,
      windowStart: window.start,
      windowEnd: window.end,
      value,
      numerator,
      denominator,
      amount,
      currency,
      final: true,
      revision: 0,
      firstEventAt,
      lastEventAt,
    },
  }
}
