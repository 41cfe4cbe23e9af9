/**
 * Who wants which right row of a foreign-key join, in the tasks of the right table; and what those
 * have still to be told that changed rows did not come to in one step:
 *
 *     length (4), foreign key, left key → hash of the left value, its partition
 *     ff number (4)                     → a changed row on its way: key, value, time, headers, next
 *
 * The length before a key is never so great that it begins with ff.
 */
import type { StoreDefinition } from '../../state/contract.ts'
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { Timestamp } from '../ids.ts'
import type { RecordHeaders } from '../record.ts'
import type { Subscription } from './foreign-key-messages.ts'
import { u32Key } from './time-keys.ts'

export type Subscriber = Pick<Subscription, 'hash' | 'partition'>

/** A right row that has changed, as all that want it are to be told. */
export interface Telling {
  readonly key: string
  readonly value: Uint8Array | null
  readonly timestamp: Timestamp
  readonly headers: RecordHeaders
  /** The first entry of a subscriber that has not been told. */
  readonly from: string
}

export type ForeignKeyEntry = Subscriber | Telling

export const tellingRange = ['\xff', '\xff\xff\xff\xff\xff\xff'] as const

export function tellingKey(number: number): string {
  return `\xff${u32Key(number)}`
}

/** Entries of those that want the row of a foreign key begin so. */
export function prefixOf(foreignKey: string): string {
  return u32Key(foreignKey.length) + foreignKey
}

/** The least text behind all that begin so. */
export function afterAll(prefix: string): string {
  const end = prefix.replace(/\xff+$/, '')
  const last = end.charCodeAt(end.length - 1)
  return end.slice(0, -1) + String.fromCharCode(last + 1)
}

/** No hash is so long that its length looks like it. */
const tellingTag = 0xff

export function foreignKeyDefinition(name: string): StoreDefinition<ForeignKeyEntry> {
  const writer = new ByteWriter()
  return {
    name,
    logged: true,
    codec: {
      encode(entry) {
        if ('from' in entry) writeTelling(writer, entry)
        else writer.binary(entry.hash).count(entry.partition)
        return writer.take()
      },
      decode(bytes) {
        const reader = new ByteReader(bytes)
        if (bytes[0] === tellingTag) return readTelling(reader)
        return { hash: reader.binary(), partition: reader.count() }
      },
    },
  }
}

function writeTelling(writer: ByteWriter, telling: Telling): void {
  const { key, value, timestamp, headers, from } = telling
  writer.u8(tellingTag).binary(key).binary(from).float64(timestamp).count(headers.length)
  for (const [name, bytes] of headers) {
    writer.bytes(Buffer.from(name)).u8(bytes === null ? 0 : 1)
    if (bytes !== null) writer.bytes(bytes)
  }
  writer.u8(value === null ? 0 : 1)
  if (value !== null) writer.rest(value)
}

function readTelling(reader: ByteReader): Telling {
  reader.u8()
  const [key, from, timestamp] = [reader.binary(), reader.binary(), reader.float64()]
  const headers = Array.from({ length: reader.count() }, () => {
    const name = Buffer.from(reader.bytes()).toString()
    return [name, reader.u8() === 0 ? null : copy(reader.bytes())] as const
  })
  const hasValue = reader.u8() === 1
  return { key, value: hasValue ? copy(reader.rest()) : null, timestamp, headers, from }
}

function copy(bytes: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes)
}
