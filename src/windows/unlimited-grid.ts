/** The grid of one window that never ends: nothing of it ever closes, or passes. */
import type { Timestamp } from '../ids.ts'
import type { Grid } from './grid.ts'

const [never, forever] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]

export class UnlimitedGrid implements Grid {
  readonly sizeMs: number = forever
  readonly advanceMs: number = forever
  readonly paneMs: number = forever
  readonly graceMs: number = 0
  readonly isOverlapping = false
  readonly #start: Timestamp

  constructor(start: Timestamp) {
    this.#start = start
  }

  pane(): Timestamp {
    return this.#start
  }

  nextEnd(): Timestamp {
    return forever
  }

  lastEnd(): Timestamp {
    return forever
  }

  lastClosedEnd(): Timestamp {
    return never
  }

  lastClosedStart(): Timestamp {
    return never
  }

  isClosed(): boolean {
    return false
  }

  isPaneOver(): boolean {
    return false
  }

  hasPanePassed(): boolean {
    return false
  }

  firstEndInTime(t: Timestamp): Timestamp | undefined {
    return t < this.#start ? undefined : forever
  }

  /** After t, if t is before it. */
  firstStart(): Timestamp {
    return this.#start
  }

  startFrom(time: Timestamp): Timestamp {
    return time <= this.#start ? this.#start : forever
  }

  nextStart(): Timestamp {
    return forever
  }

  startOf(): Timestamp {
    return this.#start
  }

  endOf(): Timestamp {
    return forever
  }

  endAfter(): Timestamp {
    return forever
  }

  firstPane(from: Timestamp): Timestamp {
    return this.startFrom(from)
  }

  paneAfter(): Timestamp {
    return forever
  }

  passedBefore(): Timestamp {
    return never
  }

  overBefore(): Timestamp {
    return never
  }
}
