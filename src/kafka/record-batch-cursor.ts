/**
 * Reads fetched batches record by record, without an object per record: the cursor remembers where
 * things are, and makes a view of key, value or headers only when it is asked for one.
 *
 *   fetched bytes ──► batches (complete ones) ──► those not hidden ──► records from `from` on
 *
 * - `position` is where to resume when the current record is done; at the end it is behind the last
 *   complete batch, past all that yielded no record.
 * - Views show the fetched bytes (or what was decompressed); they stay as they are, but keep all of
 *   the fetch in memory: copy what is kept.
 */
import type { Offset, Timestamp } from '../ids.ts'
import { type BytesReader, type RecordCursor, type RecordHeaders, startsWith } from '../record.ts'
import { AbortedFilter } from './aborted-filter.ts'
import { codecOf, decompress } from './compression.ts'
import {
  at,
  attribute,
  batchEnd,
  checkBatch,
  corrupt,
  headerBytes,
  lastOffset,
} from './record-batch.ts'
import type { AbortedTransaction } from './requests/records.ts'
import { readInt64 } from './wire.ts'

export interface BatchCursorOptions {
  /** Records before it are skipped: brokers send whole batches. */
  readonly from: Offset
  /** As the fetch answered; absent for uncommitted reads. */
  readonly aborted?: readonly AbortedTransaction[]
  /** For messages: `orders-3`. */
  readonly partition: string
}

const noHeaders: RecordHeaders = Object.freeze([])

export class BatchCursor implements RecordCursor {
  offset: Offset = -1
  timestamp: Timestamp = -1

  readonly #fetched: Buffer
  readonly #from: Offset
  readonly #partition: string
  readonly #filter: AbortedFilter
  #position: Offset
  /** Where the next batch starts in `#fetched`. */
  #nextBatch = 0

  /** What the records of the current batch are in, and where the next of them starts. */
  #bytes: Buffer
  #at = 0
  #left = 0
  #baseOffset = 0
  #firstTimestamp = 0
  /** Set if the broker stamped the batch as it came in: then it holds for all its records. */
  #appendTime: Timestamp | undefined
  #afterBatch: Offset

  #keyStart = 0
  #keyLength = -1
  #valueStart = 0
  #valueLength = -1
  #headersStart = 0
  #isViewed = false

  constructor(fetched: Buffer, options: BatchCursorOptions) {
    this.#fetched = fetched
    this.#bytes = fetched
    this.#from = options.from
    this.#partition = options.partition
    this.#position = options.from
    this.#afterBatch = options.from
    this.#filter = new AbortedFilter(options.aborted ?? [])
  }

  get position(): Offset {
    return this.#position
  }

  /** Views were handed out, and may be kept by somebody: the bytes must stay as they are. */
  get isViewed(): boolean {
    return this.#isViewed
  }

