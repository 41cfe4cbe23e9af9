import { describe, expect, it, onTestFinished } from 'vitest'
import { json, nullable, string, topic } from '../../src/index.ts'
import { TopologyTestDriver } from '../../src/testing/index.ts'
import type { MetricRow } from '../../topologies/metric-row.ts'
import { metricWindows, type ShopOptions, shopMetrics } from '../../topologies/shop-metrics.ts'
import { type RawEvent, shopEvents } from '../support/shop-events.ts'
import { differences, metrics, recount } from '../support/shop-recount.ts'

const minute = 60_000
const hour = 60 * minute
const noon = Date.UTC(2026, 10, 22, 12)
const options: ShopOptions = {
  eventsTopic: 'shop.events',
  metricsTopic: 'shop.metrics',
  orderTypes: ['checkout_click'],
  currency: 'EUR',
  grace: '30s',
  idle: '1m',
  conversionRefresh: '5m',
  maxFuture: 'off',
}
const input = topic('shop.events', { key: nullable(string()), value: json<object>() })
const output = topic('shop.metrics', { key: string(), value: json<MetricRow>() })

async function open(changes: Partial<ShopOptions> = {}, start = noon) {
  const driver = await TopologyTestDriver.open(shopMetrics({ ...options, ...changes }), { start })
  onTestFinished(() => driver.close())
  const send = async (...events: readonly RawEvent[]) => {
    await driver.input(input).pipeAll(events.map((value) => ({ key: null, value })))
  }
  const records = () => driver.output(output).readAll()
  const rows = (metric: string) =>
    records().flatMap(({ value }) => (value?.metric === metric ? [value] : []))
  const counter = (name: string, label: string) => {
    const found = driver.counters().find((one) => {
      return one.name === name && Object.values(one.labels).includes(label)
    })
    return found?.value ?? 0
  }
  return { driver, send, records, rows, counter }
}

function event(sinceNoon: number, sessionId = 'a', more: RawEvent = {}): RawEvent {
  return { timestamp: noon + sinceNoon, sessionId, eventType: 'pageView', ...more }
}

function order(sinceNoon: number, sessionId: string, price?: unknown): RawEvent {
  return event(sinceNoon, sessionId, { eventType: 'checkout_click', total_price: price })
}

