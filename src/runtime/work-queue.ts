/**
 * What must come after a record, of whichever node: done in steps, some of which are awaited.
 *
 *     added ─▶ fresh ──step──▶ done
 *                       └────▶ asks for another step: records, and a commit, may come in between
 *
 * Invariants: one step at a time; work that is queued already is not queued again; fresh work goes
 * before work that has had a step; while a step is awaited none begins.
 */

import { present } from '../assert.ts'
import { steadyList } from '../steady-list.ts'
import { inNode, nodeFailure } from './wiring.ts'

/** A step; whether it asks for another. */
export type WorkStep = () => boolean | Promise<boolean>

export interface WorkEvents {
  /** A step has been taken: a commit must cover it. */
  changed(): void
  /** An awaited step has failed; what others throw, `step` throws. */
  failed(error: unknown): void
  /** An awaited step is over. */
  wake(): void
}

interface Work {
  readonly node: string
  readonly run: WorkStep
  /** A step of it has been taken, and it asks for another. */
  asksAgain: boolean
}

export class WorkQueue {
  /** What is left. A field, as `busy` is: both are looked at with each record. */
  readonly pending: readonly unknown[]
  /** Resolves when the step that is awaited is over; never rejects. Only the queue sets it. */
  busy: Promise<void> | undefined
  readonly #pending = steadyList<Work>()
  readonly #events: WorkEvents

  constructor(events: WorkEvents) {
    this.#events = events
    this.pending = this.#pending
  }

  /** Nothing is left, and no step is awaited. */
  get isIdle(): boolean {
    return this.busy === undefined && this.pending.length === 0
  }

  add(node: string, run: WorkStep): void {
    if (this.#pending.some((work) => work.run === run)) return
    this.#pending.push({ node, run, asksAgain: false })
  }

  /** Some has had no step yet: it belongs to what was done. */
  get hasFresh(): boolean {
    return this.#pending.some(({ asksAgain }) => !asksAgain)
  }

  /** A step of each that is fresh, until one has to be waited for. */
  runFresh(): void {
    while (this.hasFresh && this.busy === undefined) this.step()
  }

  /** One step of the first work that has had none, or else of the first. */
  step(): void {
    const fresh = this.#pending.find(({ asksAgain }) => !asksAgain)
    const work = fresh ?? present(this.#pending[0], 'pending work')
    this.#events.changed()
    const result = inNode(work.node, work.run)
    if (typeof result === 'boolean') {
      this.#stepped(work, result)
      return
    }
    this.busy = result
      .then(
        (again) => this.#stepped(work, again),
        (error: unknown) => this.#events.failed(nodeFailure(work.node, error))
      )
      .finally(() => {
        this.busy = undefined
        this.#events.wake()
      })
  }

  #stepped(work: Work, again: boolean): void {
    this.#events.changed()
    work.asksAgain = again
    if (!again) this.#pending.splice(this.#pending.indexOf(work), 1)
  }
}