  get key(): Buffer | null {
    if (this.#keyLength < 0) return null
    this.#isViewed = true
    return this.#bytes.subarray(this.#keyStart, this.#keyStart + this.#keyLength)
  }

  get value(): Buffer | null {
    if (this.#valueLength < 0) return null
    this.#isViewed = true
    return this.#bytes.subarray(this.#valueStart, this.#valueStart + this.#valueLength)
  }

  get keyLength(): number {
    return this.#keyLength
  }

  get valueLength(): number {
    return this.#valueLength
  }

  readKey<T>(read: BytesReader<T>): T {
    return read(this.#bytes, this.#keyStart, this.#keyStart + this.#keyLength)
  }

  readValue<T>(read: BytesReader<T>): T {
    return read(this.#bytes, this.#valueStart, this.#valueStart + this.#valueLength)
  }

  readHeader<T>(name: Uint8Array, read: BytesReader<T>): T | undefined {
    const bytes = this.#bytes
    if (bytes[this.#headersStart] === 0) return undefined
    const resume = this.#at
    this.#at = this.#headersStart
    let found: T | undefined
    for (let left = this.#varint(); left > 0 && found === undefined; left--) {
      const nameLength = this.#varint()
      const nameStart = this.#at
      this.#at += nameLength
      const length = this.#varint()
      const start = this.#at
      const isIt = nameLength === name.length && startsWith(bytes, nameStart, name)
      if (isIt && length >= 0) found = read(bytes, start, start + length)
      if (length > 0) this.#at += length
    }
    this.#at = resume
    return found
  }

  get headers(): RecordHeaders {
    return this.#bytes[this.#headersStart] === 0 ? noHeaders : this.#readHeaders()
  }

  /**
   * Moves to the next record; false: none is left. Throws a FatalError if a checksum or a length is
   * wrong. The codecs of the batches must have been ensured.
   */
  advance(): boolean {
    for (;;) {
      while (this.#left === 0) if (!this.#openBatch()) return false
      this.#readRecord()
      if (this.offset < this.#from) continue
      this.#position = this.offset + 1
      return true
    }
  }

  #openBatch(): boolean {
    this.#position = Math.max(this.#position, this.#afterBatch)
    const fetched = this.#fetched
    const start = this.#nextBatch
    const end = batchEnd(fetched, start)
    if (end === undefined) return false
    checkBatch(fetched, start, end, this.#partition)
    this.#nextBatch = end
    this.#afterBatch = lastOffset(fetched, start) + 1
    // The filter sees each batch, or a marker behind `from` would not close what it must.
    const isHidden = this.#filter.hides(fetched, start)
    if (isHidden || this.#afterBatch <= this.#from) return true
    const attributes = fetched.readInt16BE(start + at.attributes)
    this.#left = fetched.readInt32BE(start + at.count)
    this.#baseOffset = readInt64(fetched, start)
    this.#firstTimestamp = readInt64(fetched, start + at.firstTimestamp)
    this.#appendTime =
      (attributes & attribute.logAppendTime) === 0
        ? undefined
        : readInt64(fetched, start + at.maxTimestamp)
    const records = fetched.subarray(start + headerBytes, end)
    this.#bytes = decompress(codecOf(attributes & attribute.codec), records)
    this.#at = 0
    return true
  }

  #readRecord(): void {
    const length = this.#varint()
    const end = this.#at + length
    this.#at++
    const timestampDelta = this.#varlong()
    this.offset = this.#baseOffset + this.#varint()
    this.timestamp = this.#appendTime ?? this.#firstTimestamp + timestampDelta
    this.#keyLength = this.#varint()
    this.#keyStart = this.#at
    if (this.#keyLength > 0) this.#at += this.#keyLength
    this.#valueLength = this.#varint()
    this.#valueStart = this.#at
    if (this.#valueLength > 0) this.#at += this.#valueLength
    this.#headersStart = this.#at
    if (this.#at >= end || end > this.#bytes.length) {
      throw corrupt(this.#partition, this.offset, 'a record is longer than it says')
    }
    this.#at = end
    this.#left--
  }

  #readHeaders(): RecordHeaders {
    this.#isViewed = true
    const resume = this.#at
    this.#at = this.#headersStart
    const count = this.#varint()
    const headers: [string, Uint8Array | null][] = []
    for (let i = 0; i < count; i++) {
      const name = this.#take(this.#varint())?.toString('utf8') ?? ''
      headers.push([name, this.#take(this.#varint())])
    }
    this.#at = resume
    return headers
  }

  #take(length: number): Buffer | null {
    if (length < 0) return null
    const start = this.#at
    this.#at += length
    return this.#bytes.subarray(start, start + length)
  }

  /** Zigzag, up to 32 bits. */
  #varint(): number {
    const bytes = this.#bytes
    let byte = bytes[this.#at++] as number
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let value = byte & 0x7f
    for (let shift = 7; shift < 35; shift += 7) {
      byte = bytes[this.#at++] as number
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1)
    }
    throw corrupt(this.#partition, this.offset, 'a number has too many bytes')
  }

  /** Zigzag, up to 53 bits: shifts would cut it to 32. */
  #varlong(): number {
    const bytes = this.#bytes
    let byte = bytes[this.#at++] as number
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let value = byte & 0x7f
    for (let scale = 128; scale < 2 ** 63; scale *= 128) {
      byte = bytes[this.#at++] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
    throw corrupt(this.#partition, this.offset, 'a number has too many bytes')
  }
}
