/**
 * How the rows of a table lie in a store of its own, whose entries are also the records of its
 * changelog:
 *
 *     key → timestamp (8), value
 *
 * A row keeps the timestamp of the record it came from. Behind it the value is what its serde
 * writes: as in Kafka Streams' timestamped stores.
 */
import type { KeyValueState, StoreDefinition } from '../../state/contract.ts'
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import type { FindRows } from '../processor/store-rows.ts'
import type { Serde } from '../serde/serde.ts'
import { binaryBytes } from '../serde/text.ts'
import { keyTextOf } from './aggregate-entries.ts'
import { findByKey } from './find-rows.ts'

/** A value of a table, never null, and the time it is from. */
export interface TableRow {
  readonly value: unknown
  readonly timestamp: Timestamp
}

export interface TableRowsSpec {
  readonly name: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly logged: boolean
}

const half = 2 ** 32

export function tableRowsDefinition({
  name,
  value,
  logged,
}: TableRowsSpec): StoreDefinition<TableRow> {
  const writer = new ByteWriter()
  return {
    name,
    logged,
    codec: {
      encode({ value: row, timestamp }) {
        const bytes = value.serialize(row)
        assert(bytes !== null, `the serde of table '${name}' keeps values that are not null`)
        return writer
          .u32(Math.floor(timestamp / half))
          .u32(timestamp % half)
          .rest(bytes)
          .take()
      },
      decode(bytes) {
        const reader = new ByteReader(bytes)
        const timestamp = reader.u32() * half + reader.u32()
        return { value: value.deserialize(reader.rest()), timestamp }
      },
    },
  }
}

/** As those outside find them. */
export function findTableRows({ key: serde }: Pick<TableRowsSpec, 'key'>): FindRows<TableRow> {
  return findByKey({
    keyText: keyTextOf(serde),
    row: (text, { value, timestamp }) => ({
      key: serde.deserialize(binaryBytes(text)),
      value,
      timestamp,
    }),
  })
}

/** Rows by key: point reads and writes. */
export class TableRows {
  readonly #store: KeyValueState<TableRow>
  readonly #keyText: (key: unknown) => string | null

  constructor(context: Pick<TaskContext, 'store'>, spec: TableRowsSpec) {
    this.#store = context.store(tableRowsDefinition(spec), findTableRows(spec))
    this.#keyText = keyTextOf(spec.key)
  }

  get(key: unknown): TableRow | undefined {
    const text = this.#keyText(key)
    return text === null ? undefined : this.#store.get(text)
  }

  /** Null takes the row away. Answers the row that was there. */
  put(key: unknown, value: unknown, timestamp: Timestamp): TableRow | undefined {
    const text = this.#keyText(key)
    assert(text !== null, 'a row of a table has a key')
    const before = this.#store.get(text)
    if (value !== null && value !== undefined) this.#store.put(text, { value, timestamp })
    else if (before !== undefined) this.#store.delete(text)
    return before
  }
}
