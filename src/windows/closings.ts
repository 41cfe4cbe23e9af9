/** When windows close in silence: what is worth a word to those who wait for the time of a task. */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import type { CalendarSpec } from './calendar.ts'
import type { GridSpec } from './grid.ts'
import { gridOf } from './grids.ts'

/** Windows on a grid. */
interface GridClosing extends GridSpec {
  readonly calendar?: CalendarSpec | undefined
}

/** Windows that begin and end with records. */
interface RecordClosing {
  /** A record's last window is closed once the watermark has passed its time by more. */
  readonly reachMs: number
}

export type ClosingSpec = GridClosing | RecordClosing

export interface Closings {
  /**
   * Whether windows close as a watermark goes from one time to a later one.
   *
   * @param newest the greatest timestamp of records that may be in windows
   */
  isAnyBetween(from: Timestamp, to: Timestamp, newest: Timestamp): boolean
}

/** @param stepMs how far time goes at least where nobody knows what closes */
export function closingsOf(spec: ClosingSpec, stepMs: number): Closings {
  return 'reachMs' in spec ? new RecordClosings(spec.reachMs, stepMs) : new GridClosings(spec)
}

class GridClosings implements Closings {
  readonly #grid: ReturnType<typeof gridOf>

  constructor(spec: GridClosing) {
    this.#grid = gridOf(spec)
  }

  isAnyBetween(from: Timestamp, to: Timestamp): boolean {
    return this.#grid.lastClosedEnd(to) > this.#grid.lastClosedEnd(from)
  }
}

/** They close at any time: those of the newest record at once, others step by step. */
class RecordClosings implements Closings {
  readonly #reachMs: number
  readonly #stepMs: number

  constructor(reachMs: number, stepMs: number) {
    assert(stepMs > 0, 'time goes on in steps')
    this.#reachMs = reachMs
    this.#stepMs = stepMs
  }

  isAnyBetween(from: Timestamp, to: Timestamp, newest: Timestamp): boolean {
    const last = newest + this.#reachMs
    if (from <= last && to > last) return true
    return Math.floor(to / this.#stepMs) > Math.floor(from / this.#stepMs)
  }
}
