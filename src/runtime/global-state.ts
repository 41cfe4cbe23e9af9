/**
 * Global tables: every instance has all rows of their topics, restored before tasks come, and kept
 * current beside them. They belong to no task, commit or transaction, and move no event time.
 *
 *     topic ─▶ restore to its end ─▶ readers ─▶ rows in one state directory of their own, `global`
 *
 * A record that its serde cannot read yet stops its partition until it can; other rows come.
 *
 * Invariants: a checkpoint never passes the records whose rows are written with it; rows of records
 * that came later than it are simply read again; what cannot be read is counted and left out.
 */
import type { KeyValueState, StateDirectory, TaskState } from '../../state/contract.ts'
import { present } from '../assert.ts'
import { CorruptedError, NotReadyError, RejectedRecordError } from '../errors.ts'
import type { Offset, TopicPartition } from '../ids.ts'
import { partitionName } from '../ids.ts'
import type { Logger } from '../log.ts'
import {
  findTableRows,
  type TableRow,
  TableRows,
  tableRowsDefinition,
} from '../operators/table-rows.ts'
import type { RowQuery, StoreRow } from '../processor/store-rows.ts'
import type { RecordCursor } from '../record.ts'
import type { GlobalTableSpec } from '../topology/topology.ts'
import { untilSettled } from '../until-settled.ts'
import type { Log, SourceReader } from './ports.ts'

export interface GlobalStateOptions {
  readonly tables: readonly GlobalTableSpec[]
  readonly log: Log
  readonly directory: StateDirectory
  /** What the rows are called in the directory. */
  readonly state: string
  /** By topic. */
  readonly partitionCounts: ReadonlyMap<string, number>
  readonly logger: Logger
  /** Counts a record that is left out. */
  readonly drop: (reason: string, coordinates: string) => void
  readonly wake: () => void
  /** Ends the restore: `open` rejects. */
  readonly signal: AbortSignal
}

/** Records of one turn. */
const turnMax = 1_000
/** Bytes that may wait to be written. */
const dirtyBytesMax = 1024 * 1024

export class GlobalState {
  readonly #options: GlobalStateOptions
  readonly #state: TaskState
  readonly #tables = new Map<string, GlobalTable>()
  readonly #positions = new Map<string, Offset>()
  #readers: readonly (readonly [GlobalTable, SourceReader])[] = []
  /** Readers on a record that waits, and whether it may be looked at again. */
  readonly #waiting = new Map<SourceReader, boolean>()
  #writing: Promise<void> | undefined
  #failure: unknown

  private constructor(options: GlobalStateOptions, state: TaskState) {
    this.#options = options
    this.#state = state
    for (const spec of options.tables) {
      this.#tables.set(spec.name, new GlobalTable(spec, state))
    }
    for (const [name, offset] of Object.entries(state.checkpoint?.changelogs ?? {})) {
      this.#positions.set(name, offset)
    }
  }

  /** Undefined if there are no global tables. Resolves when all of them are complete. */
  static async open(options: GlobalStateOptions): Promise<GlobalState | undefined> {
    if (options.tables.length === 0) return undefined
    const state = new GlobalState(options, await options.directory.open(options.state))
    try {
      await state.#restore()
    } catch (error) {
      await state.#state.close()
      throw error
    }
    return state
  }

  /** How tasks read a table. */
  rows(name: string): TableRows {
    return this.#table(name).rows
  }

  has(name: string): boolean {
    return this.#tables.has(name)
  }

  /** Rows of a table as those outside see them. */
  find(name: string, query: RowQuery): AsyncIterable<StoreRow> {
    return this.#table(name).find(query)
  }

  /** The rows as they lie in the state; undefined: it is not global. */
  part(name: string): KeyValueState<unknown> | undefined {
    return this.#tables.get(name)?.store
  }

