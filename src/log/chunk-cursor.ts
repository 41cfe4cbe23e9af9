/** Walks through the records of a chunk, in place and without an object per record. */
import { assert, present } from '../assert.ts'
import type { Offset, Timestamp } from '../ids.ts'
import { type BytesReader, type RecordCursor, type RecordHeaders, startsWith } from '../record.ts'
import { type Chunk, chunkHeaderBytes } from './chunk.ts'

const none = Buffer.alloc(0)
const noHeaders: RecordHeaders = []

export class ChunkCursor implements RecordCursor {
  offset: Offset = -1
  timestamp: Timestamp = 0
  #bytes: Buffer = none
  #at = 0
  #left = 0
  #chunk: Chunk | undefined
  #keyAt = 0
  #keyLength = -1
  #valueAt = 0
  #valueLength = -1
  #headersLength = 0

  get key(): Uint8Array | null {
    if (this.#keyLength < 0) return null
    return this.#bytes.subarray(this.#keyAt, this.#keyAt + this.#keyLength)
  }

  /** The key as one char per byte, for maps. */
  get keyText(): string | null {
    if (this.#keyLength < 0) return null
    return this.#bytes.toString('latin1', this.#keyAt, this.#keyAt + this.#keyLength)
  }

  get value(): Uint8Array | null {
    if (this.#valueLength < 0) return null
    return this.#bytes.subarray(this.#valueAt, this.#valueAt + this.#valueLength)
  }

  get keyLength(): number {
    return this.#keyLength
  }

  get valueLength(): number {
    return this.#valueLength
  }

  readKey<T>(read: BytesReader<T>): T {
    return read(this.#bytes, this.#keyAt, this.#keyAt + this.#keyLength)
  }

  readValue<T>(read: BytesReader<T>): T {
    return read(this.#bytes, this.#valueAt, this.#valueAt + this.#valueLength)
  }

  readHeader<T>(name: Uint8Array, read: BytesReader<T>): T | undefined {
    if (this.#headersLength === 0) return undefined
    const bytes = this.#bytes
    const resume = this.#at
    this.#at = resume - this.#headersLength
    let found: T | undefined
    while (this.#at < resume && found === undefined) {
      const nameLength = this.#varint()
      const nameStart = this.#at
      this.#at += nameLength
      const length = this.#varint() - 1
      const start = this.#at
      const isIt = nameLength === name.length && startsWith(bytes, nameStart, name)
      if (isIt && length >= 0) found = read(bytes, start, start + length)
      if (length > 0) this.#at += length
    }
    this.#at = resume
    return found
  }

  get headers(): RecordHeaders {
    return this.#headersLength === 0 ? noHeaders : this.#readHeaders()
  }

  /** Of the current chunk, behind the current record. */
  protected get recordsLeft(): number {
    return this.#left
  }

  protected get chunk(): Chunk | undefined {
    return this.#chunk
  }

  /** Places the cursor before the chunk's first record. */
  open(chunk: Chunk): void {
    this.#chunk = chunk
    this.#bytes = chunk.bytes
    this.#at = chunkHeaderBytes
    this.#left = chunk.records
    this.offset = chunk.base - 1
  }

  /** Moves to the next record of the chunk; false at its end. */
  next(): boolean {
    if (this.#left === 0) return false
    this.#left--
    this.offset += this.#varint() + 1
    this.#readTime()
    this.#keyLength = this.#varint() - 1
    this.#valueLength = this.#varint() - 1
    this.#headersLength = this.#varint()
    this.#keyAt = this.#at
    this.#valueAt = this.#at + Math.max(this.#keyLength, 0)
    this.#at = this.#valueAt + Math.max(this.#valueLength, 0) + this.#headersLength
    return true
  }

  #readTime(): void {
    const tag = this.#varint()
    const { appendTime, baseTimestamp, maxTimestamp } = this.#chunk as Chunk
    if (tag === 0) {
      this.timestamp = this.#bytes.readDoubleLE(this.#at)
      this.#at += 8
    } else {
      const zigzag = tag - 1
      this.timestamp = baseTimestamp + ((zigzag >>> 1) ^ -(zigzag & 1))
    }
    if (appendTime) this.timestamp = maxTimestamp
  }

  #varint(): number {
    const bytes = this.#bytes
    let byte = bytes[this.#at++] as number
    if (byte < 128) return byte
    let value = byte & 127
    let shift = 7
    do {
      byte = bytes[this.#at++] as number
      value |= (byte & 127) << shift
      shift += 7
    } while (byte > 127)
    return value >>> 0
  }

  #readHeaders(): RecordHeaders {
    const resume = this.#at
    const headers: [string, Uint8Array | null][] = []
    this.#at = resume - this.#headersLength
    while (this.#at < resume) {
      const nameLength = this.#varint()
      const name = this.#bytes.toString('utf8', this.#at, this.#at + nameLength)
      this.#at += nameLength
      const length = this.#varint() - 1
      headers.push([name, length < 0 ? null : this.#bytes.subarray(this.#at, this.#at + length)])
      if (length > 0) this.#at += length
    }
    assert(this.#at === resume, 'the headers of a record end where it ends')
    return headers
  }
}

/** The chunk of an ordered list that speaks for this offset; undefined if none does. */
export function chunkAt(chunks: readonly Chunk[], offset: Offset): number | undefined {
  let low = 0
  let high = chunks.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const chunk = present(chunks[middle], 'a chunk of the list')
    if (offset < chunk.base) high = middle - 1
    else if (offset >= chunk.end) low = middle + 1
    else return middle
  }
  return undefined
}
