/**
 * Writes records into a batch in place: one growing buffer, no object per record, the header last.
 *
 *   [61 bytes left free][record][record]… ──seal──► header filled in, compressed if wanted
 *
 * What `seal` returns is the caller's; the encoder starts afresh with a buffer of its own.
 */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import type { RecordHeaders } from '../record.ts'
import type { Codec } from './compression.ts'
import { codecNumber, compress } from './compression.ts'
import { at, headerBytes } from './record-batch.ts'
import { writeInt64 } from './wire.ts'

const loopBytesMax = 32
const noHeaders: RecordHeaders = Object.freeze([])

export interface SealOptions {
  /** Default 'none'; it must have been ensured. */
  readonly codec?: Codec
}

export class RecordBatchEncoder {
  #bytesMin: number
  #buffer: Buffer = Buffer.alloc(0)
  #at = headerBytes
  #records = 0
  #firstTimestamp = 0
  #maxTimestamp = 0

  constructor(options: { readonly bytes?: number } = {}) {
    this.#bytesMin = options.bytes ?? 4_096
  }

  /** Uncompressed, the header included. */
  get bytes(): number {
    return this.#at
  }

  get records(): number {
    return this.#records
  }

  /** Copies key, value and headers. */
  append(
    timestamp: Timestamp,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: RecordHeaders = noHeaders
  ): void {
    if (this.#records === 0) {
      this.#firstTimestamp = timestamp
      this.#maxTimestamp = timestamp
    } else if (timestamp > this.#maxTimestamp) {
      this.#maxTimestamp = timestamp
    }
    const delta = timestamp - this.#firstTimestamp
    const body = 1 + varintBytes(delta) + varintBytes(this.#records)
    const length = body + sized(key) + sized(value) + headersBytes(headers)
    this.#reserve(length + 5)
    this.#varint(length)
    this.#buffer[this.#at++] = 0
    this.#varint(delta)
    this.#varint(this.#records)
    this.#bytes(key)
    this.#bytes(value)
    this.#headers(headers)
    this.#records++
  }

  /** The batch, stamped with no producer yet; the encoder is empty afterwards. */
  seal(options: SealOptions = {}): Buffer {
    assert(this.#records > 0, 'a batch has records')
    const { codec = 'none' } = options
    let batch = this.#buffer.subarray(0, this.#at)
    if (codec !== 'none') {
      const records = compress(codec, batch.subarray(headerBytes))
      batch = Buffer.allocUnsafe(headerBytes + records.length)
      batch.set(records, headerBytes)
    }
    batch.fill(0, 0, headerBytes)
    batch.writeInt32BE(batch.length - at.leaderEpoch, at.length)
    batch.writeInt32BE(-1, at.leaderEpoch)
    batch.writeInt8(2, at.magic)
    batch.writeInt16BE(codecNumber(codec), at.attributes)
    batch.writeInt32BE(this.#records - 1, at.lastOffsetDelta)
    writeInt64(batch, this.#firstTimestamp, at.firstTimestamp)
    writeInt64(batch, this.#maxTimestamp, at.maxTimestamp)
    batch.writeInt32BE(this.#records, at.count)
    if (codec === 'none') {
      // What fills one batch may well fill the next: it begins as large, and need not grow.
      this.#bytesMin = Math.max(this.#bytesMin, this.#buffer.length)
      this.#buffer = Buffer.alloc(0)
    }
    this.#at = headerBytes
    this.#records = 0
    return batch
  }

  #headers(headers: RecordHeaders): void {
    this.#varint(headers.length)
    if (headers.length === 0) return
    for (const [name, value] of headers) {
      const length = Buffer.byteLength(name)
      this.#varint(length)
      this.#buffer.write(name, this.#at)
      this.#at += length
      this.#bytes(value)
    }
  }

  #bytes(bytes: Uint8Array | null): void {
    if (bytes === null) {
      this.#varint(-1)
      return
    }
    const { length } = bytes
    this.#varint(length)
    if (length > loopBytesMax) this.#buffer.set(bytes, this.#at)
    else copy(bytes, this.#buffer, this.#at)
    this.#at += length
  }

  #varint(value: number): void {
    let rest = zigzag(value)
    if (rest < 0x80) {
      this.#buffer[this.#at++] = rest
      return
    }
    // Timestamps may be further apart than 32 bits tell: no shifts while the number is that large.
    for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 128)) {
      this.#buffer[this.#at++] = (rest % 128) | 0x80
    }
    for (; rest > 0x7f; rest >>>= 7) this.#buffer[this.#at++] = (rest & 0x7f) | 0x80
    this.#buffer[this.#at++] = rest
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(
      Math.max(this.#buffer.length * 2, this.#at + bytes, this.#bytesMin)
    )
    this.#buffer.copy(grown, 0, 0, this.#at)
    this.#buffer = grown
  }
}

/** How much a record adds to a batch, at most. */
export function recordBytesMax(
  key: Uint8Array | null,
  value: Uint8Array | null,
  headers: RecordHeaders = noHeaders
): number {
  return 21 + sized(key) + sized(value) + headersBytes(headers)
}

function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2
}

/** A short loop beats the call into native code. */
function copy(from: Uint8Array, to: Uint8Array, start: number): void {
  for (let at = 0; at < from.length; at++) to[start + at] = from[at] as number
}

function varintBytes(value: number): number {
  let rest = zigzag(value)
  if (rest < 0x80) return 1
  let bytes = 1
  for (; rest > 0x7f; bytes++) rest = Math.floor(rest / 128)
  return bytes
}

function sized(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintBytes(bytes.length) + bytes.length
}

function headersBytes(headers: RecordHeaders): number {
  if (headers.length === 0) return 1
  let bytes = varintBytes(headers.length)
  for (const [name, value] of headers) {
    const length = Buffer.byteLength(name)
    bytes += varintBytes(length) + length + sized(value)
  }
  return bytes
}
