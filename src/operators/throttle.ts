/** Lets something happen no more often than every so many milliseconds of the wall clock. */
import type { Clock } from '../clock.ts'
import type { Timestamp } from '../ids.ts'

export class Throttle {
  readonly #intervalMs: number
  #nextAt: Timestamp = Number.NEGATIVE_INFINITY

  /** @param intervalMs 0: whenever it likes to */
  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** If it does, the interval starts anew, whatever comes of it. */
  passes(clock: Clock): boolean {
    if (this.#intervalMs === 0) return true
    const now = clock.now()
    if (now < this.#nextAt) return false
    this.#nextAt = now + this.#intervalMs
    return true
  }
}
