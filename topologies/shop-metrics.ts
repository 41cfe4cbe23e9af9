/**
 * The shop metrics: five numbers of a shop, computed in event time from the events it sends.
 *
 *     events ─┬─ traffic-5m ────── visitors_5m, orders_5m ────┐
 *             ├─ conversion-1h ─── conversion_1h ─────────────┤
 *             ├─ basket-24h ────── average_order_value_24h ───┼─▶ metrics topic
 *             ├─ revenue-24h ───── revenue_24h ───────────────┘
 *             └─ newest ────────── last_message_time, a gauge only
 */
import {
  bytes,
  count,
  type Duration,
  distinct,
  hopping,
  type KStream,
  max,
  merge,
  min,
  nullable,
  StreamsBuilder,
  string,
  sum,
  type Topology,
  topic,
  tumbling,
  where,
} from '../src/index.ts'
import { currencyDecimals } from './currency.ts'
import type { EventFormat } from './event-format.ts'
import { type MetricFormat, rowsIn } from './metric-format.ts'
import {
  averageOrderRow,
  conversionRow,
  isInexact,
  type Metric,
  metrics,
  revenueRow,
  trafficRows,
} from './metric-row.ts'
import { rejectionReasons, type ShopEvent, shopEvents, timestamp } from './shop-event.ts'
import type { ShopFields } from './shop-fields.ts'
import { countEvents, showConversion, showNewest, showSales, showTraffic } from './shop-gauges.ts'

export interface ShopOptions {
  readonly eventsTopic: string
  readonly metricsTopic: string
  /** Of the events. Default: JSON. */
  readonly eventFormat?: EventFormat
  /** Of the rows. Default: JSON. */
  readonly metricFormat?: MetricFormat
  /** What the fields of the events are called, where they are not as by default. */
  readonly fields?: Partial<ShopFields>
  /** Event types that are orders. */
  readonly orderTypes: readonly string[]
  /** ISO 4217. */
  readonly currency: string
  readonly grace: Duration
  readonly idle: Duration | 'off'
  /** Divides one hour. */
  readonly conversionRefresh: Duration
  /** How far ahead of the wall clock an event may be. */
  readonly maxFuture: Duration | 'off'
  /** Within this span the same order counts once. Default: off. */
  readonly orderDedup?: Duration | 'off'
}

export interface MetricWindow {
  readonly name: Metric
  readonly sizeMs: number
  /** From one row to the next. */
  readonly refreshMs: number
}

/** Series that exist before their first count, so that rates see the first one. */
export const knownLabels: Readonly<Record<string, readonly string[]>> = {
  shop_events_rejected_total: rejectionReasons,
  shop_events_total: ['orders', 'other'],
}

const rejections = {
  name: 'shop_events_rejected_total',
  help: 'Events, or prices of orders, that were refused, by reason',
}

type Events = KStream<Uint8Array | null, ShopEvent>

const isOrder = ({ order }: ShopEvent): boolean => order
const sessionId = (event: ShopEvent): string => event.sessionId
const price = (event: ShopEvent): bigint | null => event.price
const hasPrice = (event: ShopEvent): boolean => event.price !== null

export function shopMetrics(shop: ShopOptions): Topology {
  const builder = new StreamsBuilder()
  const currency = { code: shop.currency, decimals: currencyDecimals(shop.currency) }
  const source = builder.stream(eventsTopic(shop, currency.decimals), {
    maxFuture: shop.maxFuture,
    rejections,
  })
  const events = withoutDoubleClicks(source, shop)
  countEvents(events, rejections)

  const windows = shopWindows(shop)
  const seen = { firstEventAt: min(timestamp), lastEventAt: max(timestamp) }
  const sales = { revenue: sum(price, 0n), orders: count(where(hasPrice)), ...seen }

  const traffic = events.windowedBy(windows.traffic).aggregate('traffic-5m', {
    visitors: distinct(sessionId),
    orders: count(where(isOrder)),
    ...seen,
  })
  const conversion = events.windowedBy(windows.conversion).aggregate('conversion-1h', {
    sessions: distinct(sessionId),
    ordering: distinct(sessionId, where(isOrder)),
    ...seen,
  })
  const basket = events.windowedBy(windows.basket).aggregate('basket-24h', sales)
  const revenue = events.windowedBy(windows.revenue).aggregate('revenue-24h', sales)

  showTraffic(traffic)
  showConversion(conversion)
  showSales(basket, revenue, currency)
  showNewest(events)
  merge(basket.toStream(), revenue.toStream()).filter(isInexact).toCounter({
    name: 'shop_inexact_revenue_total',
    help: 'Rows whose revenue in minor units is beyond 2^53 - 1, put out without a numerator',
  })

  merge(
    traffic.toStream().flatMap(trafficRows),
    conversion.toStream().map(conversionRow),
    basket.toStream().map(averageOrderRow(currency)),
    revenue.toStream().map(revenueRow(currency))
  ).to(metricsTopic(shop))
  return builder.build()
}

/** A double click is a visit, but no second order; one that comes too late to tell is one. */
function withoutDoubleClicks(events: Events, { orderDedup = 'off', grace }: ShopOptions): Events {
  if (orderDedup === 'off') return events
  return events.deduplicate('orders-once', {
    by: ({ orderKey }) => orderKey,
    within: orderDedup,
    grace,
    others: (event, _key, reason) =>
      reason === 'late' ? event : { ...event, order: false, price: null, isRepeated: true },
  })
}

/** What each metric covers, and how often it is put out: for whoever shows them. */
export function metricWindows(shop: ShopOptions): readonly MetricWindow[] {
  const { traffic, conversion, basket, revenue } = shopWindows(shop)
  const windows = {
    visitors_5m: traffic,
    orders_5m: traffic,
    conversion_1h: conversion,
    average_order_value_24h: basket,
    revenue_24h: revenue,
  }
  return metrics.map((name) => {
    const { sizeMs, advanceMs: refreshMs } = windows[name]
    return { name, sizeMs, refreshMs }
  })
}

function shopWindows({ grace, idle, conversionRefresh }: ShopOptions) {
  const timing = { grace, idle, emptyWindows: true } as const
  return {
    traffic: tumbling('5m', timing).emit('final'),
    conversion: hopping('1h', { advance: conversionRefresh, ...timing }).emit('final'),
    basket: hopping('24h', { advance: '1h', ...timing }).emit('final'),
    revenue: hopping('24h', { advance: '30m', ...timing }).emit('final'),
  }
}

function eventsTopic(shop: ShopOptions, decimals: number) {
  const { orderTypes, fields = {}, eventFormat: format = { kind: 'json' } } = shop
  const identifiesOrders = (shop.orderDedup ?? 'off') !== 'off'
  const value = shopEvents({ orderTypes, decimals, format, fields, identifiesOrders })
  return topic(shop.eventsTopic, { key: nullable(bytes()), value, timestamp })
}

/**
 * Compacted by key, so that a row is there once. Rows are dated at the end of their window: any
 * limit of age would delete the rows of a replay as they are written, so none is set to begin with.
 */
function metricsTopic({ metricsTopic: name, metricFormat = { kind: 'json' } }: ShopOptions) {
  return topic(name, {
    key: string(),
    value: rowsIn(metricFormat, name),
    partitions: 1,
    config: { 'cleanup.policy': 'compact,delete', 'retention.ms': '-1' },
    create: true,
  })
}
