/** The entries of a versioned table, and what they are as bytes. */
import type { StoreDefinition } from '../../state/contract.ts'
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { Timestamp } from '../ids.ts'
import type { TableRowsSpec } from './table-rows.ts'
import { timeKey, u32Key } from './time-keys.ts'

/** The newest row of a key. */
export interface Head {
  readonly kind: 'head'
  readonly from: Timestamp
  /** Null: the key is gone since. */
  readonly bytes: Uint8Array | null
  /** Where older rows are, ascending. */
  readonly buckets: readonly number[]
}

/** A row that another one has followed. */
export interface Version {
  readonly from: Timestamp
  /** Exclusive. */
  readonly to: Timestamp
  readonly bytes: Uint8Array | null
}

export interface Bucket {
  readonly kind: 'bucket'
  /** By the end of their time. */
  readonly versions: readonly Version[]
}

export type Entry =
  | Head
  | Bucket
  | { readonly kind: 'newest'; readonly at: Timestamp }
  | { readonly kind: 'due' }

export const due: Entry = Object.freeze({ kind: 'due' })

export const reservedKey = '\xff'

export function headKey(text: string): string {
  return `\x00${text}`
}

export function bucketKey(text: string, bucket: number): string {
  return ownerKey(text) + timeKey(bucket)
}

export function dueKey(time: Timestamp, text: string): string {
  return `\x02${timeKey(time)}${ownerKey(text)}`
}

/** Of a due entry, the key that it is about. */
export function ownerOf(key: string): string {
  return key.slice(14)
}

function ownerKey(text: string): string {
  return `\x01${u32Key(text.length)}${text}`
}

const tags = { head: 0, bucket: 1, newest: 2 } as const

export function versionedDefinition({ name, logged }: TableRowsSpec): StoreDefinition<Entry> {
  const writer = new ByteWriter()
  return { name, logged, codec: { encode: (entry) => encode(writer, entry), decode } }
}

function encode(writer: ByteWriter, entry: Entry): Uint8Array {
  switch (entry.kind) {
    case 'due':
      return new Uint8Array(0)
    case 'newest':
      return writer.u8(tags.newest).count(entry.at).take()
    case 'head':
      writeBytes(writer.u8(tags.head).count(entry.from), entry.bytes).count(entry.buckets.length)
      for (const bucket of entry.buckets) writer.count(bucket)
      return writer.take()
    case 'bucket':
      writer.u8(tags.bucket).count(entry.versions.length)
      for (const { from, to, bytes } of entry.versions) {
        writeBytes(writer.count(from).count(to), bytes)
      }
      return writer.take()
  }
}

function decode(bytes: Uint8Array): Entry {
  if (bytes.length === 0) return due
  const reader = new ByteReader(bytes)
  const tag = reader.u8()
  if (tag === tags.newest) return { kind: 'newest', at: reader.count() }
  if (tag === tags.head) {
    const head = { from: reader.count(), bytes: readBytes(reader) }
    const buckets = Array.from({ length: reader.count() }, () => reader.count())
    return { kind: 'head', ...head, buckets }
  }
  const versions = Array.from({ length: reader.count() }, () => ({
    from: reader.count(),
    to: reader.count(),
    bytes: readBytes(reader),
  }))
  return { kind: 'bucket', versions }
}

function writeBytes(writer: ByteWriter, bytes: Uint8Array | null): ByteWriter {
  return bytes === null ? writer.u8(0) : writer.u8(1).bytes(bytes)
}

function readBytes(reader: ByteReader): Uint8Array | null {
  return reader.u8() === 0 ? null : Uint8Array.prototype.slice.call(reader.bytes())
}
