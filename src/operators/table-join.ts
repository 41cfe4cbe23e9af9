/**
 * One side of `table.join(other, …)`: what a change of this table means for the joined one. The
 * other side has an operator of its own, and both go on into one.
 *
 *     change of this side ─▶ row of the other side, as it is now ─▶ change of the joined row
 *
 * A joined row is dated by the younger of the two. Late rows of plain tables count as any other.
 */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import { type Joiner, openView, type RowReader, type TableView } from './table-view.ts'

export interface TableJoinSpec {
  readonly side: 'left' | 'right'
  /** Whether a row of this side makes a joined row by itself. */
  readonly isEnough: boolean
  /** The same of the other side. */
  readonly isOtherEnough: boolean
  readonly other: TableView
  readonly joiner: Joiner
  /** Whether somebody downstream asks what a row was before. */
  readonly tellsOld: boolean
  /** Rows of a versioned table: those about its past do not count. */
  readonly isVersioned: boolean
}

/** `people.leftJoin(cities, (person, city) => ({ ...person, city }))` */
export class TableJoinOperator extends Operator {
  readonly #spec: TableJoinSpec
  #context!: TaskContext
  #other!: RowReader

  constructor(spec: TableJoinSpec) {
    super()
    this.#spec = spec
  }

  override init(context: TaskContext): void {
    this.#context = context
    this.#other = openView(context, this.#spec.other)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    assert(value instanceof Change, 'a table sends changes')
    const { newValue, oldValue, isLatest } = value as Change<unknown>
    const { isEnough, isVersioned, tellsOld } = this.#spec
    if (isVersioned && !isLatest) {
      this.#context.drop('out_of_order')
      return
    }
    const other = this.#other.get(key)
    if (other === undefined) {
      if (!isEnough || (newValue === null && oldValue === null)) return
    }
    const at = Math.max(timestamp, other?.timestamp ?? timestamp)
    const row = this.#joined(newValue, other?.value ?? null, key)
    const before = tellsOld ? this.#joined(oldValue, other?.value ?? null, key) : null
    this.next.process(key, new Change(row, before, isLatest), at)
  }

  /** The joined row of two; null if they make none. */
  #joined(own: unknown, other: unknown, key: unknown): unknown {
    const { side, isOtherEnough, joiner } = this.#spec
    if (own === null && (other === null || !isOtherEnough)) return null
    const row = side === 'left' ? joiner(own, other, key) : joiner(other, own, key)
    return row ?? null
  }
}
