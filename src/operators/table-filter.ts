/** `table.filter` and `filterNot`: a row that does not pass, or passes no longer, is gone. */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import { Operator } from '../processor/operator.ts'
import type { Callback } from './filter.ts'

export interface TableFilterSpec {
  readonly passes: Callback<boolean>
  /**
   * Whether old values are known: then a row that did not pass, and does not, is no news. Without
   * them each row that does not pass is told as gone.
   */
  readonly knowsOld: boolean
  /** Rows of a versioned table: each is news, for it may be about the past. */
  readonly isVersioned: boolean
}

/** `users.filter((user) => user.isActive)` */
export class TableFilterOperator extends Operator {
  readonly #spec: TableFilterSpec

  constructor(spec: TableFilterSpec) {
    super()
    this.#spec = spec
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    assert(value instanceof Change, 'a table sends changes')
    const change = value as Change<unknown>
    const { knowsOld, isVersioned } = this.#spec
    const newValue = this.#passed(change.newValue, key)
    const oldValue = knowsOld ? this.#passed(change.oldValue, key) : null
    if (knowsOld && !isVersioned && newValue === null && oldValue === null) return
    this.next.process(key, new Change(newValue, oldValue, change.isLatest), timestamp)
  }

  #passed(value: unknown, key: unknown): unknown {
    const { passes } = this.#spec
    return value !== null && passes(value, key) ? value : null
  }
}
