/**
 * Second step of a foreign-key join, its other half: a right row that changes is told to all that
 * want it, in slices, between this record and the next.
 *
 *     changed row ─▶ a slice of subscribers ─▶ more? ─▶ kept in the store, on to the next slice
 *                                               └─ commits may come in between
 *
 * Invariants: every subscriber is told, once, whatever crashes in between; rows are told in the
 * order of their changes; no record is taken meanwhile, so who wants a row stays the same.
 */
import type { KeyValueState } from '../../state/contract.ts'
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import { copyOfHeaders } from '../record.ts'
import { keyTextOf } from './aggregate-entries.ts'
import type { Answer } from './foreign-key-sink.ts'
import type { ForeignKeyJoinSpec } from './foreign-key-specs.ts'
import {
  afterAll,
  type ForeignKeyEntry,
  foreignKeyDefinition,
  prefixOf,
  type Subscriber,
  type Telling,
  tellingKey,
  tellingRange,
} from './foreign-key-store.ts'
import { bytesOf } from './sink.ts'
import { readU32 } from './time-keys.ts'

/** Subscribers that are told in one step; the task looks up between two steps. */
const stepMax = 1_000

/** Tells of changed right rows. */
export class FanOutOperator extends Operator {
  readonly #spec: ForeignKeyJoinSpec
  readonly #keyText: (key: unknown) => string | null
  #context!: TaskContext
  #store!: KeyValueState<ForeignKeyEntry>
  /** In the order of their numbers. */
  readonly #tellings = new Map<number, Telling>()
  #next = 0
  /** The one that is being told. */
  #current = -1
  /** Numbers of those that the store has. */
  readonly #stored = new Set<number>()
  readonly #tell = (): Promise<boolean> => this.#tellSome()

  constructor(spec: ForeignKeyJoinSpec) {
    super()
    this.#spec = spec
    this.#keyText = keyTextOf(spec.right.key)
  }

  override async init(context: TaskContext): Promise<void> {
    this.#context = context
    this.#store = context.store(foreignKeyDefinition(this.#spec.store))
    for await (const [entry, telling] of this.#store.range(...tellingRange)) {
      const number = readU32(entry, 1)
      this.#tellings.set(number, telling as Telling)
      this.#stored.add(number)
      this.#next = number + 1
    }
    if (this.#tellings.size > 0) context.afterRecord(this.#tell)
  }

  process(key: unknown, change: unknown, timestamp: Timestamp): void {
    assert(change instanceof Change, 'a table sends changes')
    const { newValue, isLatest } = change as Change<unknown>
    if (this.#spec.right.isVersioned && !isLatest) {
      this.#context.drop('out_of_order')
      return
    }
    const keyText = this.#keyText(key)
    assert(keyText !== null, 'a row of a table has a key')
    const headers = copyOfHeaders(this.#context.record.headers)
    const value = bytesOf(this.#spec.right.value, newValue)
    const telling = { key: keyText, value, timestamp, headers, from: prefixOf(keyText) }
    this.#tellings.set(this.#next++, telling)
    this.#context.afterRecord(this.#tell)
  }

  /** What this commit has not come to is a part of it. */
  override flush(): void {
    for (const [number, telling] of this.#tellings) {
      if (this.#stored.has(number) && number !== this.#current) continue
      this.#stored.add(number)
      this.#store.put(tellingKey(number), telling)
    }
  }

  /** Whether more remain. */
  async #tellSome(): Promise<boolean> {
    let left = stepMax
    for (const [number, telling] of this.#tellings) {
      if (left <= 0) return true
      this.#current = number
      left -= Math.max(1, await this.#tellOne(number, telling, left))
    }
    const isAll = this.#tellings.size === 0
    if (isAll) this.#next = 0
    return !isAll
  }

  /** Answers how many were told, at most `max`. */
  async #tellOne(number: number, telling: Telling, max: number): Promise<number> {
    const { key, value, timestamp, headers, from } = telling
    const prefix = prefixOf(key)
    let told = 0
    for await (const [entry, subscriber] of this.#store.range(from, afterAll(prefix))) {
      if (told === max) {
        this.#tellings.set(number, { ...telling, from: entry })
        return told
      }
      const primaryKey = entry.slice(prefix.length)
      const answer: Answer = { ...(subscriber as Subscriber), value }
      this.#context.withHeaders(headers, () => this.next.process(primaryKey, answer, timestamp))
      told += 1
    }
    this.#tellings.delete(number)
    if (this.#stored.delete(number)) this.#store.delete(tellingKey(number))
    return told
  }
}
