/** The locks of tasks as a thread sees them: it asks the main thread, which keeps the book. */
import type { TaskLocks } from '../../state/index.ts'

type Ask = (kind: 'acquire' | 'release', id: number, task: string) => void

export class AskedLocks implements TaskLocks {
  readonly #ask: Ask
  readonly #waiting = new Map<number, () => void>()
  #claims = 0

  constructor(ask: Ask) {
    this.#ask = ask
  }

  async acquire(task: string, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted()
    const id = this.#claims++
    const release = (): void => this.#ask('release', id, task)
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(id)
        // It may have been granted meanwhile; either way it is given back.
        release()
        reject(signal?.reason)
      }
      this.#waiting.set(id, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#ask('acquire', id, task)
    })
    return release
  }

  /** The main thread has said so. */
  granted(id: number): void {
    const resolve = this.#waiting.get(id)
    this.#waiting.delete(id)
    resolve?.()
  }
}
