/** Local time: a day begins at midnight where the reader is, and may have 23 or 25 hours. */

export const minuteMs = 60_000
export const hourMs = 60 * minuteMs
export const dayMs = 24 * hourMs

/** The midnight at which the day of this moment has begun. */
export function midnight(time) {
  return new Date(time).setHours(0, 0, 0, 0)
}

/** The same time of day, so many days before. */
export function daysBefore(time, days) {
  const date = new Date(time)
  return date.setDate(date.getDate() - days)
}
