/**
 * CRC-32C (Castagnoli): the checksum of Kafka batches and of state on disk.
 *
 * Table k tells what a byte does to the checksum k bytes later. So the bytes of a step, which do
 * not depend on each other, are looked up side by side: sixteen of them, as four words, where there
 * are many; eight, one by one, where making a view of words would cost more than it saves. Where
 * there are very many they are folded into fewer first.
 */
import { foldBytesMin, folded } from './crc32c-fold.ts'

const tables = Array.from({ length: 16 }, () => new Int32Array(256))
fillTables()
const [t0, t1, t2, t3, t4, t5, t6, t7, t8, t9, t10, t11, t12, t13, t14, t15] =
  tables as unknown as Tables

/** From here on words pay, measured; they are read in the order of the machine. */
const wordBytesMin = 128
const isLittleEndian = new Uint8Array(new Int32Array([1]).buffer)[0] === 1

/**
 * Checksum of `bytes[start, end)` as an unsigned 32-bit number. To go on over several pieces, pass
 * the checksum of what came before as `previous`.
 */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, previous = 0): number {
  let crc = ~previous
  let at = start
  // Out of range reads give undefined, which `^` would silently take for 0.
  const stop = Math.min(end, bytes.length)
  if (stop - at >= foldBytesMin) {
    const rest = folded(bytes, at, stop, crc)
    // Their register begins at 0, which is what is left of this previous one.
    if (rest !== undefined) return crc32c(rest, 0, rest.length, 0xffff_ffff)
  }
  if (stop - at >= wordBytesMin && isLittleEndian) {
    for (; (bytes.byteOffset + at) % 4 !== 0; at++) {
      crc = word(t0, (crc ^ byte(bytes, at)) & 255) ^ (crc >>> 8)
    }
    const words = ((stop - at) >>> 4) << 2
    crc = overWords(new Int32Array(bytes.buffer, bytes.byteOffset + at, words), crc)
    at += words * 4
  }
  for (; at <= stop - 8; at += 8) {
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
  }
  for (; at < stop; at++) crc = word(t0, (crc ^ byte(bytes, at)) & 255) ^ (crc >>> 8)
  return ~crc >>> 0
}

/** Four words a step; there is a whole number of steps. */
function overWords(words: Int32Array, before: number): number {
  let crc = before
  for (let at = 0; at < words.length; at += 4) {
    const a = crc ^ word(words, at)
    const b = word(words, at + 1)
    const c = word(words, at + 2)
    const d = word(words, at + 3)
    crc =
      word(t15, a & 255) ^
      word(t14, (a >>> 8) & 255) ^
      word(t13, (a >>> 16) & 255) ^
      word(t12, a >>> 24) ^
      word(t11, b & 255) ^
      word(t10, (b >>> 8) & 255) ^
      word(t9, (b >>> 16) & 255) ^
      word(t8, b >>> 24) ^
      word(t7, c & 255) ^
      word(t6, (c >>> 8) & 255) ^
      word(t5, (c >>> 16) & 255) ^
      word(t4, c >>> 24) ^
      word(t3, d & 255) ^
      word(t2, (d >>> 8) & 255) ^
      word(t1, (d >>> 16) & 255) ^
      word(t0, d >>> 24)
  }
  return crc
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] as number
}

function word(table: Int32Array, at: number): number {
  return table[at] as number
}

type Four = readonly [Int32Array, Int32Array, Int32Array, Int32Array]
type Tables = readonly [...Four, ...Four, ...Four, ...Four]

function fillTables(): void {
  const [first, ...others] = tables as unknown as readonly [Int32Array, ...Int32Array[]]
  for (let value = 0; value < 256; value++) {
    let crc = value
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    first[value] = crc
  }
  let last = first
  for (const table of others) {
    for (let value = 0; value < 256; value++) {
      const crc = word(last, value)
      table[value] = word(first, crc & 255) ^ (crc >>> 8)
    }
    last = table
  }
}
