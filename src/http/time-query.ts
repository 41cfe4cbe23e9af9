/** Points in time as queries give them: RFC 3339, or epoch milliseconds. */
import type { Timestamp } from '../ids.ts'

/** The last millisecond a calendar can name. */
const epochMax = 8.64e15
const rfc3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/

/** Undefined if it is neither. */
export function parseTime(text: string): Timestamp | undefined {
  if (/^\d{1,16}$/.test(text)) {
    const time = Number(text)
    return time <= epochMax ? time : undefined
  }
  // A plus sign that was not escaped arrives as a blank.
  const date = text.replace(/ (\d\d:\d\d)$/, '+$1').toUpperCase()
  if (!rfc3339.test(date)) return undefined
  const time = Date.parse(date.replace(' ', 'T'))
  return Number.isNaN(time) ? undefined : time
}

export function iso(time: Timestamp): string {
  return new Date(time).toISOString()
}
