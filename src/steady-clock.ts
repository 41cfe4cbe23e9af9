/**
 * A wall clock that does not jump: for what concludes from time that has passed.
 *
 *     wall    ────────┐+1 h      ┌────────        a jump that is taken back goes by unseen
 *     steady  ────────╌╌╌╌╌╌╌╌╌╌╌────────
 *
 * A jump is believed once it has lasted five minutes (somebody has set the clock, or a machine that
 * slept has woken); until then time goes on evenly. Steps below a second are followed at once.
 */
import type { Clock } from './clock.ts'
import type { Timestamp } from './ids.ts'

const stepMsMax = 1_000
const believedAfterMs = 5 * 60_000

const known = new WeakMap<Clock, Clock>()

/** One per clock: all that compare times must have them from the same. */
export function steadyOf(clock: Clock): Clock {
  let steady = known.get(clock)
  if (steady === undefined) {
    const ticks = clock.ticks?.bind(clock)
    steady = ticks === undefined ? clock : new SteadyClock(() => clock.now(), ticks)
    known.set(clock, steady)
  }
  return steady
}

class SteadyClock implements Clock {
  readonly #wall: () => Timestamp
  readonly ticks: () => number
  /** Steady time less ticks. */
  #offset: number
  #jumpedAt: number | undefined

  constructor(wall: () => Timestamp, ticks: () => number) {
    this.#wall = wall
    this.ticks = ticks
    this.#offset = wall() - ticks()
  }

  now(): Timestamp {
    const [wall, ticks] = [this.#wall(), this.ticks()]
    const steady = Math.round(ticks + this.#offset)
    if (Math.abs(wall - steady) > stepMsMax) {
      this.#jumpedAt ??= ticks
      if (ticks - this.#jumpedAt < believedAfterMs) return steady
    }
    this.#jumpedAt = undefined
    this.#offset = wall - ticks
    return wall
  }
}
