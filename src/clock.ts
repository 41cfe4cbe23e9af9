/** Wall-clock time as a dependency, so that tests can move it. */
import type { Timestamp } from './ids.ts'

export interface Clock {
  /** Epoch milliseconds of the wall clock. */
  now(): Timestamp
}

export const systemClock: Clock = Object.freeze({ now: () => Date.now() })

/** A clock that moves only when it is told to. */
export class ManualClock implements Clock {
  #now: Timestamp

  constructor(start: Timestamp) {
    this.#now = start
  }

  now(): Timestamp {
    return this.#now
  }

  advance(ms: number): void {
    this.#now += ms
  }
}
