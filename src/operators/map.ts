/** `map` and `flatMap`: one record becomes one, or any number, under keys of their own. */
import type { Timestamp } from '../ids.ts'
import { Operator } from '../processor/operator.ts'
import type { Forwarded } from '../processor/processor.ts'
import type { Callback } from './filter.ts'

type Row = Forwarded<unknown, unknown>

/** `orders.map((order) => ({ key: order.user, value: order.cents }))` */
export class MapOperator extends Operator {
  readonly #map: Callback<Row>

  constructor(map: Callback<Row>) {
    super()
    this.#map = map
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const map = this.#map
    const row = map(value, key)
    this.next.process(row.key, row.value, row.timestamp ?? timestamp)
  }
}

/** `orders.flatMap((order) => order.lines.map((line) => ({ key: line.sku, value: line })))` */
export class FlatMapOperator extends Operator {
  readonly #map: Callback<Iterable<Row>>

  constructor(map: Callback<Iterable<Row>>) {
    super()
    this.#map = map
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const map = this.#map
    for (const row of map(value, key)) {
      this.next.process(row.key, row.value, row.timestamp ?? timestamp)
    }
  }
}
