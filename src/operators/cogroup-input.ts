/** One input of `a.cogroup(…).and(b, …)`: says which one a record came by. */
import type { Timestamp } from '../ids.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import { CogroupValue } from './cogroup-value.ts'

export class CogroupInputOperator extends Operator {
  readonly #input: number
  readonly #dropsNull: boolean
  #context!: TaskContext

  /** @param dropsNull whether the aggregate knows no null values */
  constructor(input: number, dropsNull: boolean) {
    super()
    this.#input = input
    this.#dropsNull = dropsNull
  }

  override init(context: TaskContext): void {
    this.#context = context
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    if (key === null || key === undefined) this.#context.drop('null_key')
    else if (value === null && this.#dropsNull) this.#context.drop('null_value')
    else this.next.process(key, new CogroupValue(this.#input, value), timestamp)
  }
}
