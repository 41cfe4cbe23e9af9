/** Every value on disk ends in the CRC-32C of the bytes before it, little endian. */
import { crc32c } from '../src/crc32c.ts'

export const checksumBytes = 4

export function writeChecksum(bytes: Uint8Array, at: number, checksum: number): void {
  bytes[at] = checksum
  bytes[at + 1] = checksum >>> 8
  bytes[at + 2] = checksum >>> 16
  bytes[at + 3] = checksum >>> 24
}

/** The bytes with their checksum behind them. */
export function withChecksum(bytes: Uint8Array): Uint8Array {
  const framed = new Uint8Array(bytes.length + checksumBytes)
  framed.set(bytes)
  writeChecksum(framed, bytes.length, crc32c(bytes))
  return framed
}

/** Whether the last four bytes are the checksum of those before them. */
export function checksumHolds(bytes: Uint8Array): boolean {
  const end = bytes.length - checksumBytes
  if (end < 0) return false
  const kept =
    (bytes[end] as number) |
    ((bytes[end + 1] as number) << 8) |
    ((bytes[end + 2] as number) << 16) |
    ((bytes[end + 3] as number) << 24)
  return kept >>> 0 === crc32c(bytes, 0, end)
}
