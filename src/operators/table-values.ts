/** `table.mapValues`: rows in another form; the table below keeps what it has. */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import { Operator } from '../processor/operator.ts'
import type { Callback } from './filter.ts'

/** `users.mapValues((user) => user.name)` */
export class TableValuesOperator extends Operator {
  readonly #map: Callback<unknown>
  readonly #sendsOld: boolean

  /** @param sendsOld whether somebody downstream asks what a row was before */
  constructor(map: Callback<unknown>, sendsOld: boolean) {
    super()
    this.#map = map
    this.#sendsOld = sendsOld
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    assert(value instanceof Change, 'a table sends changes')
    const { newValue, oldValue, isLatest } = value as Change<unknown>
    const before = this.#sendsOld ? this.#mapped(oldValue, key) : null
    this.next.process(key, new Change(this.#mapped(newValue, key), before, isLatest), timestamp)
  }

  #mapped(row: unknown, key: unknown): unknown {
    const map = this.#map
    return row === null ? null : (map(row, key) ?? null)
  }
}
