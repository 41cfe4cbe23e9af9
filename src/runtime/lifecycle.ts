/** A state machine as a table of transitions with one setter; any other move is a bug of ours. */
import { assert } from '../assert.ts'
import type { AppState } from './snapshot.ts'

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

/** Whether it rebalances is no phase of its own: a running one does, now and then. */
export type AppPhase = Exclude<AppState, 'rebalancing'>

/** Of an application, however many threads it runs in. */
export function applicationLifecycle(): Lifecycle<AppPhase> {
  return new Lifecycle<AppPhase>('Application', 'created', {
    created: ['starting', 'closed'],
    starting: ['running', 'closing', 'failed'],
    running: ['closing', 'failed'],
    closing: ['closed', 'failed'],
    closed: [],
    failed: [],
  })
}
