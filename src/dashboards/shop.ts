/**
 * What the owner of a shop looks at: the numbers of now beside those of a week ago, how they got
 * there, and whether they can be trusted.
 */
import { alertsTile, anyIsBad, chart, oldIsBad } from './charts.ts'
import { dashboard } from './dashboard.ts'
import type { Dashboard } from './grafana.ts'
import type { PanelSpec, Threshold } from './panels.ts'
import type { Series } from './series.ts'

export interface ShopDashboardOptions {
  /** ISO 4217. */
  readonly currency: string
  readonly processorUid: string
}

export const shopUid = 'millrace-shop'

/** Of those that Grafana has a unit for; amounts in others are shown without a sign. */
const grafanaCurrencies =
  'USD GBP EUR JPY RUB UAH BRL DKK ISK NOK SEK CZK CHF PLN ZAR INR KRW IDR PHP VND'.split(' ')

/** One number of the shop, and how it is asked for. */
interface Figure {
  readonly title: string
  readonly about: string
  readonly metric: string
  readonly labels?: Readonly<Record<string, string>>
  readonly unit: string
  readonly decimals?: number
  readonly missing?: string
}

const delta: readonly Threshold[] = [
  { color: 'red', value: null },
  { color: 'orange', value: -0.3 },
  { color: 'text', value: -0.1 },
  { color: 'green', value: 0.1 },
]

export function shopDashboard(series: Series, options: ShopDashboardOptions): Dashboard {
  const figures = shopFigures(options.currency)
  const { processorUid } = options
  return dashboard(
    {
      uid: shopUid,
      title: 'Shop',
      description: 'Visitors, orders, conversion and revenue of the shop, beside last week’s.',
      from: 'now-24h',
      related: [{ uid: processorUid, title: 'Processor' }],
      rows: [
        {
          panels: [
            ...Object.values(figures).map((figure) => tile(series, figure)),
            freshTile(series, processorUid),
            ...Object.values(figures).map((figure) => change(series, figure)),
            alertsTile(3, [{ title: 'Processor', url: `/d/${processorUid}` }]),
          ],
        },
        {
          title: 'Visitors and orders',
          panels: [course(series, figures.visitors), course(series, figures.orders)],
        },
        {
          title: 'Conversion',
          panels: [course(series, figures.conversion), components(series)],
        },
        {
          title: 'Money',
          panels: [course(series, figures.revenue), course(series, figures.average)],
        },
        { title: 'What the shop sends', panels: sent(series) },
        { title: 'How fresh the numbers are', panels: fresh(series) },
      ],
    },
    series
  )
}

function shopFigures(currency: string) {
  const unit = grafanaCurrencies.includes(currency) ? `currency${currency}` : 'short'
  const money = { unit, decimals: 2, labels: { currency } }
  return {
    visitors: {
      title: 'Visitors in 5 minutes',
      about: 'Different sessions in the last five minutes that have closed.',
      metric: 'shop_window_unique_sessions',
      labels: { window: '5m' },
      unit: 'short',
    },
    orders: {
      title: 'Orders in 5 minutes',
      about: 'Orders in the last five minutes that have closed, with or without a valid price.',
      metric: 'shop_window_orders',
      labels: { window: '5m' },
      unit: 'short',
    },
    conversion: {
      title: 'Conversion of an hour',
      about:
        'Sessions with an order by all sessions of the last hour; two orders of one count once.',
      metric: 'shop_conversion_ratio',
      unit: 'percentunit',
      decimals: 2,
      missing: 'no sessions',
    },
    revenue: {
      title: 'Revenue of 24 hours',
      about: 'The sum of all valid order prices of the last 24 hours, new every half hour.',
      metric: 'shop_window_revenue',
      ...money,
      labels: { ...money.labels, window: '24h' },
    },
    average: {
      title: 'Average order of 24 hours',
      about: 'Revenue by the orders with a valid price of the last 24 hours, new every hour.',
      metric: 'shop_average_order_value',
      ...money,
      missing: 'no orders',
    },
  } as const satisfies Record<string, Figure>
}

/** Only the owner of the final task shows a figure: `max` is the one there is. */
function now(series: Series, { metric, labels }: Figure): string {
  return `max by (job) (${series.of(metric, labels)})`
}

function weekAgo(series: Series, { metric, labels }: Figure): string {
  return `max by (job) (${series.of(metric, labels)} offset 1w)`
}

function tile(series: Series, figure: Figure): PanelSpec {
  const { title, about, unit, decimals, missing } = figure
  return {
    kind: 'tile',
    title,
    about,
    unit,
    queries: [{ expr: now(series, figure), legend: '{{job}}' }],
    width: 4,
    height: 5,
    ...(decimals === undefined ? {} : { decimals }),
    ...(missing === undefined ? {} : { missing }),
  }
}

