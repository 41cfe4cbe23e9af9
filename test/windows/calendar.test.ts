/** Days, weeks and months of time zones, against a walk over the clock. */
import { describe, expect, it } from 'vitest'
import { TopologyError } from '../../src/errors.ts'
import { Calendar, type CalendarUnit, longestMs, type Weekday } from '../../src/windows/calendar.ts'
import { gridOf } from '../../src/windows/grids.ts'
import { calendar } from '../../src/windows/windows.ts'
import { isLong } from '../support/lengths.ts'
import { Random } from '../support/random.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

function calendarIn(timeZone: string, unit: CalendarUnit, weekStart: Weekday = 'monday'): Calendar {
  return new Calendar({ unit, timeZone, weekStart })
}

function beginnings(one: Calendar, from: string, count: number): readonly string[] {
  const found: string[] = []
  for (let t = one.begin(Date.parse(from)); found.length < count; t = one.next(t)) {
    found.push(new Date(t).toISOString())
  }
  return found
}

describe('what clocks show', () => {
  it('makes days of 23 and 25 hours where they are changed', () => {
    const berlin = calendarIn('Europe/Berlin', 'day')
    expect(beginnings(berlin, '2026-03-28T12:00:00Z', 4)).toEqual([
      '2026-03-27T23:00:00.000Z',
      '2026-03-28T23:00:00.000Z',
      '2026-03-29T22:00:00.000Z',
      '2026-03-30T22:00:00.000Z',
    ])
    expect(beginnings(berlin, '2026-10-24T12:00:00Z', 3)).toEqual([
      '2026-10-23T22:00:00.000Z',
      '2026-10-24T22:00:00.000Z',
      '2026-10-25T23:00:00.000Z',
    ])
  })

  it('makes a day begin at 01:00 where the clock leaps over midnight', () => {
    expect(beginnings(calendarIn('America/Sao_Paulo', 'day'), '2018-11-03T12:00:00Z', 3)).toEqual([
      '2018-11-03T03:00:00.000Z',
      '2018-11-04T03:00:00.000Z',
      '2018-11-05T02:00:00.000Z',
    ])
  })

  it('makes a day begin once where the clock goes back over midnight', () => {
    // To 23:01 of the day before, a minute after midnight.
    expect(beginnings(calendarIn('America/St_Johns', 'day'), '2010-11-06T12:00:00Z', 3)).toEqual([
      '2010-11-06T02:30:00.000Z',
      '2010-11-07T02:30:00.000Z',
      '2010-11-08T03:30:00.000Z',
    ])
  })

  it('leaves out a date that a zone has left out', () => {
    // The 30th of December 2011, when the date line moved.
    expect(beginnings(calendarIn('Pacific/Apia', 'day'), '2011-12-29T12:00:00Z', 3)).toEqual([
      '2011-12-29T10:00:00.000Z',
      '2011-12-30T10:00:00.000Z',
      '2011-12-31T10:00:00.000Z',
    ])
  })

  it('begins weeks on the day that is asked for, and months on their first', () => {
    const from = '2026-03-31T12:00:00Z'
    expect(beginnings(calendarIn('Europe/Berlin', 'week'), from, 2)).toEqual([
      '2026-03-29T22:00:00.000Z',
      '2026-04-05T22:00:00.000Z',
    ])
    expect(beginnings(calendarIn('UTC', 'week', 'sunday'), from, 1)).toEqual([
      '2026-03-29T00:00:00.000Z',
    ])
    expect(beginnings(calendarIn('UTC', 'week', 'saturday'), from, 1)).toEqual([
      '2026-03-28T00:00:00.000Z',
    ])
    expect(beginnings(calendarIn('America/New_York', 'month'), from, 3)).toEqual([
      '2026-03-01T05:00:00.000Z',
      '2026-04-01T04:00:00.000Z',
      '2026-05-01T04:00:00.000Z',
    ])
  })

  it('begins with the epoch, and has no end', () => {
    const berlin = calendarIn('Europe/Berlin', 'day')
    expect([berlin.begin(0), berlin.next(0)]).toEqual([0, 23 * hourMs])
    expect([berlin.begin(-1), berlin.next(-1)]).toEqual([Number.NEGATIVE_INFINITY, 0])
    for (const t of [8.64e15 - 1, 8.64e15, Number.MAX_SAFE_INTEGER]) {
      expect(berlin.begin(t)).toBeLessThanOrEqual(t)
      expect(berlin.next(t)).toBeGreaterThan(t)
    }
    for (const t of [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]) {
      expect([berlin.begin(t), berlin.next(t)]).toEqual([t, t])
    }
  })
})

/** The first moments of all dates: a look at the clock every half hour, then every minute. */
function walk(timeZone: string, from: number, to: number): readonly (readonly [number, string])[] {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short' })
  const found: [number, string][] = []
  let latest = format.format(from)
  for (let half = from + hourMs / 2; half <= to; half += hourMs / 2) {
    if (format.format(half) <= latest) continue
    let minute = half - hourMs / 2
    while (format.format(minute) <= latest) minute += 60_000
    latest = format.format(minute)
    found.push([minute, latest])
  }
  return found
}

function weekdayOf(date: string): number {
  return new Date(`${date}T00:00:00Z`).getUTCDay()
}

