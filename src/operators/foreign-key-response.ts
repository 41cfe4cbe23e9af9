/**
 * Last step of a foreign-key join, back in the tasks of the left table: a response is joined with
 * the left row that it is for. One for a row that has changed since is stale, and counted: what
 * replaced it has its own response on the way.
 */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import { hashOf, type Response } from './foreign-key-messages.ts'
import type { ForeignKeyJoinSpec } from './foreign-key-specs.ts'
import { openView, type RowReader } from './table-view.ts'

/** Where `orders.join('priced', products, …)` becomes rows; null: there is none any more. */
export class ForeignKeyResponseOperator extends Operator {
  readonly #spec: ForeignKeyJoinSpec
  #context!: TaskContext
  #rows!: RowReader

  constructor(spec: ForeignKeyJoinSpec) {
    super()
    this.#spec = spec
  }

  override init(context: TaskContext): void {
    this.#context = context
    this.#rows = openView(context, this.#spec.left.view)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    assert(key instanceof Uint8Array, 'a response names the row that it is for')
    const { hash, value: found } = value as Response
    const { left, right, isLeft, joiner } = this.#spec
    const own = left.key.deserialize(key)
    const row = this.#rows.get(own)
    if (hashOf(left.value, row?.value) !== hash) {
      this.#context.drop('stale')
      return
    }
    if (found === null && (!isLeft || row === undefined)) {
      this.next.process(own, null, timestamp)
      return
    }
    const other = found === null ? null : right.value.deserialize(found)
    this.next.process(own, joiner(row?.value ?? null, other, own) ?? null, timestamp)
  }
}