describe('the shop metrics', () => {
  it('count a double click as one order and as a visit, also after a crash', async () => {
    const { driver, send, records, counter } = await open({ orderDedup: '10s', idle: 'off' })
    const click = (at: number, more: RawEvent = {}, session = 'a'): RawEvent => ({
      ...order(at, session, '10.00'),
      pageViewId: 'p',
      ...more,
    })
    await send(
      click(0),
      click(4_000),
      click(5_000, { pageViewId: 'q' }),
      click(5_000, { total_price: '12.00' }),
      click(5_000, {}, 'b'),
      // An id decides alone, unless it is empty.
      click(6_000, { orderId: '7' }),
      click(6_000, { orderId: '7', pageViewId: 'q', eventId: 'x' }),
      click(6_000, { eventId: 7 }),
      click(6_000, { orderId: '', eventId: ' ' })
    )
    expect(counter('shop_events_rejected_total', 'duplicate_order')).toBe(3)
    await driver.crash()
    await driver.restart()
    await send(click(9_000), click(10_000), click(5 * minute, {}, 'late'), event(6 * minute))
    const found = records().map(({ value }) => value)
    const newest = (metric: string) => found.find((row) => row?.metric === metric)?.value
    // At 10 s the first is out of the span.
    expect([newest('orders_5m'), newest('visitors_5m')]).toEqual([7, 2])
    expect(found[0]?.lastEventAt).toBe(noon + 10_000)
    expect(counter('shop_events_rejected_total', 'duplicate_order')).toBe(1)
    expect(driver.dropped()).toEqual({})
  })

  it('take every click for an order unless told otherwise', async () => {
    const { send, rows } = await open({ idle: 'off' })
    await send(order(0, 'a', '1'), order(0, 'a', '1'), event(6 * minute))
    expect(rows('orders_5m')[0]?.value).toBe(2)
  })

  it('put out rows as readers rely on them, keyed and dated by their window', async () => {
    const { send, records } = await open()
    await send(event(0), order(1_000, 'b', '184.90'), event(5 * minute + 30_000))
    const end = noon + 5 * minute
    const row = {
      windowStart: noon,
      windowEnd: end,
      value: 0,
      numerator: null,
      denominator: null,
      amount: null,
      currency: null,
      final: true,
      revision: 0,
      firstEventAt: noon,
      lastEventAt: noon + 1_000,
    }
    const found = records()
    expect(found.every(({ timestamp }) => timestamp === end)).toBe(true)
    expect(new Map(found.map(({ key, value }) => [key, value]))).toEqual(
      new Map([
        ['visitors_5m|2026-11-22T12:05:00.000Z', { ...row, metric: 'visitors_5m', value: 2 }],
        ['orders_5m|2026-11-22T12:05:00.000Z', { ...row, metric: 'orders_5m', value: 1 }],
        [
          'conversion_1h|2026-11-22T12:05:00.000Z',
          {
            ...row,
            metric: 'conversion_1h',
            windowStart: end - hour,
            value: 0.5,
            numerator: 1,
            denominator: 2,
          },
        ],
      ])
    )
  })

  it('put out money exactly', async () => {
    const { send, rows } = await open()
    await send(order(0, 'a', '0.10'), order(1, 'a', '0.20'), order(2, 'b', 184.9), event(2 * hour))
    const [first] = rows('revenue_24h')
    expect(first).toMatchObject({
      windowStart: noon + 30 * minute - 24 * hour,
      windowEnd: noon + 30 * minute,
      value: 185.2,
      numerator: 18520,
      denominator: 3,
      amount: '185.20',
      currency: 'EUR',
    })
  })

  it('divide revenue by orders with a price, and know no average without any', async () => {
    const { send, rows } = await open()
    await send(order(0, 'a', '10'), order(1, 'b', '5.01'), order(2, 'c', ''), event(26 * hour))
    const averages = rows('average_order_value_24h')
    expect(averages[0]).toMatchObject({
      value: 7.505,
      numerator: 1501,
      denominator: 2,
      amount: null,
    })
    expect(averages.at(-1)).toMatchObject({ value: null, numerator: 0, denominator: 0 })
  })

  it('count an order with a bad price in orders and conversion, but not in money', async () => {
    const { send, records, counter } = await open()
    const bad = ['', 'null', '1,299.00', '€5', '-3', 'NaN', '1e3', undefined]
    await send(...bad.map((price, i) => order(i, `s${i}`, price)), event(2 * hour, 'late'))
    const rows = records().map(({ value }) => value)
    const first = (metric: string) => rows.find((row) => row?.metric === metric)
    expect(first('orders_5m')?.value).toBe(8)
    expect(first('conversion_1h')?.value).toBe(1)
    expect(first('revenue_24h')).toMatchObject({ value: 0, denominator: 0, amount: '0.00' })
    expect(counter('shop_events_rejected_total', 'bad_price')).toBe(8)
    expect(counter('shop_events_total', 'orders')).toBe(8)
    expect(counter('shop_events_total', 'other')).toBe(1)
  })

  it('refuse events by the first reason that fits, and never let them move time', async () => {
    const { driver, send, records, counter } = await open({ maxFuture: '2m' })
    const bytes = (text: string) => new TextEncoder().encode(text)
    await driver.input(input).pipeBytes(null, bytes('{'))
    await driver.input(input).pipeBytes(null, bytes('[]'))
    await driver.input(input).pipeBytes(null, null)
    await send(
      event(hour, 'a', { detectedDuplicate: true, detectedCorruption: true }),
      event(hour, '', { detectedCorruption: true }),
      event(hour, ''),
      { sessionId: 'a', eventType: 'pageView' },
      event(2 * minute + 1),
      event(2 * minute)
    )
    const reasons = ['decode', 'duplicate', 'corrupt', 'no_session', 'no_timestamp', 'future']
    const counts = reasons.map((reason) => counter('shop_events_rejected_total', reason))
    expect(counts).toEqual([3, 1, 1, 1, 1, 1])
    expect(counter('shop_events_total', 'other')).toBe(1)
    expect(records()).toEqual([])
    expect(driver.gauge('last_message_time')).toBe(noon + 2 * minute)
  })

  it('keep an amount beyond 2^53 exact, without a numerator, and count it', async () => {
    const { driver, send, records } = await open()
    const largest = '9999999999999.99'
    await send(...Array.from({ length: 10 }, (_, i) => order(i, 'a', largest)))
    await send(event(hour + minute))
    const money = records().flatMap(({ value }) => (value?.denominator === 10 ? [value] : []))
    const inexact = { numerator: null, denominator: 10 }
    const revenue = { ...inexact, metric: 'revenue_24h', amount: '99999999999999.90' }
    const average = { ...inexact, metric: 'average_order_value_24h' }
    money.sort((a, b) => a.metric.localeCompare(b.metric))
    expect(money).toMatchObject([average, revenue, revenue])
    const counted = driver.counters().find(({ name }) => name === 'shop_inexact_revenue_total')
    expect(counted?.value).toBe(money.length)
  })

  it('put out empty windows, and gauges that fall to zero, in silence', async () => {
    const { driver, send, rows } = await open()
    await send(event(0), order(minute, 'b', '12'))
    await driver.advanceWallClock('12m')
    await driver.advanceWallClock('1m')
    const values = rows('visitors_5m').map(({ value, firstEventAt }) => [value, firstEventAt])
    expect(values.slice(0, 2)).toEqual([
      [2, noon],
      [0, null],
    ])
    expect(driver.gauge('users_count')).toBe(0)
    expect(driver.gauge('orders_count')).toBe(0)
    expect(driver.gauge('last_message_time')).toBe(noon + minute)
  })

  it('show seven gauges under fixed names, and the conventional ones beside them', async () => {
    const { driver, send } = await open()
    await send(
      event(0, 'a'),
      order(1, 'b', '10.00'),
      order(2, 'b', '5.01'),
      order(3, 'c', ''),
      event(hour + minute, 'd')
    )
    await send(event(hour + 6 * minute, 'e'))
    const end = noon + hour + 5 * minute
    const shown = Object.fromEntries(
      driver.gauges().map(({ name, labels, value }) => {
        const text = Object.entries(labels).map(([label, of]) => `${label}=${of}`)
        return [[name, ...text.sort()].join(' '), value]
      })
    )
    expect(shown).toEqual({
      users_count: 1,
      orders_count: 0,
      last_window_end: end,
      conversion: 0,
      aov: 7.51,
      tov: 15.01,
      last_message_time: noon + hour + 6 * minute,
      'shop_window_unique_sessions window=5m': 1,
      'shop_window_unique_sessions window=1h': 1,
      'shop_window_orders window=5m': 0,
      'shop_window_ordering_sessions window=1h': 0,
      shop_conversion_ratio: 0,
      'shop_average_order_value currency=EUR': 7.505,
      'shop_window_revenue currency=EUR window=24h': 15.01,
      shop_last_event_timestamp_seconds: (noon + hour + 6 * minute) / 1_000,
      'shop_window_end_timestamp_seconds metric=visitors_5m': end / 1_000,
      'shop_window_end_timestamp_seconds metric=orders_5m': end / 1_000,
      'shop_window_end_timestamp_seconds metric=conversion_1h': end / 1_000,
      'shop_window_end_timestamp_seconds metric=average_order_value_24h': (noon + hour) / 1_000,
      'shop_window_end_timestamp_seconds metric=revenue_24h': (noon + hour) / 1_000,
    })
  })

  it('show 0 under the fixed names where a value is unknown, nothing under others', async () => {
    const { driver, send } = await open()
    await send(event(0))
    await driver.advanceWallClock('3h')
    await driver.advanceWallClock('1m')
    expect([driver.gauge('conversion'), driver.gauge('aov')]).toEqual([0, 0])
    expect(driver.gauge('shop_conversion_ratio')).toBeUndefined()
    expect(driver.gauge('shop_average_order_value', { currency: 'EUR' })).toBeUndefined()
  })

  it('follow the newest event with every commit, not with the order of arrival', async () => {
    const { driver, send } = await open()
    await send(event(9_000))
    expect(driver.gauge('last_message_time')).toBe(noon + 9_000)
    await send(event(2_000))
    expect(driver.gauge('last_message_time')).toBe(noon + 9_000)
  })

  it('do money without decimals, and other types of orders', async () => {
    const { send, rows } = await open({ currency: 'JPY', orderTypes: ['purchase', 'refill'] })
    await send(
      event(0, 'a', { eventType: 'purchase', total_price: '1200' }),
      event(1, 'a', { eventType: 'refill', total_price: '300.5' }),
      event(2, 'b', { eventType: 'checkout_click', total_price: '5' }),
      event(2 * hour, 'c')
    )
    expect(rows('revenue_24h')[0]).toMatchObject({ value: 1200, amount: '1200', currency: 'JPY' })
  })

  it('tell how long their windows are, and how often they are refreshed', () => {
    const windows = metricWindows({ ...options, conversionRefresh: '10m' })
    expect(
      windows.map(({ name, sizeMs, refreshMs }) => [name, sizeMs / minute, refreshMs / minute])
    ).toEqual([
      ['visitors_5m', 5, 5],
      ['orders_5m', 5, 5],
      ['conversion_1h', 60, 10],
      ['average_order_value_24h', 1440, 60],
      ['revenue_24h', 1440, 30],
    ])
  })

  it.each([1, 4])('equal an independent recount, from %i partitions', async (partitions) => {
    const topology = shopMetrics(options)
    const from = noon - 60 * hour
    const to = noon - 26 * hour
    const shape = { seed: 11 + partitions, count: 3_000, disorderMs: 25_000, sessions: 300 }
    const events = shopEvents({ ...shape, from, to }).filter(({ timestamp }) => {
      return typeof timestamp !== 'number' || timestamp < noon
    })
    const driver = await TopologyTestDriver.open(topology, {
      start: noon,
      partitions: { 'shop.events': partitions },
      commit: 'manual',
    })
    onTestFinished(() => driver.close())
    for (let i = 0; i < events.length; i += 500) {
      const piped = events.slice(i, i + 500).map((value, j) => {
        return { key: null, value, partition: (i + j) % partitions }
      })
      await driver.input(input).pipeAll(piped)
      await driver.commit()
    }
    await driver.advanceWallClock('2m')
    await driver.commit()
    await driver.advanceWallClock('30h')
    await driver.commit()
    const rows = driver
      .output(output)
      .readAll()
      .map(({ value }) => value)
    const until = to + 25 * hour
    const expected = recount(events, until)
    for (const metric of metrics) {
      const actual = rows.flatMap((row) => {
        return row?.metric === metric && row.windowEnd <= until ? [row] : []
      })
      expect(differences(expected.get(metric) ?? [], actual), metric).toEqual([])
    }
  })
})
