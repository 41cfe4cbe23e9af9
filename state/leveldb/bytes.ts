/** Reads the little-endian numbers and varints of LevelDB's files; damage is an exception. */
import { crc32c } from '../../src/crc32c.ts'

/** What was found in a file is not what LevelDB writes. */
export class DamagedFileError extends Error {
  override readonly name = 'DamagedFileError'
}

export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** Exact up to 2^53, which no file of ours exceeds. */
  varint(): number {
    let value = 0
    for (let factor = 1; factor <= 2 ** 63; factor *= 128) {
      const byte = this.#bytes[this.#at++]
      if (byte === undefined) throw new DamagedFileError('a number is cut off')
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
    throw new DamagedFileError('a number does not end')
  }

  take(length: number): Buffer {
    const end = this.#at + length
    if (end > this.#bytes.length) throw new DamagedFileError('a string is cut off')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }
}

/** LevelDB stores checksums rotated and shifted, so that checksums of checksums stay good. */
export function maskedChecksum(bytes: Uint8Array, start: number, end: number): number {
  const crc = crc32c(bytes, start, end)
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
