/** `stream.join(table, …)`: each record meets the row of its key; the table alone sends nothing. */
import type { Timestamp } from '../ids.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import { type Joiner, openView, type RowReader, type TableView } from './table-view.ts'

export interface StreamTableJoinSpec {
  /** Whether records without a row come out too, with null. */
  readonly isLeft: boolean
  readonly table: TableView
  readonly joiner: Joiner
}

/** `orders.leftJoin(users, (order, user) => ({ ...order, region: user?.region ?? null }))` */
export class StreamTableJoinOperator extends Operator {
  readonly #spec: StreamTableJoinSpec
  #context!: TaskContext
  #rows!: RowReader

  constructor(spec: StreamTableJoinSpec) {
    super()
    this.#spec = spec
  }

  override init(context: TaskContext): void {
    this.#context = context
    this.#rows = openView(context, this.#spec.table)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    if (this.takes(key, value)) this.join(key, value, timestamp)
  }

  /** Whether a record can be joined; if not, it is counted. */
  protected takes(key: unknown, value: unknown): boolean {
    const hasKey = key !== null && key !== undefined
    if ((hasKey || this.#spec.isLeft) && value !== null) return true
    this.#context.drop(hasKey ? 'null_value' : 'null_key')
    return false
  }

  /** Versioned tables answer with the row of the record's own time. */
  protected join(key: unknown, value: unknown, timestamp: Timestamp): void {
    const { isLeft, joiner } = this.#spec
    const hasKey = key !== null && key !== undefined
    const row = hasKey ? this.#rows.get(key, timestamp) : undefined
    if (row === undefined && !isLeft) return
    this.next.process(key, joiner(value, row?.value ?? null, key), timestamp)
  }
}
