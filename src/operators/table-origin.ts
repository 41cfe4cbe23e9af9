/** Rows of a table made again from the records of its topic, as they were made the first time. */
import type { RestoredRecord } from '../../state/contract.ts'
import { present } from '../assert.ts'
import { NotReadyError } from '../errors.ts'
import type { Timestamp } from '../ids.ts'
import type { BytesReader, RecordCursor } from '../record.ts'
import type { Serde } from '../serde/serde.ts'
import { type TableRowsSpec, tableRowsDefinition } from './table-rows.ts'

export interface TableOriginSpec extends TableRowsSpec {
  /** Event time; undefined: the record's own. */
  readonly timestamp: ((value: unknown, key: unknown) => Timestamp) | undefined
}

/** Undefined for a record that its source rejects, or that has no key: it makes no row. */
export function rowsOfOrigin(
  spec: TableOriginSpec
): (record: RecordCursor) => RestoredRecord | undefined {
  const { codec } = tableRowsDefinition(spec)
  return (record) => {
    if (record.key === null) return undefined
    try {
      const key = spec.key.deserialize(record.key)
      const keyBytes = present(spec.key.serialize(key), 'the key of a row')
      const value = rowValue(spec.value, record)
      const timestamp = timeOf(spec, record, value, key)
      if (!Number.isSafeInteger(timestamp) || timestamp < 0) return undefined
      return entry(keyBytes, value === null ? null : codec.encode({ value, timestamp }))
    } catch (error) {
      if (error instanceof NotReadyError) throw error
      // The source has counted it when it came.
      return undefined
    }
  }
}

function rowValue(serde: Serde<unknown>, { value }: RecordCursor): unknown {
  return (value === null ? serde.deserializeNull?.() : serde.deserialize(value)) ?? null
}

function timeOf(
  { timestamp }: TableOriginSpec,
  record: RecordCursor,
  value: unknown,
  key: unknown
): Timestamp {
  return timestamp === undefined || value === null ? record.timestamp : timestamp(value, key)
}

function entry(key: Uint8Array, value: Uint8Array | null): RestoredRecord {
  return {
    key,
    valueLength: value?.length ?? -1,
    readKey: <T>(read: BytesReader<T>): T => read(key, 0, key.length),
    readValue: <T>(read: BytesReader<T>): T => {
      const bytes = present(value, 'a value that is not null')
      return read(bytes, 0, bytes.length)
    },
  }
}