const zones = [
  'Europe/Berlin',
  'America/Sao_Paulo',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'Asia/Kathmandu',
  'Africa/Cairo',
]
const years = isLong ? [2005, 2025] : [2010, 2012]
const [from, to] = [Date.UTC(years[0] ?? 0, 0, 1), Date.UTC(years[1] ?? 0, 0, 1)]

describe.each(zones)('over the years in %s', (timeZone) => {
  it('beginnings are where a walk finds them', () => {
    const days = walk(timeZone, from, to)
    const begins = {
      day: days.map(([begin]) => begin),
      week: days.filter(([, date]) => weekdayOf(date) === 1).map(([begin]) => begin),
      month: days.filter(([, date]) => date.endsWith('-01')).map(([begin]) => begin),
    }
    for (const [unit, wanted] of Object.entries(begins) as [CalendarUnit, number[]][]) {
      const one = calendarIn(timeZone, unit)
      const [first = 0] = wanted
      const found: number[] = []
      for (let t = first; found.length < wanted.length; t = one.next(t)) found.push(t)
      expect(found).toEqual(wanted)
      const random = new Random(wanted.length)
      for (let round = 0; round < 200; round++) {
        const t = first + random.below((wanted.at(-1) ?? first) - first)
        const next = wanted.findIndex((begin) => begin > t)
        expect([one.begin(t), one.next(t)]).toEqual([wanted[next - 1], wanted[next]])
        expect(one.next(t) - one.begin(t)).toBeLessThanOrEqual(longestMs[unit])
      }
    }
  })
})

describe('the grid of a calendar', () => {
  const graceMs = 6 * hourMs
  const grid = gridOf({
    sizeMs: longestMs.day,
    advanceMs: longestMs.day,
    graceMs,
    calendar: { unit: 'day', timeZone: 'Europe/Berlin', weekStart: 'monday' },
  })

  it('says the same of windows, panes and watermarks as a list of its days would', () => {
    const start = Date.parse('2026-03-20T00:00:00Z')
    const days: number[] = []
    for (let t = grid.firstStart(start); days.length < 30; t = grid.nextStart(t)) days.push(t)
    const random = new Random(5)
    for (let round = 0; round < 300; round++) {
      const t = start + dayMs + random.below(20 * dayMs)
      const watermark = start + 2 * dayMs + random.below(20 * dayMs)
      const day = days.findLast((begin) => begin <= t) as number
      const end = days.find((begin) => begin > t) as number
      expect([grid.pane(t), grid.firstStart(t), grid.startFrom(day)]).toEqual([day, day, day])
      const ends = [grid.nextEnd(t), grid.lastEnd(day), grid.endOf(day), grid.paneAfter(day)]
      expect(ends).toEqual([end, end, end, end])
      expect([grid.startOf(end), grid.endAfter(day), grid.firstPane(day + 1)]).toEqual([
        day,
        end,
        end,
      ])
      const closedEnd = days.findLast((begin) => begin + graceMs <= watermark) as number
      expect(grid.lastClosedEnd(watermark)).toBe(closedEnd)
      const isClosed = end + graceMs <= watermark
      expect(grid.isClosed(end, watermark)).toBe(isClosed)
      expect(day <= grid.lastClosedStart(watermark)).toBe(isClosed)
      expect(day < grid.passedBefore(watermark)).toBe(isClosed)
      expect([grid.isPaneOver(day, watermark), grid.hasPanePassed(day, watermark)]).toEqual([
        isClosed,
        isClosed,
      ])
      expect(grid.firstEndInTime(t, watermark)).toBe(isClosed ? undefined : end)
    }
  })

  it('has closed nothing before time begins', () => {
    const never = Number.NEGATIVE_INFINITY
    expect(grid.lastClosedEnd(never)).toBe(never)
    expect(grid.lastClosedStart(never)).toBe(never)
    expect(grid.lastClosedStart(5 * hourMs)).toBe(never)
    expect(grid.firstEndInTime(0, never)).toBe(23 * hourMs)
  })
})

describe('calendar()', () => {
  const refusal = (make: () => unknown): string => {
    try {
      make()
    } catch (error) {
      if (error instanceof TopologyError) return `${error.code} ${error.message}`
    }
    return 'nothing thrown'
  }

  it('refuses zones, units and first days that make no sense', () => {
    expect(refusal(() => calendar('day', { timeZone: 'Europe/Berlim' }))).toMatch(
      /^MILLRACE_WINDOW_INVALID .*'Europe\/Berlim' is no time zone/
    )
    expect(refusal(() => calendar('year' as 'day', { timeZone: 'UTC' }))).toMatch(/no years/)
    const weekly = { timeZone: 'UTC', weekStart: 'sunday' } as const
    expect(refusal(() => calendar('month', weekly))).toMatch(/a month does not start on a sunday/)
    expect(refusal(() => calendar('day', { timeZone: 'UTC', idle: '0s' }))).toMatch(
      /closes windows/
    )
  })

  it('says where its windows end', () => {
    const days = calendar('day', { timeZone: 'Europe/Berlin' }).emit('final')
    const start = Date.parse('2026-03-28T23:00:00Z')
    expect(days.endOf(start) - start).toBe(23 * hourMs)
  })
})
