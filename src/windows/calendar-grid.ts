/** Windows that are days, weeks or months of a calendar: side by side, of several lengths. */
import type { Timestamp } from '../ids.ts'
import { type Calendar, type CalendarSpec, calendarOf, longestMs } from './calendar.ts'
import type { Grid } from './grid.ts'

export class CalendarGrid implements Grid {
  readonly sizeMs: number
  readonly advanceMs: number
  readonly paneMs: number
  readonly graceMs: number
  readonly isOverlapping = false
  readonly #calendar: Calendar

  constructor(spec: CalendarSpec, graceMs: number) {
    this.sizeMs = longestMs[spec.unit]
    this.advanceMs = this.sizeMs
    this.paneMs = this.sizeMs
    this.graceMs = graceMs
    this.#calendar = calendarOf(spec)
  }

  pane(t: Timestamp): Timestamp {
    return this.#calendar.begin(t)
  }

  nextEnd(t: Timestamp): Timestamp {
    return this.#calendar.next(t)
  }

  lastEnd(pane: Timestamp): Timestamp {
    return this.#calendar.next(pane)
  }

  lastClosedEnd(watermark: Timestamp): Timestamp {
    return this.#calendar.begin(watermark - this.graceMs)
  }

  lastClosedStart(watermark: Timestamp): Timestamp {
    return this.startOf(this.lastClosedEnd(watermark))
  }

  isClosed(end: Timestamp, watermark: Timestamp): boolean {
    return end + this.graceMs <= watermark
  }

  isPaneOver(pane: Timestamp, watermark: Timestamp): boolean {
    return this.isClosed(this.lastEnd(pane), watermark)
  }

  hasPanePassed(pane: Timestamp, watermark: Timestamp): boolean {
    return this.isPaneOver(pane, watermark)
  }

  firstEndInTime(t: Timestamp, watermark: Timestamp): Timestamp | undefined {
    const end = this.nextEnd(t)
    return this.isClosed(end, watermark) ? undefined : end
  }

  firstStart(t: Timestamp): Timestamp {
    return this.#calendar.begin(t)
  }

  startFrom(time: Timestamp): Timestamp {
    return this.#calendar.next(time - 1)
  }

  nextStart(start: Timestamp): Timestamp {
    return this.#calendar.next(start)
  }

  startOf(end: Timestamp): Timestamp {
    return this.#calendar.begin(end - 1)
  }

  endOf(start: Timestamp): Timestamp {
    return this.#calendar.next(start)
  }

  endAfter(end: Timestamp): Timestamp {
    return this.#calendar.next(end)
  }

  firstPane(from: Timestamp): Timestamp {
    return this.#calendar.next(from - 1)
  }

  paneAfter(pane: Timestamp): Timestamp {
    return this.#calendar.next(pane)
  }

  passedBefore(watermark: Timestamp): Timestamp {
    return this.lastClosedEnd(watermark)
  }

  overBefore(watermark: Timestamp): Timestamp {
    return this.lastClosedEnd(watermark)
  }
}
