/**
 * Avro's bytes as they are read: every step is checked against the end, so that bytes which are
 * something else end in an error soon, never in a loop or in the next record.
 */
import { decodeUtf8At } from '../serde/text.ts'

/** Items that take no bytes (nulls) are believed up to this many. */
const emptyItemsMax = 1_000

export class AvroInput {
  #bytes: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(this.#bytes.buffer)
  #at = 0
  #end = 0

  /** Goes to `bytes[start, end)`. */
  set(bytes: Uint8Array, start: number, end: number): void {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    this.#at = start
    this.#end = end
  }

  /** What was read must be all there is: the cheapest sign of another schema. */
  expectEnd(): void {
    const left = this.#end - this.#at
    if (left > 0) throw new TypeError(`Avro: ${left} bytes are left over`)
  }

  byte(): number {
    if (this.#at >= this.#end) throw new TypeError('Avro: the bytes end too early')
    return this.#bytes[this.#at++] as number
  }

  boolean(): boolean {
    const byte = this.byte()
    if (byte > 1) throw new TypeError(`Avro: ${byte} is no boolean`)
    return byte === 1
  }

  int(): number {
    const value = this.long()
    if (value !== (value | 0)) throw new TypeError(`Avro: ${value} is no int`)
    return value
  }

  /** Zigzag, seven bits a byte, the lowest first. Refuses what a double does not hold. */
  long(): number {
    let byte = this.byte()
    const sign = byte & 1
    let magnitude = (byte & 0x7f) >>> 1
    for (let scale = 64; byte >= 0x80; scale *= 128) {
      if (scale > 2 ** 62) throw new TypeError('Avro: a long has over 10 bytes')
      byte = this.byte()
      magnitude += (byte & 0x7f) * scale
    }
    if (magnitude > Number.MAX_SAFE_INTEGER) {
      throw new TypeError('Avro: a long is beyond 2^53 - 1')
    }
    return sign === 0 ? magnitude : -magnitude - 1
  }

  skipLong(): void {
    for (let size = 1; this.byte() >= 0x80; size++) {
      if (size === 10) throw new TypeError('Avro: a long has over 10 bytes')
    }
  }

  float(): number {
    return this.#view.getFloat32(this.#step(4), true)
  }

  double(): number {
    return this.#view.getFloat64(this.#step(8), true)
  }

  /** A copy. */
  bytes(): Uint8Array {
    return this.fixed(this.long())
  }

  /** A copy. */
  fixed(size: number): Uint8Array {
    const start = this.#step(size)
    return new Uint8Array(this.#bytes.subarray(start, start + size))
  }

  /** Malformed bytes become U+FFFD, as in Java. */
  string(): string {
    const size = this.long()
    const start = this.#step(size)
    return decodeUtf8At(this.#bytes, start, start + size)
  }

  skipBytes(): void {
    this.#step(this.long())
  }

  skip(size: number): void {
    this.#step(size)
  }

  /** How many items the next block has; 0: it was the last. */
  block(): number {
    const count = this.long()
    if (count < 0) this.skipLong()
    return this.#believable(Math.abs(count))
  }

  /** As `block`, but steps over blocks that say how long they are. */
  blockToSkip(): number {
    for (;;) {
      const count = this.long()
      if (count >= 0) return this.#believable(count)
      this.skipBytes()
    }
  }

  #believable(count: number): number {
    if (count <= Math.max(this.#end - this.#at, emptyItemsMax)) return count
    throw new TypeError(`Avro: ${count} items in ${this.#end - this.#at} bytes`)
  }

  /** Where the next `size` bytes start; they are behind us then. */
  #step(size: number): number {
    const start = this.#at
    if (size < 0 || size > this.#end - start) throw new TypeError('Avro: the bytes end too early')
    this.#at = start + size
    return start
  }
}
