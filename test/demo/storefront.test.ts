import { describe, expect, it } from 'vitest'
import { type Arrival, type StorefrontOptions, traffic } from '../../src/demo/storefront.ts'
import { minorUnits } from '../support/shop-recount.ts'

const minute = 60_000
const hour = 60 * minute
const shop: StorefrontOptions = {
  seed: 7,
  orderType: 'checkout_click',
  decimals: 2,
  disorderMs: 8_000,
}
const from = Date.UTC(2026, 10, 20)
const to = from + 72 * hour
const arrivals = traffic(shop, from, to)
const clean = arrivals.filter(({ event }) => {
  return event['detectedDuplicate'] !== true && event['detectedCorruption'] !== true
})
const orders = clean.filter(({ event }) => event['eventType'] === 'checkout_click')

/** Items per window of `size`, one window ending at each multiple of `step`. */
function windows(items: readonly Arrival[], size: number, step: number): readonly Arrival[][] {
  const sorted = [...items].sort((a, b) => a.event.timestamp - b.event.timestamp)
  const rows: Arrival[][] = []
  let low = 0
  let high = 0
  for (let end = from + size; end <= to - 10 * minute; end += step) {
    while ((sorted[high]?.event.timestamp ?? end) < end) high++
    while ((sorted[low]?.event.timestamp ?? end) < end - size) low++
    rows.push(sorted.slice(low, high))
  }
  return rows
}

function sessions(items: readonly Arrival[]): number {
  return new Set(items.map(({ event }) => event['sessionId'])).size
}

describe('the storefront', () => {
  it('does the same again for the same seed, and something else for another', () => {
    const later = from + 20 * minute
    expect(traffic(shop, from, later)).toEqual(traffic(shop, from, later))
    expect(traffic({ ...shop, seed: 8 }, from, later)).not.toEqual(traffic(shop, from, later))
  })

  it('gives the same events whole or in pieces', () => {
    const end = from + 30 * minute
    const pieces: Arrival[] = []
    for (let at = from; at < end; at += 7_919) {
      pieces.push(...traffic(shop, at, Math.min(at + 7_919, end)))
    }
    expect(pieces).toEqual(traffic(shop, from, end))
  })

  it('has at least 5 sessions in every 5 minutes and 200 in every hour', () => {
    const short = windows(clean, 5 * minute, 5 * minute).map(sessions)
    const long = windows(clean, hour, 5 * minute).map(sessions)
    expect(Math.min(...short)).toBeGreaterThanOrEqual(5)
    expect(Math.min(...long)).toBeGreaterThanOrEqual(200)
  })

  it('has at least 2 orders in every hour, one of them with a valid price', () => {
    const perHour = windows(orders, hour, minute)
    expect(Math.min(...perHour.map((items) => items.length))).toBeGreaterThanOrEqual(2)
    const priced = perHour.map((items) => {
      return items.filter(({ event }) => minorUnits(event['total_price']) !== null).length
    })
    expect(Math.min(...priced)).toBeGreaterThanOrEqual(1)
  })

  it('converts 1 to 3 percent of its sessions, most of them in the evening', () => {
    const days = windows(clean, 24 * hour, 24 * hour)
    for (const day of days) {
      const buyers = sessions(day.filter(({ event }) => event['eventType'] === 'checkout_click'))
      expect(buyers / sessions(day)).toBeGreaterThan(0.01)
      expect(buyers / sessions(day)).toBeLessThan(0.03)
    }
    const evening = sessions(traffic(shop, from + 20 * hour, from + 21 * hour))
    const night = sessions(traffic(shop, from + 4 * hour, from + 5 * hour))
    expect(evening).toBeGreaterThan(2 * night)
  })

  it('shows what real shops show: disorder, silences, odd prices, double clicks, flags', () => {
    const delays = arrivals.map(({ at, event }) => at - event.timestamp)
    expect(delays.every((delay) => delay >= 0)).toBe(true)
    expect(delays.every((delay) => delay <= shop.disorderMs + 400)).toBe(true)
    expect(delays.some((delay) => delay > 5_000)).toBe(true)
    const times = arrivals.map(({ event }) => event.timestamp).sort((a, b) => a - b)
    const gaps = times.map((time, i) => time - (times[i - 1] ?? time))
    expect(gaps.some((gap) => gap > minute)).toBe(true)
    const prices = orders.map(({ event }) => minorUnits(event['total_price']))
    expect(prices).toContain(null)
    const ordering = orders.map(({ event }) => event['sessionId'])
    expect(new Set(ordering).size).toBeLessThan(ordering.length)
    expect(arrivals.length - clean.length).toBeGreaterThan(100)
  })

  it('writes 48 hours in 60,000 to 160,000 events', () => {
    const history = arrivals.filter(({ at }) => at >= to - 48 * hour)
    expect(history.length).toBeGreaterThan(60_000)
    expect(history.length).toBeLessThan(160_000)
  })
})
