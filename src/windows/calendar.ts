/**
 * Where days, weeks and months begin in a time zone, as the clocks there show them.
 *
 *     date on the wall ──▶ the first moment at which the clock shows it, or a later time
 *
 *     02:00 ▷ 03:00   a day of 23 hours       00:00 ▷ 01:00   it begins at 01:00
 *     03:00 ▷ 02:00   a day of 25 hours       a date that is left out has no moment: no window
 *
 * What the clocks show is what `Intl` says, so it is as new as the time zones of the runtime. The
 * calendar begins at the epoch: the first day, week or month is what is left of it.
 *
 * Invariants: beginnings are in order, and the same for every question; every t from 0 on lies
 * between two of them.
 */
import { TopologyError } from '../errors.ts'
import type { Timestamp } from '../ids.ts'

export type CalendarUnit = 'day' | 'week' | 'month'
export type Weekday = 'monday' | 'saturday' | 'sunday'

export interface CalendarSpec {
  readonly unit: CalendarUnit
  /** IANA name: `'Europe/Berlin'`, `'UTC'`. */
  readonly timeZone: string
  /** Of weeks. */
  readonly weekStart: Weekday
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** What a clock that is put back adds, and more. */
const extraMs = 2 * hourMs

/** The longest that they may be. */
export const longestMs: Readonly<Record<CalendarUnit, number>> = {
  day: dayMs + extraMs,
  week: 7 * dayMs + extraMs,
  month: 31 * dayMs + extraMs,
}

/** Days of the week count from Sunday; the epoch was a Thursday. */
const weekdays: Readonly<Record<Weekday, number>> = { sunday: 0, monday: 1, saturday: 6 }
const epochWeekday = 4
/** Dates end here: beyond it every day is one of UTC. */
const datesEnd = 8.64e15 - 400 * dayMs
const cachedDaysMax = 5_000

export class Calendar {
  readonly #spec: CalendarSpec
  readonly #format: Intl.DateTimeFormat
  /** By day of UTC: what begins in it, with the last one before and the first one after. */
  readonly #days = new Map<number, readonly Timestamp[]>()

  constructor(spec: CalendarSpec) {
    this.#spec = spec
    this.#format = formatOf(spec.timeZone)
  }

  /** The last beginning at or before t; -Infinity before the epoch. */
  begin(t: Timestamp): Timestamp {
    if (!(t >= 0) || t === Number.POSITIVE_INFINITY) return t < 0 ? Number.NEGATIVE_INFINITY : t
    let found = 0
    for (const begin of this.#around(t)) if (begin <= t) found = begin
    return found
  }

  /** The first beginning after t. */
  next(t: Timestamp): Timestamp {
    if (!(t >= 0) || t === Number.POSITIVE_INFINITY) return Number.isFinite(t) ? 0 : t
    for (const begin of this.#around(t)) if (begin > t) return begin
    return Number.POSITIVE_INFINITY
  }

  #around(t: Timestamp): readonly Timestamp[] {
    const day = Math.floor(t / dayMs)
    let list = this.#days.get(day)
    if (list === undefined) {
      if (this.#days.size >= cachedDaysMax) this.#days.clear()
      list = this.#listOf(day * dayMs)
      this.#days.set(day, list)
    }
    return list
  }

  #listOf(from: Timestamp): readonly Timestamp[] {
    const to = from + dayMs
    if (to > datesEnd) return [from, to]
    let date = this.#startOf(this.#dateAt(from))
    while (this.#momentOf(this.#after(date)) <= from) date = this.#after(date)
    const list = [Math.max(0, this.#momentOf(date))]
    for (let last = list[0] as number; last < to; ) {
      date = this.#after(date)
      const moment = this.#momentOf(date)
      if (moment > last) list.push((last = moment))
    }
    return list
  }

  /** Dates are the milliseconds that their midnight would be at in UTC. */
  #dateAt(t: Timestamp): number {
    return Math.floor((t + this.#offsetAt(t)) / dayMs) * dayMs
  }

  /** The first date of the unit. */
  #startOf(date: number): number {
    const { unit, weekStart } = this.#spec
    if (unit === 'day') return date
    if (unit === 'month') return date - (new Date(date).getUTCDate() - 1) * dayMs
    const weekday = date / dayMs + epochWeekday - weekdays[weekStart]
    return date - (((weekday % 7) + 7) % 7) * dayMs
  }

  /** The first date of the next unit. */
  #after(date: number): number {
    const { unit } = this.#spec
    if (unit !== 'month') return date + (unit === 'day' ? dayMs : 7 * dayMs)
    const first = new Date(date)
    return Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 1)
  }

  /** The first moment at which the clock shows the midnight of a date, or what comes after it. */
  #momentOf(date: number): Timestamp {
    const offsets = [this.#offsetAt(date - dayMs), this.#offsetAt(date + dayMs)]
    let from = date - Math.max(...offsets)
    let to = date - Math.min(...offsets)
    for (const moment of [from, to]) if (this.#shownAt(moment) === date) return moment
    // The clock leaps over midnight, somewhere in between.
    while (to - from > 1) {
      const middle = Math.floor((from + to) / 2)
      if (this.#shownAt(middle) >= date) to = middle
      else from = middle
    }
    return to
  }

  #shownAt(t: Timestamp): number {
    return t + this.#offsetAt(t)
  }

  /** Milliseconds that the clock is ahead of UTC. */
  #offsetAt(t: Timestamp): number {
    const parts: Record<string, number> = {}
    for (const { type, value } of this.#format.formatToParts(t)) parts[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(t / 1_000) * 1_000
  }
}

const calendars = new Map<string, Calendar>()

/** One for all that ask for the same. */
export function calendarOf(spec: CalendarSpec): Calendar {
  const name = `${spec.unit} ${spec.weekStart} ${spec.timeZone}`
  let calendar = calendars.get(name)
  if (calendar === undefined) calendars.set(name, (calendar = new Calendar(spec)))
  return calendar
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const number = 'numeric'
  const date = { year: number, month: number, day: number } as const
  const time = { hour: number, minute: number, second: number, hourCycle: 'h23' } as const
  try {
    const calendar = 'gregory'
    return new Intl.DateTimeFormat('en-US-u-nu-latn', { calendar, timeZone, ...date, ...time })
  } catch (cause) {
    throw new TopologyError(
      'MILLRACE_WINDOW_INVALID',
      `Impossible window: '${timeZone}' is no time zone that is known here. ` +
        "Give an IANA name such as 'Europe/Berlin'.",
      { cause }
    )
  }
}
