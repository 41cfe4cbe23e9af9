/** Numbers and times as people write them here. */
import { dayMs, midnight } from './time.mjs'

const whole = new Intl.NumberFormat()
const digits = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })
const short = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 })
const percents = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 2 })
const hours = { hour: '2-digit', minute: '2-digit' }
const day = { weekday: 'short', day: 'numeric', month: 'short' }
const clocks = new Intl.DateTimeFormat(undefined, hours)
const days = new Intl.DateTimeFormat(undefined, day)
const moments = new Intl.DateTimeFormat(undefined, { ...day, ...hours })
const monies = new Map()

export const unknown = '–'

export const count = (value) => whole.format(value)
export const compact = (value) => short.format(value)
export const tenths = (value) => digits.format(value)
export const percent = (value) => percents.format(value)
export const clock = (time) => clocks.format(time)
export const date = (time) => days.format(time)
export const moment = (time) => moments.format(time)

/** A difference of two ratios, in points. */
export function points(value) {
  return `${new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 }).format(value * 100)} pp`
}

/** In a currency of ISO 4217, with its own decimals. */
export function money(value, currency) {
  let format = monies.get(currency)
  if (format === undefined) {
    format = new Intl.NumberFormat(undefined, { style: 'currency', currency })
    monies.set(currency, format)
  }
  return format.format(value)
}

/** From one moment to another, naming days only where they are needed. */
export function span(from, to, now) {
  const [first, last] = [midnight(from), midnight(to - 1)]
  if (first === last) {
    const text = `${clock(from)}–${clock(to)}`
    return first === midnight(now) ? text : `${date(from)}, ${text}`
  }
  return `${moment(from)} – ${moment(to)}`
}

/** How long ago, in words that change seldom. */
export function age(ms) {
  const seconds = Math.max(0, Math.round(ms / 1_000))
  if (seconds < 90) return `${seconds} s`
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`
  if (ms < 2 * dayMs) return `${Math.round(seconds / 3_600)} h`
  return `${Math.round(ms / dayMs)} days`
}

export function bytes(value) {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let unit = 0
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000
    unit += 1
  }
  return `${digits.format(value)} ${units[unit]}`
}

/** Such as `CET` or `GMT+1`, as of now. */
export function zone() {
  const parts = new Intl.DateTimeFormat(undefined, { timeZoneName: 'short' }).formatToParts()
  const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? ''
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
  return timeZone === name ? name : `${timeZone} (${name})`
}
