/** Wall-clock time as a dependency, so that tests can move it. */
import type { Timestamp } from './ids.ts'

export interface Clock {
  /** Epoch milliseconds of the wall clock. */
  now(): Timestamp
  /**
   * Milliseconds that pass evenly, whatever is done to the wall clock. Without it the wall clock is
   * taken not to jump.
   */
  ticks?(): number
}

export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  ticks: () => performance.now(),
})

/** A clock that moves only when it is told to. */
export class ManualClock implements Clock {
  #now: Timestamp
  #ticks = 0

  constructor(start: Timestamp) {
    this.#now = start
  }

  now(): Timestamp {
    return this.#now
  }

  ticks(): number {
    return this.#ticks
  }

  advance(ms: number): void {
    this.#now += ms
    this.#ticks += ms
  }

  /** Somebody sets the clock: no time passes. */
  jump(ms: number): void {
    this.#now += ms
  }
}
