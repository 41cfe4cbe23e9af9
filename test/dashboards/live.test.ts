/**
 * The processor, a real Prometheus that scrapes it, the rules and the dashboards that are shipped:
 * whether they speak of series that exist, and say what is so.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { parse } from 'yaml'
import { readConfig } from '../../src/config.ts'
import type { Dashboard } from '../../src/dashboards/grafana.ts'
import { silentLogger } from '../../src/log.ts'
import { ShopApp } from '../../src/shop-app.ts'
import { postEvents } from '../support/api-client.ts'
import { expressionsOf, shipped } from '../support/dashboards.ts'
import {
  prometheusPrograms,
  type RunningPrometheus,
  startPrometheus,
} from '../support/prometheus.ts'
import type { RawEvent } from '../support/shop-events.ts'

const rulesDirectory = fileURLToPath(new URL('../../compose/prometheus/rules', import.meta.url))
const ruleFiles = ['recording.yml', 'alerts.yml'].map((name) => join(rulesDirectory, name))
const programs = await prometheusPrograms()
const job = 'shop-metrics'
const minute = 60_000
const week = 7 * 24 * 60 * minute

/** Rules and panels that rightly have nothing to say of an application that is well. */
const silentWhenWell = ['job_topic:millrace_lag_seconds:max']

describe.skipIf(programs === undefined)('with a real Prometheus', () => {
  let stateDir: string
  let shop: ShopApp
  let prometheus: RunningPrometheus
  let traffic: NodeJS.Timeout | undefined

  beforeAll(async () => {
    if (programs === undefined) return
    stateDir = await mkdtemp(join(tmpdir(), 'millrace-live-'))
    const quick = { IDLE_AFTER: '200ms', DEMO_TRAFFIC: 'off', HTTP_PORT: '0' }
    const config = readConfig({ STATE_DIR: stateDir, ...quick })
    shop = new ShopApp(config, { logger: silentLogger })
    await shop.start()
    const url = shop.url ?? ''
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200), patience)
    await postEvents(url, earlier())
    traffic = setInterval(() => void postEvents(url, live()).catch(() => undefined), 250)
    const target = new URL(url).host
    const history = lastWeek(Date.now() - week)
    prometheus = await startPrometheus(programs, target, { job, ruleFiles, history })
    const last = 'job:shop_conversion_ratio:avg6h'
    await vi.waitFor(async () => expect(await prometheus.query(last)).toHaveLength(1), patience)
  })

  afterAll(async () => {
    clearInterval(traffic)
    await prometheus?.stop()
    await shop?.close()
    await rm(stateDir, { recursive: true, force: true })
  })

  const value = async (expression: string): Promise<number | undefined> =>
    (await prometheus.query(expression))[0]?.value

  it('the numbers of the shop are those of its events', async () => {
    const numbers = {
      [`up{job="${job}"}`]: 1,
      users_count: 2,
      conversion: 50,
      aov: 184.9,
      tov: 184.9,
      'shop_window_ordering_sessions{window="1h"}': 1,
      'shop_average_order_value{currency="EUR"}': 184.9,
      'millrace_tasks{state="running"}': 3,
    }
    for (const [expression, wanted] of Object.entries(numbers)) {
      await expect.poll(() => value(expression), { ...patience, message: expression }).toBe(wanted)
    }
  })

  it('the recording rules have values', async () => {
    const wanted = {
      'job_window:shop_window_unique_sessions:max{window="5m"}': 2,
      'job:shop_conversion_ratio:max': 0.5,
      'job:shop_conversion_ratio:avg6h': 0.5,
      'job_currency:shop_window_revenue:max{currency="EUR"}': 184.9,
      'job:shop_bad_prices:ratio_rate1h': 1,
    }
    for (const [expression, wanted_] of Object.entries(wanted)) {
      await expect.poll(() => value(expression), { ...patience, message: expression }).toBe(wanted_)
    }
    const { groups } = parse(await readFile(ruleFiles[0] ?? '', 'utf8')) as {
      groups: { rules: { record: string }[] }[]
    }
    const names = groups.flatMap(({ rules }) => rules.map(({ record }) => record))
    for (const name of names.filter((one) => !silentWhenWell.includes(one))) {
      await expect.poll(() => value(name), { ...patience, message: name }).toBeTypeOf('number')
    }
  })

  it('every rule can be evaluated, and no alert fires', async () => {
    const rules = await prometheus.rules()
    expect(rules.length).toBeGreaterThan(40)
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([])
    expect(await prometheus.query('ALERTS{alertstate="firing"}')).toEqual([])
  })

  it.each([...shipped()])('every query of %s is answered', async (name, dashboard) => {
    for (const expression of asked(dashboard)) {
      expect(await prometheus.fault(expression), expression).toBeUndefined()
    }
    if (name !== 'shop.json') return
    for (const expression of asked(dashboard)) {
      const answers = async () => (await prometheus.query(expression)).length
      await expect.poll(answers, { ...patience, message: expression }).toBeGreaterThan(0)
    }
  })

  it('the queries of the processor have data, but for what happens only in trouble', async () => {
    const inTrouble = [/millrace_restore_\w+/, /and millrace_lag_records/, /^ALERTS/]
    const dashboard = shipped().get('processor.json')
    for (const expression of dashboard === undefined ? [] : asked(dashboard)) {
      if (inTrouble.some((pattern) => pattern.test(expression))) continue
      const answers = async () => (await prometheus.query(expression)).length
      await expect.poll(answers, { ...patience, message: expression }).toBeGreaterThan(0)
    }
  })
})

