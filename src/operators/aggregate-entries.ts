/**
 * How keyed aggregates lie in their store, whose entries are also the records of its changelog:
 *
 *     key                           → timestamp (8), state
 *     00 key, 01 length key slot member   … the same where members are kept: → state, → nothing
 *     start (8) and one of the above      … in windows
 *     ff                            → how far windows have come
 *
 * Counts and serdes write what Java would write, behind a timestamp as in Kafka Streams' stores.
 * Kafka Streams' changelogs carry that timestamp as the record's own; here it is in the value, and
 * the record is dated by the broker, so that no retention can take a window that is still open.
 */
import type { StoreDefinition } from '../../state/contract.ts'
import type { ByteReader } from '../aggregators/bytes.ts'
import { ByteWriter, ByteReader as Reader } from '../aggregators/bytes.ts'
import { binary, binaryText } from '../aggregators/member.ts'
import type { Timestamp } from '../ids.ts'
import type { FindRows, StoreRow, TimeRange } from '../processor/store-rows.ts'
import type { Serde } from '../serde/serde.ts'
import type { Grid } from '../windows/grid.ts'
import type { Aggregation } from './aggregation.ts'
import { findByKey, findByWindow } from './find-rows.ts'
import { readTime, readU32, timeKey, u32Key } from './time-keys.ts'

/** What is kept for a key; changed in place. */
export class Kept {
  /** Null: the key has gone. */
  state: unknown
  /** The greatest of the records it holds. */
  timestamp: Timestamp
  /** What downstream was told last; undefined: not known in this life. */
  shown: unknown
  /** The commit that it is written in. */
  epoch = -1

  constructor(state: unknown, timestamp: Timestamp, shown?: unknown) {
    this.state = state
    this.timestamp = timestamp
    this.shown = shown
  }
}

/** A thing of the operator's own, beside the rows. */
export interface Reserved {
  write(writer: ByteWriter): void
}

export const memberEntry = Symbol('member')
export const reservedKey = '\xff'
const noBytes = new Uint8Array(0)

export function aggregateDefinition<R extends Reserved = never>(
  { name, logged }: { readonly name: string; readonly logged: boolean },
  aggregation: Aggregation,
  options: { readonly cached: boolean; readonly readReserved?: (reader: ByteReader) => R }
): StoreDefinition<Kept | typeof memberEntry | R> {
  const writer = new ByteWriter()
  return {
    name,
    logged,
    cached: options.cached,
    codec: {
      encode(value) {
        if (value === memberEntry) return noBytes
        if (value instanceof Kept) {
          writer.u32(Math.floor(value.timestamp / 2 ** 32)).u32(value.timestamp % 2 ** 32)
          aggregation.write(writer, value.state)
        } else (value as R).write(writer.u8(0xff))
        return writer.passing()
      },
      decode(bytes) {
        if (bytes.length === 0) return memberEntry
        const reader = new Reader(bytes)
        if (bytes[0] === 0xff && options.readReserved !== undefined) {
          reader.u8()
          return options.readReserved(reader)
        }
        const timestamp = reader.u32() * 2 ** 32 + reader.u32()
        return new Kept(aggregation.read(reader), timestamp)
      },
    },
  }
}

/** From a key as users know it to its bytes, one char each. */
export function keyTextOf(serde: Serde<unknown>): (key: unknown) => string | null {
  const isText = serde.name === 'string'
  return (key) => {
    if (isText && typeof key === 'string') return binaryText(key)
    const bytes = serde.serialize(key)
    return bytes === null ? null : binary(bytes)
  }
}

/** Where keys and members of one aggregate lie. */
export class EntryKeys {
  readonly #hasSets: boolean

  constructor({ hasSets }: Aggregation) {
    this.#hasSets = hasSets
  }

  row(key: string): string {
    return this.#hasSets ? `\x00${key}` : key
  }

  member(key: string, slot: number, member: string): string {
    return `\x01${u32Key(key.length)}${key}${String.fromCharCode(slot)}${member}`
  }

  /** The key of a row; undefined: a member, or something reserved. */
  readRow(entry: string, at = 0): string | undefined {
    if (!this.#hasSets) return entry.slice(at)
    return entry.charCodeAt(at) === 0 ? entry.slice(at + 1) : undefined
  }

  readMember(entry: string, at = 0): readonly [key: string, slot: number, member: string] {
    const start = at + 5
    const end = start + readU32(entry, at + 1)
    return [entry.slice(start, end), entry.charCodeAt(end), entry.slice(end + 1)]
  }
}

/** How readers find the rows of an aggregate by key, and neither its members nor its times. */
export function findRows(serde: Serde<unknown>, aggregation: Aggregation): FindRows<unknown> {
  const keys = new EntryKeys(aggregation)
  const place = aggregation.hasSets ? { prefix: '\x00', end: '\x01' } : {}
  return findByKey<unknown>({
    keyText: keyTextOf(serde),
    ...place,
    row: (entry, kept) => rowOf(serde, aggregation, keys.readRow(entry), kept),
  })
}

/** The same in windows on a grid: which starts are shown, the store says itself. */
export function findWindowedRows(
  serde: Serde<unknown>,
  aggregation: Aggregation,
  grid: Grid,
  shown: (progress: unknown) => TimeRange
): FindRows<unknown> {
  const keys = new EntryKeys(aggregation)
  return findByWindow<unknown>({
    keyText: keyTextOf(serde),
    rowEntry: (text) => keys.row(text),
    grid,
    shown: (entries) => shown(entries.get(reservedKey)),
    row(entry, kept) {
      const start = readTime(entry)
      const found = rowOf(serde, aggregation, keys.readRow(entry, 8), kept)
      return found && { ...found, window: { start, end: grid.endOf(start) } }
    },
  })
}

function rowOf(
  serde: Serde<unknown>,
  aggregation: Aggregation,
  keyText: string | undefined,
  kept: unknown
): StoreRow | undefined {
  if (!(kept instanceof Kept) || kept.state === null || keyText === undefined) return undefined
  return {
    key: serde.deserialize(Buffer.from(keyText, 'latin1')),
    value: aggregation.result(kept.state),
    timestamp: kept.timestamp,
  }
}

/** The binary key under which the row of a key lies, in a window or without. */
export function rowEntryKey(
  aggregation: Aggregation,
  keyBytes: Uint8Array,
  windowStart?: Timestamp
): string {
  const row = new EntryKeys(aggregation).row(binary(keyBytes))
  return windowStart === undefined ? row : timeKey(windowStart) + row
}
