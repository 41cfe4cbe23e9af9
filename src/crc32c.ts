/** CRC-32C (Castagnoli), eight bytes a step: the checksum of Kafka batches and of state on disk. */

const tables = makeTables()
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables

/**
 * Checksum of `bytes[start, end)` as an unsigned 32-bit number. To go on over several pieces, pass
 * the checksum of what came before as `previous`.
 */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, previous = 0): number {
  let crc = ~previous
  let at = start
  // Out of range reads give undefined, which `^` would silently take for 0.
  const last = Math.min(end, bytes.length) - 8
  while (at <= last) {
    crc ^= byte(bytes, at) | (byte(bytes, at + 1) << 8) | (byte(bytes, at + 2) << 16)
    crc ^= byte(bytes, at + 3) << 24
    crc =
      word(t7, crc & 255) ^
      word(t6, (crc >>> 8) & 255) ^
      word(t5, (crc >>> 16) & 255) ^
      word(t4, crc >>> 24) ^
      word(t3, byte(bytes, at + 4)) ^
      word(t2, byte(bytes, at + 5)) ^
      word(t1, byte(bytes, at + 6)) ^
      word(t0, byte(bytes, at + 7))
    at += 8
  }
  for (; at < last + 8; at++) crc = word(t0, (crc ^ byte(bytes, at)) & 255) ^ (crc >>> 8)
  return ~crc >>> 0
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] as number
}

function word(table: Int32Array, at: number): number {
  return table[at] as number
}

type Tables = readonly [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
]

function makeTables(): Tables {
  const first = new Int32Array(256)
  for (let value = 0; value < 256; value++) {
    let crc = value
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    first[value] = crc
  }
  const next = (table: Int32Array): Int32Array =>
    table.map((crc) => word(first, crc & 255) ^ (crc >>> 8))
  const second = next(first)
  const third = next(second)
  const fourth = next(third)
  const fifth = next(fourth)
  const sixth = next(fifth)
  const seventh = next(sixth)
  return [first, second, third, fourth, fifth, sixth, seventh, next(seventh)]
}
