/**
 * `stream.groupBy(…).count('n')`, `.reduce('n', …)`, `.aggregate('n', …)`: one value per key.
 *
 * Without caching every record sends a `Change`; with caching one goes out per key and commit, in
 * the order in which the keys were first touched. Invariant: a live value is put into the store
 * before its first change of a commit, so that it cannot be evicted between two changes.
 */

import type { KeyValueState } from '../../state/contract.ts'
import type { MemberSink } from '../aggregators/row.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import type { TaskContext } from '../processor/operator.ts'
import { Operator } from '../processor/operator.ts'
import { steadyList } from '../steady-list.ts'
import {
  aggregateDefinition,
  EntryKeys,
  findRows,
  Kept,
  keyTextOf,
  memberEntry,
} from './aggregate-entries.ts'
import type { Aggregation } from './aggregation.ts'
import { aggregationOf } from './combined.ts'
import type { KeyedAggregateSpec } from './specs.ts'

type Store = KeyValueState<Kept | typeof memberEntry>

export class KeyedAggregateOperator extends Operator {
  readonly #spec: KeyedAggregateSpec
  readonly #aggregation: Aggregation
  readonly #keyText: (key: unknown) => string | null
  readonly #members: KeyMembers
  #context!: TaskContext
  #store!: Store
  #epoch = 0
  /** What waits for the commit, in the order of its first change; its keys beside it. */
  #pending = steadyList<Kept>()
  #pendingKeys = steadyList<unknown>()

  constructor(spec: KeyedAggregateSpec) {
    super()
    this.#spec = spec
    this.#aggregation = aggregationOf(spec)
    this.#keyText = keyTextOf(spec.key)
    this.#members = new KeyMembers(this.#aggregation)
  }

  override init(context: TaskContext): void {
    this.#context = context
    const definition = aggregateDefinition(this.#spec, this.#aggregation, { cached: true })
    const find = findRows(this.#spec.key, this.#aggregation)
    this.#store = context.store(definition, find)
    this.#members.store = this.#store
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const keyText = key === null || key === undefined ? null : this.#keyText(key)
    if (keyText === null) {
      this.#context.drop('null_key')
      return
    }
    // Undefined: a value is there, and nobody reads it, such as for a count.
    if (value === null) {
      this.#context.drop('null_value')
      return
    }
    this.#members.key = keyText
    const entry = this.#members.keys.row(keyText)
    const kept = this.#store.get(entry)
    if (kept instanceof Kept) this.#add(entry, kept, key, value, timestamp)
    else this.#start(entry, key, value, timestamp)
  }

  override handOn(): void {
    const pending = this.#pending
    const keys = this.#pendingKeys
    this.#pending = steadyList()
    this.#pendingKeys = steadyList()
    for (let at = 0; at < pending.length; at++) this.#forward(keys[at], pending[at] as Kept)
    // What changes from here on waits anew.
    this.#epoch += 1
  }

  override flush(): void {
    this.handOn()
  }

  #start(entry: string, key: unknown, value: unknown, timestamp: Timestamp): void {
    const state = this.#aggregation.start(value, key, this.#members)
    const kept = new Kept(state, timestamp, null)
    if (state !== null) {
      kept.epoch = this.#epoch
      this.#store.put(entry, kept)
    }
    if (!this.#context.caching) this.#forward(key, kept)
    else if (state !== null) this.#wait(key, kept)
  }

  #add(entry: string, kept: Kept, key: unknown, value: unknown, timestamp: Timestamp): void {
    // The row before: known, unless the entry came from LevelDB and changes for the first time.
    if (kept.shown === undefined) kept.shown = this.#aggregation.result(kept.state)
    if (kept.epoch !== this.#epoch) {
      kept.epoch = this.#epoch
      this.#store.put(entry, kept)
      if (this.#context.caching) this.#wait(key, kept)
    }
    kept.state = this.#aggregation.add(kept.state, value, key, this.#members)
    if (timestamp > kept.timestamp) kept.timestamp = timestamp
    if (kept.state === null) this.#store.delete(entry)
    if (!this.#context.caching) this.#forward(key, kept)
  }

  #wait(key: unknown, kept: Kept): void {
    this.#pending.push(kept)
    this.#pendingKeys.push(key)
  }

  #forward(key: unknown, kept: Kept): void {
    const { state, shown, timestamp } = kept
    const row = state === null ? null : this.#aggregation.result(state)
    // A key that came and went between two commits: nobody has heard of it.
    if (row === null && shown === null && this.#context.caching) return
    kept.shown = row
    this.next.process(key, new Change(row, shown), timestamp)
  }
}

/** The members of the key at hand, as entries of the store. */
class KeyMembers implements MemberSink {
  readonly keys: EntryKeys
  store!: Store
  key = ''

  constructor(aggregation: Aggregation) {
    this.keys = new EntryKeys(aggregation)
  }

  addMember(slot: number, member: string): boolean {
    const entry = this.keys.member(this.key, slot, member)
    if (this.store.get(entry) !== undefined) return false
    this.store.put(entry, memberEntry)
    return true
  }
}
