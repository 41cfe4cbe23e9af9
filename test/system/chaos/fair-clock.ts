/**
 * A clock for judging how long others take: it runs slower while the machine has more to run than
 * its processors can, so that a busy machine is not taken for a stuck instance.
 */
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** Processes that may be runnable per processor before time is stretched. */
const crowd = 3
const lookEveryMs = 100

export class FairClock {
  readonly #timer: NodeJS.Timeout
  #nowMs = 0
  #lookedAtMs = performance.now()

  constructor() {
    this.#timer = setInterval(() => this.#look(), lookEveryMs)
  }

  /** Milliseconds since it began; never more than went by on the wall. */
  now(): number {
    this.#look()
    return this.#nowMs
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const wallMs = performance.now()
    const share = Math.min(1, (crowd * cpus().length) / Math.max(1, runnable()))
    this.#nowMs += (wallMs - this.#lookedAtMs) * share
    this.#lookedAtMs = wallMs
  }
}

/** Where this cannot be read, 0: time is what it is. */
function runnable(): number {
  try {
    return Number(/^procs_running (\d+)/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}