function change(series: Series, figure: Figure): PanelSpec {
  const [after, before] = [now(series, figure), weekAgo(series, figure)]
  return {
    kind: 'tile',
    title: 'Against a week ago',
    about: `${figure.title}: by how much it differs from the same time a week ago.`,
    unit: 'percentunit',
    queries: [{ expr: `${after} / (${before} > 0) - 1`, legend: '{{job}}' }],
    width: 4,
    height: 3,
    decimals: 0,
    thresholds: delta,
    plain: true,
    missing: 'no last week',
  }
}

function freshTile(series: Series, processorUid: string): PanelSpec {
  const newest = `max by (job) (${series.of('shop_last_event_timestamp_seconds')})`
  return {
    kind: 'tile',
    title: 'Last event',
    about:
      'How long ago the newest event happened. If it grows, nobody comes, or no events arrive.',
    unit: 's',
    queries: [{ expr: `time() - ${newest}`, legend: '{{job}}' }],
    width: 4,
    height: 5,
    decimals: 0,
    thresholds: oldIsBad,
    alarm: true,
    missing: 'no events',
    links: [{ title: 'Processor', url: `/d/${processorUid}` }],
  }
}

/** How it went, over the same hours a week ago. */
function course(series: Series, figure: Figure): PanelSpec {
  const { title, about, unit, decimals } = figure
  return {
    kind: 'chart',
    title,
    about: `${about} Dashed: a week ago.`,
    unit,
    queries: [
      { expr: now(series, figure), legend: '{{job}}' },
      { expr: weekAgo(series, figure), legend: '{{job}}, a week ago', before: true },
    ],
    width: 12,
    height: 8,
    ...(decimals === undefined ? {} : { decimals }),
  }
}

function components(series: Series): PanelSpec {
  const labels = { window: '1h' }
  const sessions = `max by (job) (${series.of('shop_window_unique_sessions', labels)})`
  const ordering = `max by (job) (${series.of('shop_window_ordering_sessions', labels)})`
  return {
    kind: 'chart',
    title: 'What conversion is made of',
    about:
      'Sessions of the last hour, and, by the axis on the right, those of them with an order. ' +
      'Conversion falls as well when many come who do not buy.',
    unit: 'short',
    queries: [
      { expr: sessions, legend: '{{job}}: sessions' },
      { expr: ordering, legend: '{{job}}: sessions with an order', right: true },
    ],
    width: 12,
    height: 8,
  }
}

function sent(series: Series): readonly PanelSpec[] {
  const badPrices = series.rate('shop_events_rejected_total', { reason: 'bad_price' })
  const orders = series.rate('shop_events_total', { event_type: 'orders' })
  const inexact = series.of('shop_inexact_revenue_total')
  return [
    chart('Events', 'Accepted events in a second.', 'cps', [
      {
        expr: `sum by (job, event_type) (${series.rate('shop_events_total')})`,
        legend: '{{job}}: {{event_type}}',
      },
    ]),
    chart(
      'Refused',
      'Events in a second that are in no metric, by reason; of bad_price only the price is not.',
      'cps',
      [
        {
          expr: `sum by (job, reason) (${series.rate('shop_events_rejected_total')})`,
          legend: '{{job}}: {{reason}}',
        },
      ]
    ),
    {
      ...chart(
        'Orders without a price',
        'The part of the orders whose price cannot be read: it is missing in revenue.',
        'percentunit',
        [
          {
            expr: `sum by (job) (${badPrices}) / (sum by (job) (${orders}) > 0)`,
            legend: '{{job}}',
          },
        ]
      ),
      max: 1,
      width: 5,
    },
    {
      kind: 'tile',
      title: 'Inexact rows',
      about: 'Rows of revenue, in the time that is shown, that are beyond what JSON says exactly.',
      unit: 'short',
      queries: [{ expr: `sum by (job) (increase(${inexact}[$__range]))`, legend: '{{job}}' }],
      width: 3,
      height: 7,
      decimals: 0,
      thresholds: anyIsBad,
      plain: true,
    },
  ]
}

function fresh(series: Series): readonly PanelSpec[] {
  const newest = series.of('shop_last_event_timestamp_seconds')
  const ends = series.of('shop_window_end_timestamp_seconds')
  const late = series.rate('millrace_dropped_records_total', { reason: 'late' })
  return [
    {
      kind: 'chart',
      title: 'Age of the newest event',
      about: 'Seconds since the newest event happened.',
      unit: 's',
      queries: [{ expr: `time() - max by (job) (${newest})`, legend: '{{job}}' }],
      width: 8,
      height: 7,
      thresholds: oldIsBad,
    },
    {
      kind: 'chart',
      title: 'Age of the numbers',
      about:
        'Time since the end of the last closed window, by metric: a saw from the grace to the ' +
        'time to the next row. A line that only climbs is a metric that is not computed any more.',
      unit: 's',
      queries: [{ expr: `time() - max by (job, metric) (${ends})`, legend: '{{job}}: {{metric}}' }],
      width: 8,
      height: 7,
    },
    {
      kind: 'chart',
      title: 'Too late',
      about:
        'Windows in a second that an event has missed, because they had closed before it came.',
      unit: 'cps',
      queries: [{ expr: `sum by (job) (${late})`, legend: '{{job}}' }],
      width: 8,
      height: 7,
    },
  ]
}
