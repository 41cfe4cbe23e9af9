/** `mapValues` and `flatMapValues`: new values under the same key. */
import type { Timestamp } from '../ids.ts'
import { Operator } from '../processor/operator.ts'
import type { Callback } from './filter.ts'

/** `orders.mapValues((order) => order.cents)` */
export class MapValuesOperator extends Operator {
  readonly #map: Callback<unknown>

  constructor(map: Callback<unknown>) {
    super()
    this.#map = map
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const map = this.#map
    this.next.process(key, map(value, key), timestamp)
  }
}

/** `lines.flatMapValues((line) => line.split(' '))` */
export class FlatMapValuesOperator extends Operator {
  readonly #map: Callback<Iterable<unknown>>

  constructor(map: Callback<Iterable<unknown>>) {
    super()
    this.#map = map
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const map = this.#map
    for (const one of map(value, key)) this.next.process(key, one, timestamp)
  }
}
