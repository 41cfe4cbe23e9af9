/** Small binary records: written front to back into a buffer that grows, and read the same way. */
import { binaryTextAt } from '../serde/text.ts'

/** So few are written faster one by one; their number takes one byte. */
const loopCharsMax = 32

/** Integers up to 2^53 − 1 take 7 bits a byte; other numbers are doubles, big endian. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(256)
  #length = 0
  /** Of the first bytes of the buffer, by their number. */
  #views: Uint8Array[] = []

  get length(): number {
    return this.#length
  }

  /** What was written since the last `take`, as bytes of its own. */
  take(): Uint8Array {
    const bytes = copyOf(this.#buffer, this.#length)
    this.#length = 0
    return bytes
  }

  /**
   * The same until the next write, for whoever copies it at once: an array of its own took a tenth
   * of what sealing an entry takes.
   */
  passing(): Uint8Array {
    const length = this.#length
    this.#length = 0
    if (length > loopBytesMax) return viewOf(this.#buffer, length)
    this.#views[length] ??= viewOf(this.#buffer, length)
    return this.#views[length]
  }

  u8(value: number): this {
    this.#room(1)
    this.#buffer[this.#length++] = value
    return this
  }

  u32(value: number): this {
    this.#room(4)
    this.#length = this.#buffer.writeUInt32BE(value, this.#length)
    return this
  }

  /** An integer from 0 to 2^53 − 1. */
  count(value: number): this {
    this.#room(8)
    let rest = value
    while (rest > 0x7f) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#buffer[this.#length++] = rest
    return this
  }

  float64(value: number): this {
    this.#room(8)
    this.#length = this.#buffer.writeDoubleBE(value, this.#length)
    return this
  }

  bigint(value: bigint): this {
    const text = (value < 0n ? -value : value).toString(16)
    const digits = Buffer.from(text.length % 2 === 0 ? text : `0${text}`, 'hex')
    return this.u8(value < 0n ? 1 : 0).bytes(digits)
  }

  bytes(value: Uint8Array): this {
    this.count(value.length)
    this.#room(value.length)
    this.#buffer.set(value, this.#length)
    this.#length += value.length
    return this
  }

  /** Without their length: the last field of a record. */
  rest(value: Uint8Array): this {
    this.#room(value.length)
    this.#buffer.set(value, this.#length)
    this.#length += value.length
    return this
  }

  /** A string of one char per byte. */
  binary(value: string): this {
    const { length } = value
    if (length > loopCharsMax) {
      this.count(length)
      this.#room(length)
      this.#length += this.#buffer.write(value, this.#length, 'latin1')
      return this
    }
    this.#room(length + 1)
    const buffer = this.#buffer
    let at = this.#length
    buffer[at++] = length
    for (let char = 0; char < length; char++) buffer[at++] = value.charCodeAt(char)
    this.#length = at
    return this
  }

  #room(size: number): void {
    const needed = this.#length + size
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2))
    larger.set(this.#buffer.subarray(0, this.#length))
    this.#buffer = larger
    this.#views = []
  }
}

/** No Buffer: its `slice` would be another view. */
function viewOf({ buffer, byteOffset }: Buffer, length: number): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length)
}

/** A short loop beats `slice`, which asks what kind of array to make. */
const loopBytesMax = 64

function copyOf(buffer: Buffer, length: number): Uint8Array {
  if (length > loopBytesMax) return Uint8Array.prototype.slice.call(buffer, 0, length)
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; at++) bytes[at] = buffer[at] as number
  return bytes
}

/** Reads what a ByteWriter wrote; throws a RangeError where the bytes end too early. */
export class ByteReader {
  readonly #buffer: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isDone(): boolean {
    return this.#at >= this.#buffer.length
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#at++)
  }

  u32(): number {
    this.#at += 4
    return this.#buffer.readUInt32BE(this.#at - 4)
  }

  count(): number {
    let value = 0
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
  }

  float64(): number {
    this.#at += 8
    return this.#buffer.readDoubleBE(this.#at - 8)
  }

  bigint(): bigint {
    const negative = this.u8() === 1
    const magnitude = BigInt(`0x${Buffer.from(this.bytes()).toString('hex')}`)
    return negative ? -magnitude : magnitude
  }

  /** A view: copy what you keep. */
  bytes(): Uint8Array {
    const start = this.#skip(this.count())
    return this.#buffer.subarray(start, this.#at)
  }

  /** All that is left; a view. */
  rest(): Uint8Array {
    const start = this.#at
    this.#at = this.#buffer.length
    return this.#buffer.subarray(start)
  }

  binary(): string {
    const start = this.#skip(this.count())
    return binaryTextAt(this.#buffer, start, this.#at)
  }

  skipBinary(): void {
    this.#skip(this.count())
  }

  /** Where the bytes that are skipped begin. */
  #skip(size: number): number {
    const start = this.#at
    if (start + size > this.#buffer.length) throw new RangeError('The record ends within a field')
    this.#at += size
    return start
  }
}
