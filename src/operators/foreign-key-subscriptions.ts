/**
 * Second step of a foreign-key join, in the tasks of the right table: who wants which row is kept
 * in a store, and answered.
 *
 *     length (4), foreign key, left key → hash of the left value, its partition
 *
 * `SubscriptionsOperator` answers each subscription as it comes; `FanOutOperator` tells all that
 * want a row when it changes, in an ordered scan between this record and the next.
 */
import type { KeyValueState, StoreDefinition } from '../../state/contract.ts'
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import type { RecordHeaders } from '../record.ts'
import { binaryBytes, binaryText } from '../serde/text.ts'
import { keyTextOf } from './aggregate-entries.ts'
import { instructions, responseSerde, type Subscription } from './foreign-key-messages.ts'
import type { ForeignKeyJoinSpec } from './foreign-key-specs.ts'
import { bytesOf } from './sink.ts'
import { openView, type RowReader } from './table-view.ts'
import { u32Key } from './time-keys.ts'

type Subscriber = Pick<Subscription, 'hash' | 'partition'>

/** Answers left rows: takes the messages of the registration topic. */
export class SubscriptionsOperator extends Operator {
  readonly #spec: ForeignKeyJoinSpec
  #context!: TaskContext
  #store!: KeyValueState<Subscriber>
  #rows!: RowReader

  constructor(spec: ForeignKeyJoinSpec) {
    super()
    this.#spec = spec
  }

  override init(context: TaskContext): void {
    this.#context = context
    this.#store = context.store(subscribers(this.#spec.store))
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
    const { headers } = this.#context.record
    const bytes = bytesOf(valueSerde, found)
    respond(this.#context, this.#spec, primaryKey, { hash, partition }, bytes, at, headers)
  }
}

interface Told {
  readonly key: string
  readonly value: Uint8Array | null
  readonly timestamp: Timestamp
  readonly headers: RecordHeaders
}

/** Tells of changed right rows. */
export class FanOutOperator extends Operator {
  readonly #spec: ForeignKeyJoinSpec
  readonly #keyText: (key: unknown) => string | null
  #context!: TaskContext
  #store!: KeyValueState<Subscriber>
  #told: Told[] = []
  readonly #tell = (): Promise<boolean> => this.#tellAll()

  constructor(spec: ForeignKeyJoinSpec) {
    super()
    this.#spec = spec
    this.#keyText = keyTextOf(spec.right.key)
  }

  override init(context: TaskContext): void {
    this.#context = context
    this.#store = context.store(subscribers(this.#spec.store))
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
    const { headers } = this.#context.record
    const value = bytesOf(this.#spec.right.value, newValue)
    this.#told.push({ key: keyText, value, timestamp, headers })
    this.#context.afterRecord(this.#tell)
  }

  /** In one step: no commit may come before the last of them was told. */
  async #tellAll(): Promise<boolean> {
    for (const { key, value, timestamp, headers } of this.#told.splice(0)) {
      const prefix = prefixOf(key)
      for await (const [entry, subscriber] of this.#store.range(prefix, afterAll(prefix))) {
        const primaryKey = entry.slice(prefix.length)
        respond(this.#context, this.#spec, primaryKey, subscriber, value, timestamp, headers)
      }
    }
    return this.#told.length > 0
  }
}

function respond(
  context: TaskContext,
  { response }: ForeignKeyJoinSpec,
  primaryKey: string,
  { hash, partition }: Subscriber,
  value: Uint8Array | null,
  timestamp: Timestamp,
  headers: RecordHeaders
): void {
  const topic = context.topicName(response)
  const bytes = responseSerde.serialize({ hash, value })
  context.send(topic, partition, timestamp, binaryBytes(primaryKey), bytes, headers)
}

function prefixOf(foreignKey: string): string {
  return u32Key(foreignKey.length) + foreignKey
}

/** The least text behind all that begin so. The length before the key is never all ff. */
function afterAll(prefix: string): string {
  const end = prefix.replace(/\xff+$/, '')
  const last = end.charCodeAt(end.length - 1)
  return end.slice(0, -1) + String.fromCharCode(last + 1)
}

function subscribers(name: string): StoreDefinition<Subscriber> {
  const writer = new ByteWriter()
  return {
    name,
    logged: true,
    codec: {
      encode: ({ hash, partition }) => writer.binary(hash).count(partition).take(),
      decode(bytes) {
        const reader = new ByteReader(bytes)
        return { hash: reader.binary(), partition: reader.count() }
      },
    },
  }
}
