/** Points in time as queries give them: RFC 3339, or epoch milliseconds. */
import type { Timestamp } from '../ids.ts'

/** The last millisecond a calendar can name. */
const epochMax = 8.64e15
const rfc3339 = /^(\d{4}-\d\d-\d\d)[T ](?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/

/** Undefined if it is neither. */
export function parseTime(text: string): Timestamp | undefined {
  if (/^\d{1,16}$/.test(text)) {
    const time = Number(text)
    return time <= epochMax ? time : undefined
  }
  // A plus sign that was not escaped arrives as a blank.
  const date = text.replace(/ (\d\d:\d\d)$/, '+$1').toUpperCase()
  const day = rfc3339.exec(date)?.[1]
  if (day === undefined || !isOnCalendar(day)) return undefined
  const time = Date.parse(date.replace(' ', 'T'))
  return Number.isNaN(time) ? undefined : time
}

/** A date such as February 30 is taken for one in March otherwise. */
function isOnCalendar(day: string): boolean {
  const time = Date.parse(day)
  return !Number.isNaN(time) && iso(time).startsWith(day)
}

export function iso(time: Timestamp): string {
  return new Date(time).toISOString()
}
