import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MetricRow } from '../../src/views/metric-row.ts'
import { Refreshes } from '../../src/views/refreshes.ts'
import { metricRow } from '../support/metric-rows.ts'

const half = 1_800_000
const day = 86_400_000
const sum = { name: 'revenue_30m', of: 'revenue_24h', sizeMs: day, refreshMs: half }
const noon = Date.UTC(2026, 10, 22, 12)

interface Order {
  readonly at: number
  readonly minor: number
}

/** As the topology makes it. */
function rowAt(end: number, orders: readonly Order[]): MetricRow {
  const inside = orders.filter(({ at }) => at >= end - day && at < end)
  const minor = inside.reduce((total, order) => total + order.minor, 0)
  const times = inside.map(({ at }) => at)
  return metricRow('revenue_24h', end, {
    value: minor / 100,
    numerator: minor,
    denominator: inside.length,
    amount: (minor / 100).toFixed(2),
    currency: 'EUR',
    firstEventAt: times.length === 0 ? null : Math.min(...times),
    lastEventAt: times.length === 0 ? null : Math.max(...times),
  })
}

function rowsOf(orders: readonly Order[], count: number): readonly MetricRow[] {
  const first = Math.min(...orders.map(({ at }) => at))
  const start = (Math.floor(first / half) + 1) * half
  return Array.from({ length: count }, (_, i) => rowAt(start + i * half, orders))
}

describe('the refreshes of a rolling sum', () => {
  it('are what each of them has brought, over days', () => {
    const order = fc.record({ at: fc.integer({ min: 0, max: 4 * day }), minor: fc.nat(9_999) })
    const orders = fc.array(order, { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(orders, (list) => {
        const dated = list.map(({ at, minor }) => ({ at: noon + at, minor }))
        const refreshes = new Refreshes(sum)
        for (const row of rowsOf(dated, 200)) {
          const part = refreshes.take(row)
          const [start, end] = [row.windowEnd - half, row.windowEnd]
          const inside = dated.filter(({ at }) => at >= start && at < end)
          expect(part?.numerator).toBe(inside.reduce((total, { minor }) => total + minor, 0))
          expect(part?.denominator).toBe(inside.length)
          expect([part?.windowStart, part?.windowEnd]).toEqual([start, end])
        }
      }),
      { numRuns: 30 }
    )
  })

  it('have the shape of rows, in exact money', () => {
    const refreshes = new Refreshes(sum)
    refreshes.take(rowAt(noon, [{ at: noon - 1, minor: 5 }]))
    const orders = [
      { at: noon - 1, minor: 5 },
      { at: noon + 60_000, minor: 1_999 },
    ]
    expect(refreshes.take(rowAt(noon + half, orders))).toEqual({
      ...metricRow('revenue_30m', noon + half),
      windowStart: noon,
      value: 19.99,
      numerator: 1_999,
      denominator: 1,
      amount: '19.99',
      currency: 'EUR',
      firstEventAt: null,
      lastEventAt: noon + 60_000,
    })
  })

  it('are not known where rows before them are gone, until a day was silent', () => {
    const refreshes = new Refreshes(sum)
    const orders = [noon - day + 2 * half, noon, noon + 5 * half, noon + 3 * day].map((at) => {
      return { at, minor: 100 }
    })
    expect(refreshes.take(rowAt(noon + half, orders))).toBeUndefined()
    expect(refreshes.take(rowAt(noon + 2 * half, orders))).toBeUndefined()
    for (let end = noon + 3 * half; end < noon + 3 * day; end += half) {
      refreshes.take(rowAt(end, orders))
    }
    expect(refreshes.take(rowAt(noon + 3 * day, orders))?.numerator).toBe(0)
    expect(refreshes.take(rowAt(noon + 3 * day + half, orders))?.numerator).toBe(100)
  })

  it('are not known across a gap, another currency, or what cannot be read', () => {
    const orders = [
      { at: noon - 1, minor: 5 },
      { at: noon + 1, minor: 5 },
    ]
    const second = rowAt(noon + half, orders)
    const third = rowAt(noon + 2 * half, orders)
    const taken = (row: MetricRow) => {
      const refreshes = new Refreshes(sum)
      expect(refreshes.take(rowAt(noon, orders))?.amount).toBe('0.05')
      return refreshes.take(row)?.amount
    }
    expect(taken(second)).toBe('0.05')
    expect(taken(third)).toBeUndefined()
    expect(taken({ ...second, currency: 'USD' })).toBeUndefined()
    expect(taken({ ...second, amount: null })).toBeUndefined()
    expect(taken({ ...second, amount: '-1.00' })).toBeUndefined()
    expect(taken({ ...second, amount: '0.04' })).toBeUndefined()
  })

  it('stay known on later days where a late order takes away more than came', () => {
    const refreshes = new Refreshes(sum)
    const [own, next] = [noon + half, noon + 2 * half]
    const late = { at: own - 1, minor: 100 }
    const twiceADay = [0, 1, 2, 3, 4].map((halves) => {
      return { at: noon + 5 * half + (halves * day) / 2, minor: 1 }
    })
    const bought = { at: own + 2 * day - 1, minor: 700 }
    const orders = [{ at: noon - 1, minor: 5 }, late, ...twiceADay, bought]
    const parts = new Map<number, number | null | undefined>()
    for (let end = noon; end <= next + 2 * day; end += half) {
      const counted = end === own ? orders.filter((order) => order !== late) : orders
      parts.set(end, refreshes.take(rowAt(end, counted))?.numerator)
    }
    expect([parts.get(own), parts.get(next)]).toEqual([0, 100])
    expect([parts.get(own + day), parts.get(next + day)]).toEqual([undefined, 100])
    expect([parts.get(own + 2 * day), parts.get(next + 2 * day)]).toEqual([600, 100])
  })

  it('may be beyond what a number holds, and without decimals', () => {
    const refreshes = new Refreshes(sum)
    const row = rowAt(noon, [{ at: noon - 1, minor: 1 }])
    const large = refreshes.take({ ...row, amount: '9007199254740993', currency: 'JPY' })
    expect([large?.numerator, large?.amount]).toEqual([null, '9007199254740993'])
  })
})
