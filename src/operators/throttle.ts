/** Lets something happen no more often than every so many milliseconds of the wall clock. */
import type { Timestamp } from '../ids.ts'

export class Throttle {
  readonly #intervalMs: number
  #nextAt: Timestamp = Number.NEGATIVE_INFINITY

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** If it does, the interval starts anew, whatever comes of it. */
  passes(now: Timestamp): boolean {
    if (now < this.#nextAt) return false
    this.#nextAt = now + this.#intervalMs
    return true
  }
}
