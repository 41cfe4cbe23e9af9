/**
 * Second step of a foreign-key join, in the tasks of the right table: answers each left row that
 * says which right row it wants, and keeps who wants what.
 */
import type { KeyValueState } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import { binaryText } from '../serde/text.ts'
import { instructions, type Subscription } from './foreign-key-messages.ts'
import type { Answer } from './foreign-key-sink.ts'
import type { ForeignKeyJoinSpec } from './foreign-key-specs.ts'
import { type ForeignKeyEntry, foreignKeyDefinition, prefixOf } from './foreign-key-store.ts'
import { bytesOf } from './sink.ts'
import { openView, type RowReader } from './table-view.ts'

/** Answers left rows: takes the messages of the registration topic. */
export class SubscriptionsOperator extends Operator {
  readonly #spec: ForeignKeyJoinSpec
  #store!: KeyValueState<ForeignKeyEntry>
  #rows!: RowReader

  constructor(spec: ForeignKeyJoinSpec) {
    super()
    this.#spec = spec
  }

  override init(context: TaskContext): void {
    this.#store = context.store(foreignKeyDefinition(this.#spec.store))
    this.#rows = openView(context, this.#spec.right.view)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const { instruction, hash, primaryKey, partition } = value as Subscription
    const foreignKey = key instanceof Uint8Array ? key : null
    const { forget, forgetAndTell, tellIfFound } = instructions
    if (foreignKey !== null) {
      const entry = prefixOf(binaryText(foreignKey)) + primaryKey
      if (instruction === forget || instruction === forgetAndTell) this.#store.delete(entry)
      else this.#store.put(entry, { hash, partition })
    }
    const { key: keySerde, value: valueSerde } = this.#spec.right
    const row = foreignKey === null ? undefined : this.#rows.get(keySerde.deserialize(foreignKey))
    if (instruction === forget || (instruction === tellIfFound && row === undefined)) return
    const found = instruction === forgetAndTell ? null : (row?.value ?? null)
    const at = Math.max(timestamp, row?.timestamp ?? timestamp)
    const answer: Answer = { hash, value: bytesOf(valueSerde, found), partition }
    this.next.process(primaryKey, answer, at)
  }
}
