/**
 * Scheduled calls of one task. Stream-time ones are aligned to multiples of their interval from 0
 * and fire as soon as there is data; wall-clock ones first fire an interval from now. Several
 * missed intervals fire once, with the current time, and the schedule is aligned again.
 */
import type { Timestamp } from '../ids.ts'
import type { Punctuation } from '../processor/operator.ts'

export class Punctuators {
  #schedules: Schedule[] = []
  /** The least due time; Infinity when nothing is scheduled. */
  #nextDue = Number.POSITIVE_INFINITY
  #lastNow = Number.NEGATIVE_INFINITY

  get nextDue(): Timestamp {
    return this.#nextDue
  }

  add(firstDue: Timestamp, intervalMs: number, run: (timestamp: Timestamp) => void): Punctuation {
    if (!(intervalMs >= 1)) {
      throw new TypeError(`A punctuator needs an interval of at least 1 ms, got ${intervalMs}`)
    }
    const schedule = new Schedule(firstDue, intervalMs, run, () => {
      this.#schedules = this.#schedules.filter((one) => one !== schedule)
      this.#findNext()
    })
    this.#schedules.push(schedule)
    this.#findNext()
    return schedule
  }

  /** The wall clock may have been set back: nothing waits for longer than its interval then. */
  follow(now: Timestamp): void {
    const wasSetBack = now < this.#lastNow
    this.#lastNow = now
    if (!wasSetBack) return
    for (const schedule of this.#schedules) schedule.keepWithin(now)
    this.#findNext()
  }

  /** Fires what is due; whether anything was. */
  advance(now: Timestamp): boolean {
    if (now < this.#nextDue) return false
    for (;;) {
      const due = this.#due(now)
      if (due === undefined) break
      due.fire(now)
    }
    this.#findNext()
    return true
  }

  #due(now: Timestamp): Schedule | undefined {
    let first: Schedule | undefined
    for (const schedule of this.#schedules) {
      if (schedule.due <= now && (first === undefined || schedule.due < first.due)) first = schedule
    }
    return first
  }

  #findNext(): void {
    this.#nextDue = Math.min(...this.#schedules.map((schedule) => schedule.due))
  }
}

class Schedule implements Punctuation {
  due: Timestamp
  readonly #intervalMs: number
  readonly #run: (timestamp: Timestamp) => void
  readonly cancel: () => void

  constructor(
    firstDue: Timestamp,
    intervalMs: number,
    run: (timestamp: Timestamp) => void,
    cancel: () => void
  ) {
    this.due = firstDue
    this.#intervalMs = intervalMs
    this.#run = run
    this.cancel = cancel
  }

  keepWithin(now: Timestamp): void {
    this.due = Math.min(this.due, now + this.#intervalMs)
  }

  fire(now: Timestamp): void {
    const missed = Math.floor((now - this.due) / this.#intervalMs)
    this.due += (missed + 1) * this.#intervalMs
    this.#run(now)
  }
}
