/**
 * A chunk: consecutive records of one partition as one block of bytes, the unit that is stored.
 *
 *      0  u32  CRC-32C of all that follows     24  f64  base timestamp
 *      4  u8   version                         32  f64  greatest timestamp
 *      5  u8   flags                           40  f64  stored at, wall clock
 *      8  f64  base offset                     48  the records
 *     16  u32  number of records
 *     20  u32  span, in offsets
 *
 *     record:  gap | time | key length + 1 | value length + 1 | header bytes | key, value, headers
 *     header:  name length | name | value length + 1 | value
 *
 * Lengths are variable-length integers; length + 1 = 0 means null. `gap` counts the offsets left
 * out before the record; `time` is 1 + the zigzag distance to the base timestamp, or 0 and then an
 * f64.
 *
 * Invariants: a chunk speaks for all offsets in [base, base + span), also for those that compaction
 * has removed, so that the chunks of a partition tile it without holes; its bytes never change.
 */
import { assert } from '../assert.ts'
import { crc32c } from '../crc32c.ts'
import { FatalError } from '../errors.ts'
import type { Offset, Timestamp } from '../ids.ts'
import type { RecordHeaders } from '../record.ts'

export const chunkHeaderBytes = 48
const version = 1
/** The records' timestamps are the greatest one, whatever they say themselves. */
const flagAppendTime = 1
const nearMs = 2 ** 30

export interface Chunk {
  readonly bytes: Buffer
  readonly base: Offset
  /** One past the last offset it speaks for. */
  readonly end: Offset
  readonly records: number
  readonly baseTimestamp: Timestamp
  readonly maxTimestamp: Timestamp
  readonly storedAt: Timestamp
  readonly appendTime: boolean
}

/** What becomes of the builder's records when they get their place. */
export interface Placement {
  readonly base: Offset
  readonly end: Offset
  readonly storedAt: Timestamp
  /** Replaces all timestamps. */
  readonly appendTime?: Timestamp
}

/** Reads the header; throws if the bytes are not what was written. `where` is for the message. */
export function openChunk(bytes: Buffer, where: string): Chunk {
  const sound =
    bytes.length >= chunkHeaderBytes &&
    crc32c(bytes, 4) === bytes.readUInt32LE(0) &&
    bytes[4] === version
  if (!sound) {
    throw new FatalError(
      'MILLRACE_LOG_DAMAGED',
      `Checksum failure in ${where}. This log is the primary copy of its records: restore its ` +
        'directory from a backup, or remove it to start empty.'
    )
  }
  return describeChunk(bytes)
}

function describeChunk(bytes: Buffer): Chunk {
  const base = bytes.readDoubleLE(8)
  return {
    bytes,
    base,
    end: base + bytes.readUInt32LE(20),
    records: bytes.readUInt32LE(16),
    baseTimestamp: bytes.readDoubleLE(24),
    maxTimestamp: bytes.readDoubleLE(32),
    storedAt: bytes.readDoubleLE(40),
    appendTime: (bytes.readUInt8(5) & flagAppendTime) !== 0,
  }
}

/** Encodes records at once, so that callers may reuse their buffers. */
export class ChunkBuilder {
  #bytes = Buffer.allocUnsafeSlow(512)
  #length = chunkHeaderBytes
  #baseTimestamp: Timestamp = 0
  #maxTimestamp: Timestamp = -Infinity
  #records = 0
  #span = 0

  get bytes(): number {
    return this.#length
  }

  get records(): number {
    return this.#records
  }

  /** Offsets from the first record, or the gap before it, to one past the last record. */
  get span(): number {
    return this.#span
  }

  append(
    timestamp: Timestamp,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: RecordHeaders = [],
    gap = 0
  ): void {
    if (this.#records === 0) this.#baseTimestamp = timestamp
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    const headerBytes = headers.length === 0 ? 0 : sizeOfHeaders(headers)
    this.#reserve(64 + (key?.length ?? 0) + (value?.length ?? 0) + headerBytes)
    this.#varint(gap)
    this.#time(timestamp - this.#baseTimestamp, timestamp)
    this.#varint(key === null ? 0 : key.length + 1)
    this.#varint(value === null ? 0 : value.length + 1)
    this.#varint(headerBytes)
    if (key !== null) this.#put(key)
    if (value !== null) this.#put(value)
    for (const [name, bytes] of headers) this.#header(name, bytes)
    this.#records++
    this.#span += gap + 1
  }

  /** The finished chunk; the builder must not be used any more. */
  finish(place: Placement): Chunk {
    const span = place.end - place.base
    assert(span >= this.#span, 'a chunk spans at least its records')
    const whole = this.#length > this.#bytes.length * 0.75
    const bytes = whole ? this.#bytes.subarray(0, this.#length) : this.#copy()
    bytes[4] = version
    bytes[5] = place.appendTime === undefined ? 0 : flagAppendTime
    bytes.writeUInt16LE(0, 6)
    bytes.writeDoubleLE(place.base, 8)
    bytes.writeUInt32LE(this.#records, 16)
    bytes.writeUInt32LE(span, 20)
    bytes.writeDoubleLE(this.#baseTimestamp, 24)
    bytes.writeDoubleLE(place.appendTime ?? this.#maxTimestamp, 32)
    bytes.writeDoubleLE(place.storedAt, 40)
    bytes.writeUInt32LE(crc32c(bytes, 4), 0)
    return describeChunk(bytes)
  }

  #copy(): Buffer {
    const bytes = Buffer.allocUnsafeSlow(this.#length)
    this.#bytes.copy(bytes, 0, 0, this.#length)
    return bytes
  }

  #time(delta: number, timestamp: Timestamp): void {
    if (delta > -nearMs && delta < nearMs) {
      this.#varint(((delta << 1) ^ (delta >> 31)) + 1)
      return
    }
    this.#varint(0)
    this.#length = this.#bytes.writeDoubleLE(timestamp, this.#length)
  }

  #header(name: string, value: Uint8Array | null): void {
    this.#varint(Buffer.byteLength(name))
    this.#length += this.#bytes.write(name, this.#length)
    this.#varint(value === null ? 0 : value.length + 1)
    if (value !== null) this.#put(value)
  }

  #put(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #varint(value: number): void {
    const bytes = this.#bytes
    let at = this.#length
    while (value > 127) {
      bytes[at++] = (value & 127) | 128
      value >>>= 7
    }
    bytes[at++] = value
    this.#length = at
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}

function sizeOfHeaders(headers: RecordHeaders): number {
  let size = 0
  for (const [name, value] of headers) {
    const nameBytes = Buffer.byteLength(name)
    const valueBytes = value?.length ?? 0
    size += sizeOfVarint(nameBytes) + nameBytes
    size += sizeOfVarint(value === null ? 0 : valueBytes + 1) + valueBytes
  }
  return size
}

function sizeOfVarint(value: number): number {
  let size = 1
  while (value > 127) {
    value >>>= 7
    size++
  }
  return size
}
