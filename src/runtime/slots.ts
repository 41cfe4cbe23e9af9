/** A bound on what runs at one time, in order of arrival. */
export class Slots {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(count: number) {
    this.#free = count
  }

  /** Rejects with the signal's reason if that aborts before a slot is free. */
  async use<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    await this.#take(signal)
    try {
      return await run()
    } finally {
      this.#give()
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#free > 0) {
      this.#free -= 1
      return
    }
    await new Promise<void>((resolve, reject) => {
      const aborted = (): void => {
        this.#waiting.delete(taken)
        reject(signal.reason)
      }
      const taken = (): void => {
        signal.removeEventListener('abort', aborted)
        resolve()
      }
      this.#waiting.add(taken)
      signal.addEventListener('abort', aborted, { once: true })
    })
  }

  #give(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#free += 1
      return
    }
    this.#waiting.delete(next)
    next()
  }
}
