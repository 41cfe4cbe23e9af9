/**
 * Something that only a server knows, asked from code that cannot wait.
 *
 *     get() ──▶ asking ──answer──▶ known        get() has it
 *                 │ ▲ └──no──────▶ refused      get() throws what was said, for a while
 *                 ▼ │ get(), after a longer and longer pause
 *               unanswered                      get() throws a NotReadyError
 *
 * Invariants: one request at a time; without an answer nothing is decided.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { NotReadyError, RetriableError } from '../errors.ts'

export interface QuestionOptions<T> {
  /** Rejects with a RetriableError for want of an answer; anything else is a no. */
  readonly ask: () => Promise<T>
  /** For messages: what is missing meanwhile. */
  readonly what: string
  /** How long a no is believed. */
  readonly refusedMs: number
}

const pauseMs = { first: 200, most: 5_000 } as const

export class Question<T> {
  readonly #options: QuestionOptions<T>
  #answer: { readonly value: T } | undefined
  #refusal: { readonly error: unknown; readonly until: number; isTold: boolean } | undefined
  #asking: Promise<void> | undefined
  #failures = 0
  #why: string | undefined

  constructor(options: QuestionOptions<T>) {
    this.#options = options
  }

  /** Throws a NotReadyError until there is an answer, and the refusal if that is what it is. */
  get(): T {
    if (this.#answer !== undefined) return this.#answer.value
    if (this.#refusal !== undefined) {
      const { error, until, isTold } = this.#refusal
      // Whoever has asked hears it, however short it is believed.
      this.#refusal.isTold = true
      if (!isTold || performance.now() < until) throw error
      this.#refusal = undefined
    }
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined))
    const { what } = this.#options
    throw new NotReadyError(this.#why === undefined ? what : `${what}: ${this.#why}`, this.#asking)
  }

  /** Never rejects. */
  async #ask(): Promise<void> {
    const { first, most } = pauseMs
    if (this.#failures > 0) {
      // The process may end meanwhile.
      await delay(Math.min(first * 2 ** (this.#failures - 1), most), undefined, { ref: false })
    }
    try {
      this.#answer = { value: await this.#options.ask() }
    } catch (error) {
      if (error instanceof RetriableError) {
        this.#failures += 1
        this.#why = error.message
        return
      }
      const until = performance.now() + this.#options.refusedMs
      this.#refusal = { error, until, isTold: false }
    }
    this.#failures = 0
    this.#why = undefined
  }
}
