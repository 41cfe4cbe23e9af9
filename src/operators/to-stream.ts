/** From tables to streams, and tables whose rows are recomputed: what happens to a `Change`. */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import { Operator } from '../processor/operator.ts'

/** `totals.toStream()`: the new value of each change; null where the key has gone. */
export class ToStreamOperator extends Operator {
  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    assert(value instanceof Change, 'a table sends changes')
    this.next.process(key, value.newValue, timestamp)
  }
}

/** Shows a row of a table in another form; the table below keeps what it has. */
export class ChangeValuesOperator extends Operator {
  readonly #show: (row: unknown) => unknown

  constructor(show: (row: unknown) => unknown) {
    super()
    this.#show = show
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    assert(value instanceof Change, 'a table sends changes')
    const { newValue, oldValue } = value as Change<unknown>
    this.next.process(key, new Change(this.#of(newValue), this.#of(oldValue)), timestamp)
  }

  #of(row: unknown): unknown {
    const show = this.#show
    return row === null ? null : show(row)
  }
}
