/** What the page, and the dashboard in Prometheus, show to people. */
import { setTimeout as sleep } from 'node:timers/promises'
import { launchChromium } from './chromium.ts'
import { panelsOf, shipped } from './dashboards.ts'
import { type PrometheusPrograms, startPrometheus } from './prometheus.ts'
import type { Metric, MetricRow } from './shop-recount.ts'

export type Rows = ReadonlyMap<Metric, readonly MetricRow[]>

const day = 86_400_000
const job = 'shop-metrics'
const patienceMs = 30_000

/** What the figures of the page are while these are the rows; the last of each is shown. */
export function figuresOf(rows: Rows): Readonly<Record<string, string>> {
  const [visitors, orders] = [last(rows, 'visitors_5m'), last(rows, 'orders_5m')]
  const [conversion, revenue] = [last(rows, 'conversion_1h'), last(rows, 'revenue_24h')]
  const ordersFrom = (from: number): string => {
    const counted = rows.get('orders_5m')?.filter(({ windowEnd }) => windowEnd > from) ?? []
    return number(counted.reduce((sum, { value }) => sum + (value ?? 0), 0))
  }
  return {
    visitors: number(visitors.value),
    ordersToday: ordersFrom(Math.floor((orders.windowEnd - 1) / day) * day),
    ordersDay: ordersFrom(orders.windowEnd - day),
    revenueDay: number(revenue.value, { style: 'currency', currency: 'EUR' }),
    averageDay: number(last(rows, 'average_order_value_24h').value, {
      style: 'currency',
      currency: 'EUR',
    }),
    conversion: number(conversion.value, { style: 'percent', maximumFractionDigits: 2 }),
  }
}

/** The same as they are on the page, once these are; or as they are after half a minute. */
export async function figuresOnPage(
  url: string,
  wanted: Readonly<Record<string, string>>
): Promise<Readonly<Record<string, string>>> {
  const browser = await launchChromium()
  try {
    const page = await browser.newPage({ locale: 'en-GB', timezoneId: 'UTC' })
    await page.goto(url)
    const shown: Record<string, string> = {}
    for (const [name, text] of Object.entries(wanted)) {
      const place = page.locator(`[data-figure=${name}] .value`)
      const there = place.getByText(text, { exact: true })
      await there.waitFor({ timeout: patienceMs }).catch(() => undefined)
      shown[name] = (await place.textContent()) ?? ''
    }
    return shown
  } finally {
    await browser.close()
  }
}

/** The large numbers of the Shop dashboard, by the titles of their panels. */
export function tilesOf(rows: Rows): Readonly<Record<string, number | null>> {
  return {
    'Visitors in 5 minutes': rounded(last(rows, 'visitors_5m').value),
    'Orders in 5 minutes': rounded(last(rows, 'orders_5m').value),
    'Conversion of an hour': rounded(last(rows, 'conversion_1h').value),
    'Revenue of 24 hours': rounded(last(rows, 'revenue_24h').value),
    'Average order of 24 hours': rounded(last(rows, 'average_order_value_24h').value),
  }
}

/** The same as the queries of the dashboard answer, in a Prometheus that scrapes the instance. */
export async function tilesInPrometheus(
  programs: PrometheusPrograms,
  url: string,
  wanted: Readonly<Record<string, number | null>>
): Promise<Readonly<Record<string, number | null>>> {
  const prometheus = await startPrometheus(programs, new URL(url).host, { job })
  const dashboard = shipped().get('shop.json')
  const deadline = Date.now() + patienceMs
  const answered: Record<string, number | null> = {}
  try {
    for (const title of Object.keys(wanted)) {
      const panel = dashboard && panelsOf(dashboard).find((one) => one.title === title)
      const [target] = panel?.targets ?? []
      const expression = target?.expr.replaceAll('$job', job).replaceAll('$instance', '.+') ?? ''
      for (;;) {
        answered[title] = rounded((await prometheus.query(expression))[0]?.value ?? null)
        if (answered[title] === wanted[title] || Date.now() > deadline) break
        await sleep(200)
      }
    }
    return answered
  } finally {
    await prometheus.stop()
  }
}

function last(rows: Rows, metric: Metric): MetricRow {
  const row = rows.get(metric)?.at(-1)
  if (row === undefined) throw new Error(`no row of ${metric}`)
  return row
}

/** To twelve digits: what was divided elsewhere may differ in the last one. */
function rounded(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(12))
}

function number(value: number | null, options: Intl.NumberFormatOptions = {}): string {
  return value === null ? '–' : new Intl.NumberFormat('en-GB', options).format(value)
}
