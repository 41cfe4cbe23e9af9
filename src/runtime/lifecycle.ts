/** A state machine as a table of transitions with one setter; any other move is a bug of ours. */
import { assert } from '../assert.ts'

export type Transitions<S extends string> = Readonly<Record<S, readonly S[]>>

export class Lifecycle<S extends string> {
  readonly #name: string
  readonly #transitions: Transitions<S>
  #state: S

  constructor(name: string, initial: S, transitions: Transitions<S>) {
    this.#name = name
    this.#state = initial
    this.#transitions = transitions
  }

  get state(): S {
    return this.#state
  }

  is(...states: readonly S[]): boolean {
    return states.includes(this.#state)
  }

  to(next: S): void {
    const allowed = this.#transitions[this.#state].includes(next)
    assert(allowed, `${this.#name} cannot go from ${this.#state} to ${next}`)
    this.#state = next
  }
}
