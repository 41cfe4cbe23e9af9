/**
 * `builder.table(topic, 'n')` and `stream.toTable('n')`: the records of a stream become the rows of
 * a table; null takes a row away. A row that comes late by its timestamp replaces the one before,
 * as in Kafka Streams: tables follow the order of the log. Versioned ones put it in its place.
 */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import { TableRows, type TableRowsSpec } from './table-rows.ts'
import type { VersionedRowsSpec } from './versioned-reading.ts'
import { VersionedRows } from './versioned-rows.ts'

/** `builder.table(users, 'users')` */
export class TableSourceOperator extends Operator {
  readonly #spec: TableRowsSpec | VersionedRowsSpec | undefined
  #context!: TaskContext
  #rows: TableRows | VersionedRows | undefined

  /** @param spec undefined: nobody reads the rows, so none are kept, and old values are unknown */
  constructor(spec: TableRowsSpec | VersionedRowsSpec | undefined) {
    super()
    this.#spec = spec
  }

  override init(context: TaskContext): void {
    const spec = this.#spec
    this.#context = context
    if (spec === undefined) return
    this.#rows =
      'historyMs' in spec ? new VersionedRows(context, spec) : new TableRows(context, spec)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    if (key === null || key === undefined) {
      this.#context.drop('null_key')
      return
    }
    const row = value ?? null
    if (this.#rows instanceof VersionedRows) {
      this.#putVersion(this.#rows, key, row, timestamp)
      return
    }
    const before = this.#rows?.put(key, row, timestamp)
    this.next.process(key, new Change(row, before?.value ?? null), timestamp)
  }

  #putVersion(rows: VersionedRows, key: unknown, row: unknown, timestamp: Timestamp): void {
    const put = rows.put(key, row, timestamp)
    if (put === undefined) {
      this.#context.drop('expired')
      return
    }
    const change = new Change(row, put.before?.value ?? null, put.isLatest)
    this.next.process(key, change, timestamp)
  }
}

/** `table.filter(isOpen).stored('open-orders')`: keeps the rows of a table made from others. */
export class StoredTableOperator extends Operator {
  readonly #spec: TableRowsSpec
  readonly #isSilent: boolean
  #rows!: TableRows

  /** @param isSilent whether a row that was not there, and is not now, is no news */
  constructor(spec: TableRowsSpec, isSilent: boolean) {
    super()
    this.#spec = spec
    this.#isSilent = isSilent
  }

  override init(context: TaskContext): void {
    this.#rows = new TableRows(context, this.#spec)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    assert(value instanceof Change, 'a table sends changes')
    const { newValue } = value as Change<unknown>
    const before = this.#rows.put(key, newValue, timestamp)
    if (this.#isSilent && newValue === null && before === undefined) return
    this.next.process(key, new Change(newValue, before?.value ?? null), timestamp)
  }
}
