/**
 * What the shop shows to Prometheus: seven names that dashboards outside rely on, and beside them
 * the same numbers by the conventions (base units, ratios, absent while unknown).
 */
import { type KStream, max, tumbling, type WindowedKTable } from '../src/index.ts'
import { majorUnits, roundedMajorUnits } from './currency.ts'
import {
  type Conversion,
  type Currency,
  conversionRatio,
  type Metric,
  type Sales,
  type Traffic,
} from './metric-row.ts'
import { type RejectionReason, type ShopEvent, timestamp } from './shop-event.ts'

type Final<V> = WindowedKTable<null, V, 'final'>

/**
 * Dashboards count on all of these from the first row on, though the first of a long window may
 * come most of an hour later; 0 until then. The newest event has a time before there is any row.
 */
export const shownTogether: readonly string[] = [
  'users_count',
  'orders_count',
  'conversion',
  'aov',
  'tov',
  'last_window_end',
]

export function showTraffic(traffic: Final<Traffic>): void {
  const visitors = ({ visitors }: Traffic): number => visitors
  const orders = ({ orders }: Traffic): number => orders
  traffic
    .toGauge({
      name: 'users_count',
      help: 'Sessions of the last closed 5 minutes',
      value: visitors,
    })
    .toGauge({ name: 'orders_count', help: 'Orders of the last closed 5 minutes', value: orders })
    .toGauge({
      name: 'last_window_end',
      help: 'End of the last closed 5 minutes in epoch milliseconds',
      value: (_row, { window }) => window.end,
    })
    .toGauge({ ...sessionsGauge, labels: { window: '5m' }, value: visitors })
    .toGauge({
      name: 'shop_window_orders',
      help: 'Orders of the last closed window',
      labels: { window: '5m' },
      value: orders,
    })
  showWindowEnd(traffic, 'visitors_5m')
  showWindowEnd(traffic, 'orders_5m')
}

export function showConversion(conversion: Final<Conversion>): void {
  conversion
    .toGauge({
      name: 'conversion',
      help: 'Sessions with an order in percent of all sessions of the last hour; 0 without any',
      value: percent,
    })
    .toGauge({
      name: 'shop_conversion_ratio',
      help: 'Sessions with an order by all sessions of the last hour; absent without any',
      value: conversionRatio,
    })
    .toGauge({ ...sessionsGauge, labels: { window: '1h' }, value: ({ sessions }) => sessions })
    .toGauge({
      name: 'shop_window_ordering_sessions',
      help: 'Sessions with an order in the last closed window',
      labels: { window: '1h' },
      value: ({ ordering }) => ordering,
    })
  showWindowEnd(conversion, 'conversion_1h')
}

export function showSales(basket: Final<Sales>, revenue: Final<Sales>, currency: Currency): void {
  const { code, decimals } = currency
  basket
    .toGauge({
      name: 'aov',
      help: 'Average order value of the last 24 hours in major units; 0 without orders',
      value: (sales) =>
        sales.orders === 0 ? 0 : roundedMajorUnits(sales.revenue, decimals, sales.orders),
    })
    .toGauge({
      name: 'shop_average_order_value',
      help: 'Average order value of the last 24 hours in major units; absent without orders',
      labels: { currency: code },
      value: (sales) =>
        sales.orders === 0 ? null : majorUnits(sales.revenue, decimals, sales.orders),
    })
  revenue
    .toGauge({
      name: 'tov',
      help: 'Revenue of the last 24 hours in major units',
      value: (sales) => roundedMajorUnits(sales.revenue, decimals),
    })
    .toGauge({
      name: 'shop_window_revenue',
      help: 'Revenue of the last closed window in major units',
      labels: { currency: code, window: '24h' },
      value: (sales) => majorUnits(sales.revenue, decimals),
    })
  showWindowEnd(basket, 'average_order_value_24h')
  showWindowEnd(revenue, 'revenue_24h')
}

/**
 * The newest event follows every commit, not the closing of windows: hence updates of one window
 * that never closes in practice (it ends in 2243), and so never starts again either.
 */
export function showNewest(events: KStream<Uint8Array | null, ShopEvent>): void {
  events
    .windowedBy(tumbling('100000d').emit('updates'))
    .aggregate('newest', { at: max(timestamp) })
    .toGauge({
      name: 'last_message_time',
      help: 'Time of the newest accepted event in epoch milliseconds',
      value: ({ at }) => at,
    })
    .toGauge({
      name: 'shop_last_event_timestamp_seconds',
      help: 'Time of the newest accepted event',
      value: ({ at }) => (at === null ? null : at / 1_000),
    })
}

/** How many events came, and how many orders are without a price that can be read. */
export function countEvents(
  events: KStream<Uint8Array | null, ShopEvent>,
  rejections: { readonly name: string; readonly help: string }
): void {
  events
    .toCounter({
      name: 'shop_events_total',
      help: 'Accepted events by type',
      label: { name: 'event_type', of: ({ order }) => (order ? 'orders' : 'other') },
    })
    .filter(({ order, price, isRepeated }) => isRepeated === true || (order && price === null))
    .toCounter({ ...rejections, label: { name: 'reason', of: reasonOf } })
}

function reasonOf({ isRepeated }: ShopEvent): RejectionReason {
  return isRepeated === true ? 'duplicate_order' : 'bad_price'
}

function showWindowEnd<V>(table: Final<V>, metric: Metric): void {
  table.toGauge({
    name: 'shop_window_end_timestamp_seconds',
    help: 'End of the last closed window of a metric',
    labels: { metric },
    value: (_row, { window }) => window.end / 1_000,
  })
}

const sessionsGauge = {
  name: 'shop_window_unique_sessions',
  help: 'Sessions of the last closed window',
}

/** With two decimals. */
function percent({ ordering, sessions }: Conversion): number {
  return sessions === 0 ? 0 : Math.round((10_000 * ordering) / sessions) / 100
}
