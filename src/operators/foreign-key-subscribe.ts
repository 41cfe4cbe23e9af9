/** First step of a foreign-key join: each left row says which right row it wants. */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import { keyTextOf } from './aggregate-entries.ts'
import {
  hashOf,
  type Instruction,
  instructions,
  type Subscription,
} from './foreign-key-messages.ts'
import type { ForeignKeyJoinSpec } from './foreign-key-specs.ts'

/** The left side of `orders.join('priced', products, (order) => order.product, …)` */
export class SubscribeOperator extends Operator {
  readonly #spec: ForeignKeyJoinSpec
  readonly #leftKey: (key: unknown) => string | null
  readonly #rightKey: (key: unknown) => string | null
  #context!: TaskContext

  constructor(spec: ForeignKeyJoinSpec) {
    super()
    this.#spec = spec
    this.#leftKey = keyTextOf(spec.left.key)
    this.#rightKey = keyTextOf(spec.right.key)
  }

  override init(context: TaskContext): void {
    this.#context = context
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    assert(value instanceof Change, 'a table sends changes')
    const { newValue, oldValue, isLatest } = value as Change<unknown>
    if (this.#spec.left.isVersioned && !isLatest) {
      this.#context.drop('out_of_order')
      return
    }
    if (oldValue === null && newValue === null) return
    const before = oldValue === null ? null : this.#foreignKey(oldValue, key)
    const next = newValue === null ? null : this.#foreignKey(newValue, key)
    const hash = hashOf(this.#spec.left.value, newValue)
    const say = (foreignKey: unknown, instruction: Instruction): void =>
      this.#say(key, foreignKey, instruction, hash, timestamp)
    const isNew = before === null || !this.#areOne(before, next)
    if (this.#spec.isLeft) {
      if (before !== null && isNew) say(before, instructions.forget)
      say(next, instructions.tell)
    } else if (next === null && before === null) this.#context.drop('null_foreign_key')
    else if (next === null) say(before, instructions.forgetAndTell)
    else {
      if (before !== null && isNew) say(before, instructions.forget)
      // What the row was joined with is undone, if there is nothing new to join it with.
      const mustTell = before !== null && isNew
      say(next, mustTell ? instructions.tell : instructions.tellIfFound)
    }
  }

  #say(
    key: unknown,
    foreignKey: unknown,
    instruction: Instruction,
    hash: string,
    timestamp: Timestamp
  ): void {
    const primaryKey = this.#leftKey(key)
    assert(primaryKey !== null, 'a row of a table has a key')
    const { partition } = this.#context
    const subscription: Subscription = { instruction, hash, primaryKey, partition }
    this.next.process(foreignKey, subscription, timestamp)
  }

  #foreignKey(row: unknown, key: unknown): unknown {
    const { foreignKey } = this.#spec
    return foreignKey(row, key) ?? null
  }

  #areOne(one: unknown, other: unknown): boolean {
    return other !== null && this.#rightKey(one) === this.#rightKey(other)
  }
}
