/** `stream.join(globalTable, selector, …)`: each record meets the row whose key it names. */
import type { Timestamp } from '../ids.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import type { Callback } from './filter.ts'
import type { Joiner, RowReader } from './table-view.ts'

export interface StreamGlobalJoinSpec {
  /** Whether records without a row come out too, with null. */
  readonly isLeft: boolean
  readonly table: string
  readonly select: Callback<unknown>
  readonly joiner: Joiner
}

/** `orders.join(products, (order) => order.product, (order, { title }) => title)` */
export class StreamGlobalJoinOperator extends Operator {
  readonly #spec: StreamGlobalJoinSpec
  #context!: TaskContext
  #rows!: RowReader

  constructor(spec: StreamGlobalJoinSpec) {
    super()
    this.#spec = spec
  }

  override init(context: TaskContext): void {
    this.#context = context
    this.#rows = context.globalTable(this.#spec.table)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const { isLeft, select, joiner } = this.#spec
    if (value === null) {
      this.#context.drop('null_value')
      return
    }
    const wanted = select(value, key) ?? null
    if (wanted === null && !isLeft) {
      this.#context.drop('null_key')
      return
    }
    const row = wanted === null ? undefined : this.#rows.get(wanted)
    if (row === undefined && !isLeft) return
    this.next.process(key, joiner(value, row?.value ?? null, key), timestamp)
  }
}
