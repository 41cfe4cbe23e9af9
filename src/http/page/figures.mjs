/**
 * The figures of the page, out of rows alone. Each is { value, from, to, others }: a number, the
 * window it is of, and the same at the same time of other days; null where that is not known.
 */
import { dayMs, daysBefore, hourMs, midnight, minuteMs } from './time.mjs'

const stepMs = 5 * minuteMs
const halfHourMs = 30 * minuteMs
const days = [
  { label: 'yesterday', days: 1 },
  { label: 'last week', days: 7 },
]

/** @param {import('./rows.mjs').Rows} rows */
export function figuresOf(rows) {
  return {
    visitors: compared(rows, 'visitors_5m', (end) => single(rows, 'visitors_5m', end)),
    ordersToday: compared(rows, 'orders_5m', (end, isOwn) => {
      return total(rows, 'orders_5m', { from: midnight(end - 1), end, step: stepMs, isOwn })
    }),
    ordersDay: compared(rows, 'orders_5m', (end, isOwn) => {
      return total(rows, 'orders_5m', { from: end - dayMs, end, step: stepMs, isOwn })
    }),
    revenueToday: compared(rows, 'revenue_30m', (end, isOwn) => {
      return today(rows, end, isOwn, ({ minor, unit }) => minor / unit)
    }),
    revenueDay: compared(rows, 'revenue_24h', (end) => single(rows, 'revenue_24h', end)),
    averageToday: compared(rows, 'revenue_30m', (end, isOwn) => {
      return today(rows, end, isOwn, ({ minor, unit, orders }) => {
        return orders === 0 ? null : minor / unit / orders
      })
    }),
    averageDay: compared(rows, 'average_order_value_24h', (end) => {
      return single(rows, 'average_order_value_24h', end)
    }),
    conversion: compared(rows, 'conversion_1h', (end) => single(rows, 'conversion_1h', end)),
  }
}

/** Sessions, those of them with an order, and orders, of one hour; null before the first. */
export function funnelOf(rows) {
  const row = rows.latest('conversion_1h')
  if (row === undefined) return null
  const { windowStart: from, windowEnd: to } = row
  const orders = rows.total('orders_5m', from, to, stepMs, ({ value }) => value)
  return {
    from,
    to,
    sessions: row.denominator,
    ordering: row.numerator,
    orders: orders.isWhole ? orders.value : null,
  }
}

/** The currency of the money; undefined before the first. */
export function currencyOf(rows) {
  return rows.latest('revenue_24h')?.currency ?? undefined
}

function compared(rows, metric, read) {
  const end = rows.latest(metric)?.windowEnd
  if (end === undefined) return null
  const others = days.map((day) => ({ ...day, ...read(daysBefore(end, day.days), false) }))
  return { ...read(end, true), others }
}

function single(rows, metric, end) {
  const row = rows.at(metric, end)
  const { value = null, numerator = null, denominator = null } = row ?? {}
  const sizeMs = { visitors_5m: stepMs, conversion_1h: hourMs }[metric] ?? dayMs
  return { value, numerator, denominator, from: row?.windowStart ?? end - sizeMs, to: end }
}

/** A day that is known in part is shown, from where it is known; nothing is held against it. */
function total(rows, metric, { from, end, step, isOwn }) {
  const sum = rows.total(metric, from, end, step, ({ value }) => value)
  const value = sum.isWhole || isOwn ? sum.value : null
  return { value, from: isOwn ? sum.from : from, to: end }
}

/** Money since midnight, in closed half hours: from the last one before it where it is none. */
function today(rows, end, isOwn, read) {
  const from = Math.floor(midnight(end - 1) / halfHourMs) * halfHourMs
  const part = (pick) => rows.total('revenue_30m', from, end, halfHourMs, pick)
  const minor = part(({ numerator }) => numerator)
  const orders = part(({ denominator }) => denominator)
  const isKnown = (minor.isWhole || isOwn) && minor.value !== null
  const unit = unitOf(rows.at('revenue_30m', end) ?? rows.latest('revenue_30m'))
  const value = isKnown ? read({ minor: minor.value, orders: orders.value, unit }) : null
  return { value, from: isOwn ? minor.from : from, to: end }
}

/** Minor units in a major one, by the decimals that the amount is written with. */
function unitOf({ amount }) {
  const point = amount?.indexOf('.') ?? -1
  return point < 0 ? 1 : 10 ** (amount.length - point - 1)
}