const patience = { timeout: 30_000, interval: 200 }

/** As Grafana would ask with a scrape every second. */
function asked(dashboard: Dashboard): readonly string[] {
  return expressionsOf(dashboard).map((expression) =>
    expression
      .replaceAll('$__rate_interval', '10s')
      .replaceAll('$__range', '1m')
      .replaceAll('$job', job)
      .replaceAll('$instance', '.+')
  )
}

/**
 * An order hours ago; and a visitor and a buyer in the last closed five minutes. Those who come
 * while the test runs are the same two, without a price: whatever closes meanwhile, the numbers
 * stay what they are.
 */
function earlier(): readonly RawEvent[] {
  const closed = Math.floor(Date.now() / (5 * minute)) * 5 * minute
  const order = { sessionId: 'b', eventType: 'checkout_click', total_price: '184.90' }
  return [
    { ...order, timestamp: closed - 120 * minute },
    { sessionId: 'a', eventType: 'pageView', timestamp: closed - 4 * minute },
    { ...order, timestamp: closed - 4 * minute, total_price: '' },
  ]
}

function live(): readonly RawEvent[] {
  const timestamp = Date.now()
  return [
    { timestamp, sessionId: 'a', eventType: 'pageView' },
    { timestamp, sessionId: 'b', eventType: 'checkout_click', total_price: '' },
  ]
}

/** Half an hour around the same moment a week ago, as it would have been scraped and recorded. */
function lastWeek(around: number): string {
  const labels = `job="${job}",instance="before:8013"`
  const series: readonly (readonly [name: string, more: string, value: number])[] = [
    ['shop_window_unique_sessions', ',window="5m"', 4],
    ['shop_window_unique_sessions', ',window="1h"', 40],
    ['shop_window_ordering_sessions', ',window="1h"', 2],
    ['shop_window_orders', ',window="5m"', 1],
    ['shop_conversion_ratio', '', 0.05],
    ['shop_average_order_value', ',currency="EUR"', 60],
    ['shop_window_revenue', ',currency="EUR",window="24h"', 12_000],
  ]
  const scraped = series.map(
    ([name, more, number]) => [`${name}{${labels}${more}}`, number] as const
  )
  const recorded = [['job:shop_conversion_ratio:avg6h{job="shop-metrics"}', 0.05] as const]
  const lines = [...scraped, ...recorded].flatMap(([text, number]) =>
    Array.from({ length: 30 }, (_, index) => {
      return `${text} ${number} ${Math.floor(around / 1_000) + 60 * (index - 15)}`
    })
  )
  return `${lines.join('\n')}\n# EOF\n`
}
