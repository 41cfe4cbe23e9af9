/** What the page shows, in which order, and what its words mean. */
import { compact, count, money, percent, points } from './formats.mjs'

const sales = 'Orders are accepted order events: clicks on the checkout, unless set otherwise.'

/** How a value, and a difference of two, are written; `currency` is that of the shop. */
export const writers = {
  count: { value: count, difference: count, axis: compact },
  ratio: { value: percent, difference: points, axis: percent },
  money: {
    value: money,
    difference: money,
    axis: (value) => compact(value),
  },
}

/** `figures`: the first one is the large one. */
export const tiles = [
  {
    id: 'visitors',
    title: 'Visitors now',
    metric: 'visitors_5m',
    definition:
      'Sessions with at least one accepted event in the five minutes that closed last. A session ' +
      'counts once, however much it does.',
    figures: [{ name: 'visitors', caption: '5 minutes', write: 'count' }],
  },
  {
    id: 'orders',
    title: 'Orders',
    metric: 'orders_5m',
    definition: `${sales} A session that orders twice counts twice.`,
    figures: [
      { name: 'ordersToday', caption: 'today', write: 'count' },
      { name: 'ordersDay', caption: '24 hours', write: 'count' },
    ],
  },
  {
    id: 'revenue',
    title: 'Revenue',
    metric: 'revenue_30m',
    definition:
      'The sum of all valid order prices: gross, without refunds. Today is made of the half ' +
      'hours that have closed since midnight.',
    figures: [
      { name: 'revenueToday', caption: 'today', write: 'money' },
      { name: 'revenueDay', caption: '24 hours', write: 'money' },
    ],
  },
  {
    id: 'average',
    title: 'Average order',
    metric: 'average_order_value_24h',
    definition: 'Revenue divided by the orders that had a valid price.',
    figures: [
      { name: 'averageToday', caption: 'today', write: 'money' },
      { name: 'averageDay', caption: '24 hours', write: 'money' },
    ],
  },
  {
    id: 'conversion',
    title: 'Conversion',
    metric: 'conversion_1h',
    definition:
      'Sessions with an order, divided by sessions with any event, in the hour that closed last. ' +
      'A session counts once in each, so it is never above 100 %. Differences are in percentage ' +
      'points.',
    figures: [{ name: 'conversion', caption: '1 hour', write: 'ratio' }],
  },
]

export const funnelDefinition =
  'Of the sessions in the hour that closed last: how many of them ordered, and how many orders ' +
  `they placed. ${sales}`

export const charts = [
  {
    id: 'visitors',
    title: 'Visitors',
    metric: 'visitors_5m',
    kind: 'line',
    write: 'count',
    unit: 'in 5 minutes',
  },
  {
    id: 'orders',
    title: 'Orders',
    metric: 'orders_5m',
    kind: 'bars',
    write: 'count',
    unit: 'in 5 minutes',
  },
  {
    id: 'revenue',
    title: 'Revenue',
    metric: 'revenue_30m',
    kind: 'bars',
    write: 'money',
    unit: 'in half an hour',
  },
  {
    id: 'average',
    title: 'Average order',
    metric: 'average_order_value_24h',
    kind: 'line',
    write: 'money',
    unit: 'over 24 hours',
  },
  {
    id: 'conversion',
    title: 'Conversion',
    metric: 'conversion_1h',
    kind: 'line',
    write: 'ratio',
    unit: 'over an hour',
  },
]
