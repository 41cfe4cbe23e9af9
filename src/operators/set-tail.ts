/**
 * What has come into a set since it was last looked at, without a list beside the set.
 *
 *     set   a b c d e f        an iterator that is never asked past the end goes on behind it
 *               └─ taken so far
 *
 * Invariant: nothing is ever taken out of the set, which keeps its order.
 */
import { assert } from '../assert.ts'

/** A set, or a list, that only grows. */
export interface Growing<T> {
  readonly size: number
  values(): Iterator<T>
}

export class SetTail<T> {
  readonly #set: Growing<T>
  #taken: number
  /** Made when it is needed: many tails are never asked. */
  #iterator: Iterator<T> | undefined

  /** @param taken how many of the first ones count as taken */
  constructor(set: Growing<T>, taken = 0) {
    this.#set = set
    this.#taken = taken
  }

  /** How many are left to take. */
  get size(): number {
    return this.#set.size - this.#taken
  }

  next(): T {
    assert(this.size > 0, 'one is left')
    let iterator = this.#iterator
    if (iterator === undefined) {
      iterator = this.#set.values()
      this.#iterator = iterator
      for (let skipped = 0; skipped < this.#taken; skipped++) iterator.next()
    }
    this.#taken += 1
    return iterator.next().value as T
  }

  /** All that are left. */
  take(): T[] {
    return Array.from({ length: this.size }, () => this.next())
  }
}
