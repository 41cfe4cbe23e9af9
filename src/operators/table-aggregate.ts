/**
 * `table.groupBy(…).count('n')`, `.reduce('n', …)`, `.aggregate('n', …)`: one value per group. A
 * row that changes is taken out of its group as it was, and added as it is.
 *
 * A group without rows keeps its value, such as a count of 0: Kafka Streams deletes none either.
 */
import type { KeyValueState } from '../../state/contract.ts'
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import {
  aggregateDefinition,
  EntryKeys,
  findRows,
  Kept,
  keyTextOf,
  type memberEntry,
} from './aggregate-entries.ts'
import { type Aggregation, makeAggregation, noMembers } from './aggregation.ts'
import type { KeyedAggregateSpec } from './specs.ts'

/** `users.groupBy(byRegion).count('users-by-region')` */
export class TableAggregateOperator extends Operator {
  readonly #spec: KeyedAggregateSpec
  readonly #aggregation: Aggregation
  readonly #keys: EntryKeys
  readonly #keyText: (key: unknown) => string | null
  #store!: KeyValueState<Kept | typeof memberEntry>

  constructor(spec: KeyedAggregateSpec) {
    super()
    this.#spec = spec
    this.#aggregation = makeAggregation(spec.name, spec.plan)
    this.#keys = new EntryKeys(this.#aggregation)
    this.#keyText = keyTextOf(spec.key)
  }

  override init(context: TaskContext): void {
    const definition = aggregateDefinition(this.#spec, this.#aggregation, { cached: true })
    this.#store = context.store(definition, findRows(this.#spec.key, this.#aggregation))
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    assert(value instanceof Change, 'groups of a table are told of changes')
    const { newValue, oldValue } = value as Change<unknown>
    const keyText = this.#keyText(key)
    assert(keyText !== null, 'a group has a key')
    const entry = this.#keys.row(keyText)
    const found = this.#store.get(entry)
    const kept = found instanceof Kept && found.state !== null ? found : undefined
    // What users see is taken before the state changes in place.
    const before = kept === undefined ? null : this.#aggregation.result(kept.state)
    let state: unknown = kept?.state ?? null
    let isOlder = false
    if (oldValue !== null && kept !== undefined) {
      state = this.#aggregation.remove(state, oldValue, key)
      isOlder = true
    }
    if (newValue !== null) {
      // A reduce that begins anew begins with the time of its row, all else goes on.
      isOlder = isOlder || state !== null || this.#spec.plan.kind !== 'reduce'
      state =
        state === null
          ? this.#aggregation.start(newValue, key, noMembers)
          : this.#aggregation.add(state, newValue, key, noMembers)
    }
    const at = kept !== undefined && isOlder ? Math.max(timestamp, kept.timestamp) : timestamp
    this.#keep(entry, kept, state, at)
    const row = state === null ? null : this.#aggregation.result(state)
    this.next.process(key, new Change(row, before), at)
  }

  #keep(entry: string, kept: Kept | undefined, state: unknown, timestamp: Timestamp): void {
    if (state !== null) this.#store.put(entry, new Kept(state, timestamp))
    else if (kept !== undefined) this.#store.delete(entry)
  }
}
