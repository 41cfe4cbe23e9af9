/** Does a thing so many times a second, and catches up after it was held up. */
import { setTimeout as sleep } from 'node:timers/promises'

/** More than this at one turn would hold up whatever else the process does. */
const turnMax = 20_000

export class Pace {
  readonly #rate: number
  readonly #turnMs: number
  #isOver = false

  constructor(rate: number, turnMs = 2) {
    this.#rate = rate
    this.#turnMs = turnMs
  }

  /** Until `stop`; `after` each turn. */
  async run(act: () => void, after: () => void = () => undefined): Promise<void> {
    const from = performance.now()
    let done = 0
    while (!this.#isOver) {
      const due = Math.floor(((performance.now() - from) * this.#rate) / 1_000)
      const end = Math.min(due, done + turnMax)
      const isDue = done < end
      for (; done < end; done++) act()
      if (isDue) after()
      await sleep(this.#turnMs)
    }
  }

  stop(): void {
    this.#isOver = true
  }
}
