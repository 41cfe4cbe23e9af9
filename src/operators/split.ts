/**
 * `split()`: the splitter asks the predicates in turn, and tells its branches which one takes it.
 *
 *     splitter ──(Routed: branch 1, value)──▶ branch 0: not mine
 *                                         ──▶ branch 1: value, and on
 *
 * One `Routed` per splitter is enough: records go through one at a time, depth first, and no path
 * leads back.
 */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Operator } from '../processor/operator.ts'
import type { Callback } from './filter.ts'

class Routed {
  branch = -1
  value: unknown = undefined
}

/** Predicates in the order of their branches; a branch without one takes what is left. */
export class SplitOperator extends Operator {
  readonly #predicates: readonly (Callback<boolean> | undefined)[]
  readonly #routed = new Routed()

  constructor(predicates: readonly (Callback<boolean> | undefined)[]) {
    super()
    this.#predicates = predicates
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const branch = this.#predicates.findIndex((takes) => takes === undefined || takes(value, key))
    if (branch < 0) return
    this.#routed.branch = branch
    this.#routed.value = value
    this.next.process(key, this.#routed, timestamp)
    this.#routed.value = undefined
  }
}

/** One branch, by its place in the split. */
export class BranchOperator extends Operator {
  readonly #branch: number

  constructor(branch: number) {
    super()
    this.#branch = branch
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    assert(value instanceof Routed, 'a branch gets its records from a splitter')
    if (value.branch === this.#branch) this.next.process(key, value.value, timestamp)
  }
}
