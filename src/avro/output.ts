/** Avro's bytes as they are written: one buffer that grows, and is used again. */

const firstBytes = 256

export class AvroOutput {
  #bytes = Buffer.allocUnsafe(firstBytes)
  #at = 0

  /** Starts anew, behind room for a header of this many bytes. */
  start(headerBytes = 0): void {
    this.#at = headerBytes
  }

  /** A copy of what was written, the header unset. */
  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#at))
  }

  byte(value: number): void {
    const at = this.#room(1)
    this.#bytes[at] = value
  }

  /** Zigzag, seven bits a byte, the lowest first. Whole numbers that a double holds. */
  long(value: number): void {
    // Without the bit of the sign, which joins the lowest six.
    let magnitude = value < 0 ? -value - 1 : value
    let byte = ((magnitude % 64) << 1) | (value < 0 ? 1 : 0)
    magnitude = Math.floor(magnitude / 64)
    while (magnitude > 0) {
      this.byte(byte | 0x80)
      byte = magnitude % 128
      magnitude = Math.floor(magnitude / 128)
    }
    this.byte(byte)
  }

  float(value: number): void {
    const at = this.#room(4)
    this.#bytes.writeFloatLE(value, at)
  }

  double(value: number): void {
    const at = this.#room(8)
    this.#bytes.writeDoubleLE(value, at)
  }

  bytes(value: Uint8Array): void {
    this.long(value.length)
    this.fixed(value)
  }

  fixed(value: Uint8Array): void {
    const start = this.#room(value.length)
    this.#bytes.set(value, start)
  }

  string(value: string): void {
    const size = Buffer.byteLength(value)
    this.long(size)
    const start = this.#room(size)
    this.#bytes.write(value, start)
  }

  /** Call it before `#bytes` is named: it may put another buffer there. */
  #room(size: number): number {
    const start = this.#at
    this.#at += size
    if (this.#at > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(2 * this.#at)
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    return start
  }
}
