/** `filter` and `filterNot`: records pass, or end here. */
import type { Timestamp } from '../ids.ts'
import { Operator } from '../processor/operator.ts'

export type Callback<R> = (value: unknown, key: unknown) => R

/** `events.filter((event) => event.kind === 'order')` */
export class FilterOperator extends Operator {
  readonly #predicate: Callback<boolean>

  constructor(predicate: Callback<boolean>) {
    super()
    this.#predicate = predicate
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const predicate = this.#predicate
    if (predicate(value, key)) this.next.process(key, value, timestamp)
  }
}

/** `events.filterNot((event) => event.isTest)` */
export class FilterNotOperator extends Operator {
  readonly #predicate: Callback<boolean>

  constructor(predicate: Callback<boolean>) {
    super()
    this.#predicate = predicate
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const predicate = this.#predicate
    if (!predicate(value, key)) this.next.process(key, value, timestamp)
  }
}