  /** Takes what has come; whether anything has. Throws what made the last write fail. */
  poll(): boolean {
    if (this.#failure !== undefined) throw this.#failure
    let taken = 0
    for (const [table, reader] of this.#readers) {
      if (this.#waiting.get(reader) === false) continue
      while (taken < turnMax && (this.#waiting.has(reader) || reader.advance())) {
        if (!this.#takes(table, reader)) break
        taken++
      }
      const { offset, position } = reader
      this.#positions.set(partitionName(reader), this.#waiting.has(reader) ? offset : position)
    }
    if (this.#state.dirtyBytes > dirtyBytesMax) void this.#write()
    return taken > 0
  }

  /** Nothing that the log holds now is missing. */
  get isCurrent(): boolean {
    return this.#readers.every(
      ([, reader]) =>
        reader.answer !== undefined &&
        reader.answer.highWatermark <= reader.position &&
        !this.#waiting.has(reader)
    )
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    this.#end()
    await this.#write()
    await this.#state.close()
  }

  /** As the death of the process would leave it. */
  async abandon(): Promise<void> {
    this.#end()
    await this.#writing
    await this.#state.close()
  }

  #end(): void {
    for (const [, reader] of this.#readers) reader.close()
    this.#readers = []
  }

  async #restore(): Promise<void> {
    const { log, wake } = this.#options
    const readers: (readonly [GlobalTable, SourceReader])[] = []
    for (const table of this.#tables.values()) {
      for (const source of this.#partitionsOf(table)) {
        const from = await this.#restoreFrom(table, source)
        readers.push([table, log.read(source, from, { onData: wake })])
      }
    }
    this.#readers = readers
    await this.#write()
  }

  /** A topic that has not what the checkpoint speaks of is read from its start. */
  async #restoreFrom(table: GlobalTable, source: TopicPartition): Promise<Offset> {
    const { logger } = this.#options
    const from = this.#positions.get(partitionName(source)) ?? 'earliest'
    try {
      return await this.#readFrom(table, source, from)
    } catch (error) {
      if (error instanceof NotReadyError) {
        logger.warn('A global table has to wait', { ...source, error })
        await untilSettled(error.ready, this.#options.signal)
        return await this.#restoreFrom(table, source)
      }
      if (!(error instanceof CorruptedError) || from === 'earliest') throw error
      const { topic, partition } = source
      logger.warn('A global table does not fit its topic and is read again', { topic, partition })
      return await this.#readFrom(table, source, 'earliest')
    }
  }

  #readFrom(table: GlobalTable, source: TopicPartition, from: Offset | 'earliest') {
    const name = partitionName(source)
    return this.#options.log.restore(source, from, {
      signal: this.#options.signal,
      apply: (record) => this.#take(table, record, name),
      flush: async (position) => {
        this.#positions.set(name, position)
        await this.#write()
      },
    })
  }

  /** False: the record at hand has to wait. */
  #takes(table: GlobalTable, reader: SourceReader): boolean {
    try {
      this.#take(table, reader, partitionName(reader))
      this.#waiting.delete(reader)
      return true
    } catch (error) {
      if (!(error instanceof NotReadyError)) throw error
      const again = (): void => {
        if (this.#waiting.has(reader)) this.#waiting.set(reader, true)
        this.#options.wake()
      }
      this.#waiting.set(reader, false)
      error.ready.then(again, again)
      return false
    }
  }

  #take(table: GlobalTable, record: RecordCursor, partition: string): void {
    const reason = table.take(record)
    if (reason !== undefined) this.#options.drop(reason, `${partition}@${record.offset}`)
  }

  /** One at a time; what comes meanwhile waits for the next. */
  async #write(): Promise<void> {
    if (this.#writing !== undefined) return await this.#writing
    this.#state.seal()
    const changelogs = Object.fromEntries(this.#positions)
    this.#writing = this.#state.write({ commitNumber: 1, changelogs })
    try {
      await this.#writing
    } catch (error) {
      this.#failure = error
    } finally {
      this.#writing = undefined
    }
  }

  #partitionsOf({ spec: { topic } }: GlobalTable): readonly TopicPartition[] {
    const count = present(this.#options.partitionCounts.get(topic), `partitions of ${topic}`)
    return Array.from({ length: count }, (_, partition) => ({ topic, partition }))
  }

  #table(name: string): GlobalTable {
    return present(this.#tables.get(name), `global table '${name}'`)
  }
}

/** The rows of one table, over all partitions of its topic. */
class GlobalTable {
  readonly spec: GlobalTableSpec
  readonly rows: TableRows
  readonly store: KeyValueState<unknown>

  constructor(spec: GlobalTableSpec, state: TaskState) {
    this.spec = spec
    const rows = { ...spec, logged: false }
    const store = state.store(tableRowsDefinition(rows))
    this.rows = new TableRows({ store: () => store as never }, rows)
    this.store = store as KeyValueState<unknown>
  }

  /** The reason if the record is left out. */
  take({ key: keyBytes, value: valueBytes, timestamp }: RecordCursor): string | undefined {
    const { key: keySerde, value: valueSerde, timestamp: extract } = this.spec
    if (keyBytes === null) return 'null_key'
    try {
      const key = keySerde.deserialize(keyBytes)
      const value = valueBytes === null ? null : valueSerde.deserialize(valueBytes)
      const at = value === null || extract === undefined ? timestamp : extract(value, key)
      if (!Number.isSafeInteger(at) || at < 0) return 'no_timestamp'
      this.rows.put(key, value, at)
      return undefined
    } catch (error) {
      if (error instanceof NotReadyError) throw error
      return error instanceof RejectedRecordError ? error.reason : 'decode'
    }
  }

  find(query: RowQuery): AsyncIterable<StoreRow> {
    return findTableRows(this.spec)(this.store as KeyValueState<TableRow>, query)
  }
}
