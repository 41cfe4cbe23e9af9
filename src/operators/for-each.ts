/** `forEach` and `print`: records end here. */
import type { Timestamp } from '../ids.ts'
import { Operator } from '../processor/operator.ts'
import type { Callback } from './filter.ts'

/** `alerts.forEach((alert) => pager.notify(alert))` */
export class ForEachOperator extends Operator {
  readonly #take: Callback<unknown>

  constructor(take: Callback<unknown>) {
    super()
    this.#take = take
  }

  process(key: unknown, value: unknown, _timestamp: Timestamp): void {
    const take = this.#take
    take(value, key)
  }
}
