/**
 * Kafka's wire format: big-endian numbers, and strings, bytes and arrays with a length in front. In
 * flexible versions the lengths are compact (unsigned varint of length + 1) and structures end in
 * tagged fields; one writer and one reader serve both, so that each request is described once.
 *
 * 64-bit numbers are JavaScript numbers made of two halves: exact up to 2^53, which offsets,
 * timestamps and producer ids never reach.
 */
import { assert } from '../assert.ts'

const twoTo32 = 4_294_967_296

/** From this size on bytes are handed to the socket as they are instead of being copied. */
const scatterBytesMin = 2_048

export function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * twoTo32 + bytes.readUInt32BE(at + 4)
}

export function writeInt64(bytes: Buffer, value: number, at: number): void {
  const high = Math.floor(value / twoTo32)
  bytes.writeInt32BE(high, at)
  bytes.writeUInt32BE(value - high * twoTo32, at + 4)
}

export class WireWriter {
  readonly flexible: boolean
  #buffer: Buffer
  #at = 0
  /** Where the bytes not yet in `#chunks` begin. */
  #chunkStart = 0
  readonly #chunks: Uint8Array[] = []

  constructor(options: { readonly flexible: boolean; readonly bytes?: number }) {
    this.flexible = options.flexible
    this.#buffer = Buffer.allocUnsafe(options.bytes ?? 512)
  }

  int8(value: number): this {
    this.#reserve(1)
    this.#at = this.#buffer.writeInt8(value, this.#at)
    return this
  }

  int16(value: number): this {
    this.#reserve(2)
    this.#at = this.#buffer.writeInt16BE(value, this.#at)
    return this
  }

  int32(value: number): this {
    this.#reserve(4)
    this.#at = this.#buffer.writeInt32BE(value, this.#at)
    return this
  }

  int64(value: number): this {
    assert(Number.isSafeInteger(value), `${value} fits into 64 bits exactly`)
    this.#reserve(8)
    writeInt64(this.#buffer, value, this.#at)
    this.#at += 8
    return this
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0)
  }

  string(text: string | null): this {
    if (text === null) return this.flexible ? this.#varint(0) : this.int16(-1)
    const length = Buffer.byteLength(text)
    if (this.flexible) this.#varint(length + 1)
    else this.int16(length)
    this.#reserve(length)
    this.#at += this.#buffer.write(text, this.#at)
    return this
  }

  /** Long bytes are not copied: they must not change before the request has been answered. */
  bytes(bytes: Uint8Array | null): this {
    if (bytes === null) return this.flexible ? this.#varint(0) : this.int32(-1)
    if (this.flexible) this.#varint(bytes.length + 1)
    else this.int32(bytes.length)
    return this.raw(bytes)
  }

  raw(bytes: Uint8Array): this {
    if (bytes.length >= scatterBytesMin) {
      this.#cut()
      this.#chunks.push(bytes)
      return this
    }
    this.#reserve(bytes.length)
    this.#buffer.set(bytes, this.#at)
    this.#at += bytes.length
    return this
  }

  array<T>(items: readonly T[] | null, write: (item: T) => void): this {
    if (items === null) return this.flexible ? this.#varint(0) : this.int32(-1)
    if (this.flexible) this.#varint(items.length + 1)
    else this.int32(items.length)
    for (const item of items) write(item)
    return this
  }

  /** Ends a structure: no tagged fields. Nothing in versions that have none. */
  end(): this {
    return this.flexible ? this.#varint(0) : this
  }

  /** All that was written, in order, in as few pieces as copying little allows. */
  chunks(): readonly Uint8Array[] {
    this.#cut()
    return this.#chunks
  }

  #cut(): void {
    if (this.#at > this.#chunkStart) {
      this.#chunks.push(this.#buffer.subarray(this.#chunkStart, this.#at))
    }
    this.#chunkStart = this.#at
  }

  #varint(value: number): this {
    this.#reserve(5)
    let rest = value
    while (rest > 0x7f) {
      this.#buffer[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#buffer[this.#at++] = rest
    return this
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const pending = this.#buffer.subarray(this.#chunkStart, this.#at)
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, pending.length + bytes))
    pending.copy(grown)
    this.#buffer = grown
    this.#at = pending.length
    this.#chunkStart = 0
  }
}

/** Reads what a broker answered. Throws a RangeError if the bytes end too early. */
export class WireReader {
  readonly flexible: boolean
  readonly #bytes: Buffer
  #at: number
  #throttleMs = 0

  constructor(bytes: Buffer, options: { readonly flexible: boolean; readonly at?: number }) {
    this.#bytes = bytes
    this.flexible = options.flexible
    this.#at = options.at ?? 0
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  /** For how long the broker wants no further request, as far as it was read. */
  get throttleMs(): number {
    return this.#throttleMs
  }

  /** Reads it. */
  throttle(): void {
    this.#throttleMs = this.int32()
  }

  int8(): number {
    return this.#bytes.readInt8(this.#skip(1))
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#skip(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#skip(4))
  }

  int64(): number {
    return readInt64(this.#bytes, this.#skip(8))
  }

  boolean(): boolean {
    return this.int8() !== 0
  }

  nullableString(): string | null {
    const length = this.flexible ? this.#varint() - 1 : this.int16()
    if (length < 0) return null
    const start = this.#skip(length)
    return this.#bytes.toString('utf8', start, start + length)
  }

  string(): string {
    return this.nullableString() ?? ''
  }

  /** A view into the answer, not a copy; null and empty are told apart. */
  nullableBytes(): Buffer | null {
    const length = this.flexible ? this.#varint() - 1 : this.int32()
    if (length < 0) return null
    const start = this.#skip(length)
    return this.#bytes.subarray(start, start + length)
  }

  bytes(): Buffer {
    return this.nullableBytes() ?? Buffer.alloc(0)
  }

  /** Null is read as empty. */
  array<T>(read: () => T): T[] {
    const length = this.flexible ? this.#varint() - 1 : this.int32()
    const items: T[] = []
    for (let i = 0; i < length; i++) items.push(read())
    return items
  }

  /** Ends a structure: tagged fields are shown to `read`, if there is one, and skipped. */
  end(read?: (tag: number) => void): void {
    if (!this.flexible) return
    for (let count = this.#varint(); count > 0; count--) {
      const tag = this.#varint()
      const bytes = this.#varint()
      const start = this.#skip(bytes)
      if (read === undefined) continue
      this.#at = start
      read(tag)
      this.#at = start + bytes
    }
  }

  #varint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#skip(1))
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new RangeError('A varint of more than five bytes')
  }

  #skip(bytes: number): number {
    const start = this.#at
    if (start + bytes > this.#bytes.length) {
      throw new RangeError(`Wanted ${bytes} bytes at ${start} of ${this.#bytes.length}`)
    }
    this.#at = start + bytes
    return start
  }
}
