/**
 * Where things lie in LevelDB: one byte for the kind, then numbers in big endian, so that a range
 * of keys is a range of offsets.
 *
 *     v                              format of this log
 *     s <slot 2>                     number of the batch that was written last into this slot
 *     t <topic 4>                    name, partitions, settings
 *     p <topic 4> <partition 4>      log start, end, bytes, how far it is cleaned
 *     o <group> 0 <topic 4> <partition 4>   committed offset and metadata
 *     r <topic 4> <partition 4> <base offset 8>   a chunk of records
 *
 * Invariants: every value ends in a CRC-32C (chunks begin with theirs), because LevelDB does not
 * check on reading; the slots hold the numbers of the latest 1,024 batches without a gap, because
 * LevelDB does not notice either when a part of its own log is gone.
 */
import { crc32c } from '../crc32c.ts'
import { FatalError } from '../errors.ts'
import type { Offset, Timestamp } from '../ids.ts'

export const formatVersion = 1
export const slots = 1_024

/** Kafka's names; only what was asked for, defaults are applied on use. */
export type TopicConfig = Readonly<Record<string, string>>

export interface TopicEntry {
  readonly id: number
  readonly name: string
  readonly partitions: number
  readonly config: TopicConfig
  /** Whether tasks read it: then nothing is removed that they have not read. */
  readonly consumed: boolean
}

export interface PartitionEntry {
  readonly topic: number
  readonly partition: number
  readonly logStart: Offset
  readonly end: Offset
  /** Bytes of all chunks. */
  readonly bytes: number
  /** Below this offset every key is there once. */
  readonly cleanEnd: Offset
  readonly cleanBytes: number
  /** One past the last tombstone that was removed: who stopped reading before it has missed one. */
  readonly tombstonesGone: Offset
}

export interface OffsetEntry {
  readonly group: string
  readonly topic: number
  readonly partition: number
  readonly offset: Offset
  readonly metadata: string
  readonly storedAt: Timestamp
}

export const keys = {
  format: Buffer.from('v'),
  slot: (batch: number): Buffer => key('s', 2, (bytes) => bytes.writeUInt16BE(batch % slots, 1)),
  topic: (id: number): Buffer => key('t', 4, (bytes) => bytes.writeUInt32BE(id, 1)),
  partition: (topic: number, partition: number): Buffer => place('p', topic, partition, 0),
  offset: (group: string, topic: number, partition: number): Buffer => {
    const name = Buffer.from(group)
    const bytes = Buffer.alloc(10 + name.length)
    bytes.write('o', 0)
    name.copy(bytes, 1)
    bytes.writeUInt32BE(topic, name.length + 2)
    bytes.writeUInt32BE(partition, name.length + 6)
    return bytes
  },
  chunk: (topic: number, partition: number, base: Offset): Buffer => {
    const bytes = place('r', topic, partition, 8)
    bytes.writeUInt32BE(Math.floor(base / 2 ** 32), 9)
    bytes.writeUInt32BE(base % 2 ** 32, 13)
    return bytes
  },
  /** One past all chunks of the partition. */
  chunksEnd: (topic: number, partition: number): Buffer => {
    const bytes = place('r', topic, partition, 8)
    return bytes.fill(255, 9)
  },
} as const

/** The base offset that a chunk's key names. */
export function baseOf(chunkKey: Buffer): Offset {
  return chunkKey.readUInt32BE(9) * 2 ** 32 + chunkKey.readUInt32BE(13)
}

/** JSON and its checksum. */
export function seal(value: unknown): Buffer {
  const text = JSON.stringify(value)
  const length = Buffer.byteLength(text)
  const bytes = Buffer.allocUnsafe(length + 4)
  bytes.write(text, 0)
  bytes.writeUInt32LE(crc32c(bytes, 0, length), length)
  return bytes
}

/** What was sealed. The type is the caller's word: only this room writes these values. */
export function unseal<T>(bytes: Buffer, what: string, path: string): T {
  const length = bytes.length - 4
  if (length < 0 || crc32c(bytes, 0, length) !== bytes.readUInt32LE(length)) {
    throw damaged(path, `the ${what} fails its checksum`)
  }
  return JSON.parse(bytes.toString('utf8', 0, length)) as T
}

export function damaged(path: string, what: string, cause?: unknown): FatalError {
  return new FatalError(
    'MILLRACE_LOG_DAMAGED',
    `The embedded log in ${path} is damaged: ${what}. It is the primary copy of its records, so ` +
      'it is neither repaired nor begun anew. Restore the directory from a backup; or, to start ' +
      'again without these records and all state derived from them, remove the directory.',
    { cause }
  )
}

function key(kind: string, size: number, fill: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(1 + size)
  bytes.write(kind, 0)
  fill(bytes)
  return bytes
}

function place(kind: string, topic: number, partition: number, more: number): Buffer {
  return key(kind, 8 + more, (bytes) => {
    bytes.writeUInt32BE(topic, 1)
    bytes.writeUInt32BE(partition, 5)
  })
}
