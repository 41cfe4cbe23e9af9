/**
 * `table.groupBy(…)`: where a row counts, and where its predecessor did. The group that a row
 * leaves is told before the one it comes to; if both are one, it is told once.
 */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import { Operator } from '../processor/operator.ts'
import type { Forwarded } from '../processor/processor.ts'
import type { Serde } from '../serde/serde.ts'
import { keyTextOf } from './aggregate-entries.ts'
import type { Callback } from './filter.ts'

type Selected = Pick<Forwarded<unknown, unknown>, 'key' | 'value'>

export interface TableSelectSpec {
  readonly select: Callback<Selected>
  /** Of the groups' keys. */
  readonly key: Serde<unknown>
  /** Rows of a versioned table: those about its past count for no group. */
  readonly isVersioned: boolean
}

/** `users.groupBy((user, name) => ({ key: user.region, value: name }))` */
export class TableSelectOperator extends Operator {
  readonly #spec: TableSelectSpec
  readonly #keyText: (key: unknown) => string | null

  constructor(spec: TableSelectSpec) {
    super()
    this.#spec = spec
    this.#keyText = keyTextOf(spec.key)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    assert(value instanceof Change, 'a table sends changes')
    const { newValue, oldValue, isLatest } = value as Change<unknown>
    if (this.#spec.isVersioned && !isLatest) return
    const next = this.#selected(newValue, key)
    const before = this.#selected(oldValue, key)
    if (before !== undefined && next !== undefined && this.#areOne(before.key, next.key)) {
      this.next.process(before.key, new Change(next.value, before.value), timestamp)
      return
    }
    if (before !== undefined) {
      this.next.process(before.key, new Change(null, before.value), timestamp)
    }
    if (next !== undefined) this.next.process(next.key, new Change(next.value, null), timestamp)
  }

  /** Undefined: it counts for no group. */
  #selected(row: unknown, key: unknown): Selected | undefined {
    if (row === null) return undefined
    const { select } = this.#spec
    const selected = select(row, key)
    const isWhole = (selected.key ?? null) !== null && (selected.value ?? null) !== null
    return isWhole ? selected : undefined
  }

  #areOne(one: unknown, other: unknown): boolean {
    return one === other || this.#keyText(one) === this.#keyText(other)
  }
}
