/** `selectKey`, and the first half of `groupBy`: a new key for the same value. */
import type { Timestamp } from '../ids.ts'
import { Operator } from '../processor/operator.ts'
import type { Callback } from './filter.ts'

/** `orders.selectKey((order) => order.user)` */
export class SelectKeyOperator extends Operator {
  readonly #select: Callback<unknown>

  constructor(select: Callback<unknown>) {
    super()
    this.#select = select
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const select = this.#select
    this.next.process(select(value, key), value, timestamp)
  }
}
