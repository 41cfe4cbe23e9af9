/** Rows of nine days that end at the clock of a fake application, with figures easy to add up. */
import type { FakeApplication } from './http-ports.ts'
import { metricRow } from './metric-rows.ts'

const minute = 60_000
const half = 30 * minute
const day = 86_400_000

interface DayFigures {
  /** Every five minutes. */
  readonly visitors: number
  readonly orders: number
  readonly ordering: number
  readonly sessions: number
  /** Every half hour, minor units. */
  readonly revenue: number
  readonly priced: number
}

const usual = { visitors: 40, orders: 1, ordering: 10, sessions: 500, revenue: 5_000, priced: 1 }
const days = new Map<number, DayFigures>([
  [0, { visitors: 1_234, orders: 3, ordering: 31, sessions: 993, revenue: 10_000, priced: 2 }],
  [1, { visitors: 1_200, orders: 2, ordering: 20, sessions: 1_000, revenue: 9_000, priced: 3 }],
  [7, { visitors: 1_300, orders: 4, ordering: 40, sessions: 1_000, revenue: 10_000, priced: 2 }],
])

/** `daysBack`: how much of the past there is. Days are those of Berlin in winter. */
export function fillDays(shop: FakeApplication, daysBack = 9): void {
  const end = shop.clock.now()
  const dayOf = (time: number): number => Math.floor((time - 1 + 3_600_000) / day)
  const figures = (time: number) => days.get(dayOf(end) - dayOf(time)) ?? usual
  for (let at = end - daysBack * day; at <= end; at += 5 * minute) {
    const { visitors, orders, ordering, sessions } = figures(at)
    const ratio = { value: ordering / sessions, numerator: ordering, denominator: sessions }
    shop.put(
      metricRow('visitors_5m', at, { value: visitors }),
      metricRow('orders_5m', at, { value: orders }),
      metricRow('conversion_1h', at, ratio)
    )
    if (at % half === 0) fillSales(shop, at, figures(at))
  }
}

function fillSales(shop: FakeApplication, at: number, { revenue, priced }: DayFigures): void {
  const part = { numerator: revenue, denominator: priced, currency: 'EUR' }
  const amount = (minor: number): string => (minor / 100).toFixed(2)
  shop.put(
    metricRow('revenue_30m', at, {
      ...part,
      windowStart: at - half,
      value: revenue / 100,
      amount: amount(revenue),
    }),
    metricRow('revenue_24h', at, {
      ...part,
      numerator: revenue * 48,
      value: (revenue * 48) / 100,
      amount: amount(revenue * 48),
    })
  )
  if (at % (2 * half) !== 0) return
  const value = revenue / (100 * priced)
  shop.put(metricRow('average_order_value_24h', at, { ...part, currency: null, value }))
}
