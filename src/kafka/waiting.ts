/** Waiting for others: for a sign, for a change, and never longer than agreed. */
import { setMaxListeners } from 'node:events'

/** What ends a long life: any number of requests may wait for it side by side. */
export function lifetime(): AbortController {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  return controller
}

/** Resolves after `ms`, or as soon as the signal aborts; never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
}

/** Resolves when the promise settles either way, but no later than after `ms`. */
export async function atMost(ms: number, promise: Promise<unknown>): Promise<void> {
  const cut = new AbortController()
  const settled = promise.then(
    () => undefined,
    () => undefined
  )
  await Promise.race([settled, pause(ms, cut.signal)])
  cut.abort()
}

/** A sign that is kept until somebody looks: `wake()` before `wait()` is not lost. */
export class Sign {
  #raised = false
  #wake: (() => void) | undefined

  raise(): void {
    this.#raised = true
    this.#wake?.()
  }

  /** Resolves when raised, or after `ms`; lowers the sign, and tells whether it was up. */
  async wait(ms: number): Promise<boolean> {
    if (!this.#raised) {
      const cut = new AbortController()
      this.#wake = () => cut.abort()
      await pause(ms, cut.signal)
      this.#wake = undefined
    }
    const raised = this.#raised
    this.#raised = false
    return raised
  }
}

/** Lets any number wait for the next change of something. */
export class Change {
  #waiting: (() => void)[] = []

  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  tell(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}

/** Rings at the earliest of the times it was set to, then knows of none any more. */
export class Alarm {
  readonly #ring: () => void
  #timer: NodeJS.Timeout | undefined
  #atMs = Number.POSITIVE_INFINITY

  constructor(ring: () => void) {
    this.#ring = ring
  }

  /** A wall-clock time. */
  set(timeMs: number): void {
    if (timeMs >= this.#atMs) return
    clearTimeout(this.#timer)
    this.#atMs = timeMs
    this.#timer = setTimeout(
      () => {
        this.#atMs = Number.POSITIVE_INFINITY
        this.#ring()
      },
      Math.max(1, timeMs - Date.now() + 1)
    )
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
