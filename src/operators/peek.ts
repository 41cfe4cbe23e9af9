/** `peek`: looks at each record on its way. */
import type { Timestamp } from '../ids.ts'
import { Operator } from '../processor/operator.ts'
import type { Callback } from './filter.ts'

/** `orders.peek((order, key) => log.debug('order', { key }))` */
export class PeekOperator extends Operator {
  readonly #look: Callback<unknown>

  constructor(look: Callback<unknown>) {
    super()
    this.#look = look
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const look = this.#look
    look(value, key)
    this.next.process(key, value, timestamp)
  }
}
