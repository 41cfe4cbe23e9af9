/**
 * About how many different members there were, in at most 3 KiB: HyperLogLog with 4,096 registers.
 *
 *     hash of a member ─▶ register (12 bits), rank = leading zeros of the other 32 bits + 1
 *     register         ─▶ the greatest rank it has seen
 *
 * The standard error is 1.04 / √4096 = 1.6 %; 19 of 20 counts are within 3.3 %, small ones nearly
 * exact. The estimate is Ertl's (arXiv:1702.01284), which needs no corrections for small numbers.
 *
 * Invariants: what was added and merged decides the registers, its order does not; equal registers
 * are equal bytes.
 */
import { assert } from '../assert.ts'
import { scattered } from '../text-hash.ts'
import type { ByteReader, ByteWriter } from './bytes.ts'

const registers = 4_096
/** Ranks go up to one more. */
const rankBits = 32
/** Up to here registers are listed one by one: the others are 0. */
const listedMax = 1_024
const listed = 0
const packed = 1

export class HyperLogLog {
  /** Rank by register, as long as there are few. */
  #few: Map<number, number> | undefined = new Map()
  #all: Uint8Array | undefined

  /** @param member a string of one char per byte */
  add(member: string): void {
    hash(member)
    this.#raise(hashes.low % registers, Math.clz32(hashes.high) + 1)
  }

  merge(other: HyperLogLog): void {
    for (const [register, rank] of other.#entries()) this.#raise(register, rank)
  }

  /** A whole number. */
  estimate(): number {
    const counts = new Array<number>(rankBits + 2).fill(0)
    let zeros = registers
    for (const [, rank] of this.#entries()) {
      counts[rank] = (counts[rank] as number) + 1
      zeros -= 1
    }
    let sum = registers * tau(1 - (counts[rankBits + 1] as number) / registers)
    for (let rank = rankBits; rank >= 1; rank--) sum = 0.5 * (sum + (counts[rank] as number))
    sum += registers * sigma(zeros / registers)
    return Math.round((registers * registers) / (2 * Math.LN2 * sum))
  }

  write(writer: ByteWriter): void {
    if (this.#few === undefined) {
      writer.u8(packed).rest(pack(this.#all as Uint8Array))
      return
    }
    writer.u8(listed).count(this.#few.size)
    let before = 0
    for (const [register, rank] of [...this.#few].sort(([a], [b]) => a - b)) {
      writer.count(register - before).u8(rank)
      before = register
    }
  }

  static read(reader: ByteReader): HyperLogLog {
    const sketch = new HyperLogLog()
    const form = reader.u8()
    assert(form === listed || form === packed, `registers are listed or packed, not ${form}`)
    if (form === packed) {
      for (let register = 0; register < registers; register += 4) {
        const bits = reader.u8() * 0x10000 + reader.u8() * 0x100 + reader.u8()
        for (let i = 0; i < 4; i++) sketch.#raise(register + i, (bits >> (18 - 6 * i)) & 0x3f)
      }
      return sketch
    }
    let register = 0
    for (let left = reader.count(); left > 0; left--) {
      register += reader.count()
      sketch.#raise(register, reader.u8())
    }
    return sketch
  }

  #raise(register: number, rank: number): void {
    if (this.#all !== undefined) {
      if (rank > (this.#all[register] as number)) this.#all[register] = rank
      return
    }
    const few = this.#few as Map<number, number>
    if (rank <= (few.get(register) ?? 0)) return
    few.set(register, rank)
    if (few.size <= listedMax) return
    const all = new Uint8Array(registers)
    for (const [index, known] of few) all[index] = known
    this.#all = all
    this.#few = undefined
  }

  /** Registers above 0. */
  *#entries(): Iterable<readonly [register: number, rank: number]> {
    if (this.#few !== undefined) yield* this.#few
    for (const [register, rank] of this.#all?.entries() ?? []) if (rank > 0) yield [register, rank]
  }
}

/** Six bits each. */
function pack(ranks: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((registers * 6) / 8)
  for (let register = 0, at = 0; register < registers; register += 4) {
    let bits = 0
    for (let i = 0; i < 4; i++) bits = bits * 0x40 + (ranks[register + i] as number)
    bytes[at++] = bits >>> 16
    bytes[at++] = bits >>> 8
    bytes[at++] = bits
  }
  return bytes
}

/** Of the registers that are full. */
function tau(share: number): number {
  if (share === 0 || share === 1) return 0
  let [x, y, z, before] = [share, 1, 1 - share, -1]
  while (z !== before) {
    before = z
    x = Math.sqrt(x)
    y *= 0.5
    z -= (1 - x) ** 2 * y
  }
  return z / 3
}

/** Of the registers that are empty. */
function sigma(share: number): number {
  if (share === 1) return Number.POSITIVE_INFINITY
  let [x, y, z, before] = [share, 1, share, -1]
  while (z !== before) {
    before = z
    x *= x
    z += x * y
    y += y
  }
  return z
}

const hashes = { low: 0, high: 0 }

/** MurmurHash3 (32 bits, x86) with two seeds, side by side. */
function hash(text: string): void {
  let low = 0x9747b28c
  let high = 0x3c6ef372
  const whole = text.length & ~3
  for (let at = 0; at < text.length; at += 4) {
    let block = 0
    for (let i = Math.min(3, text.length - at - 1); i >= 0; i--) {
      block = (block << 8) | text.charCodeAt(at + i)
    }
    block = Math.imul(block, 0xcc9e2d51)
    block = Math.imul((block << 15) | (block >>> 17), 0x1b873593)
    low = rotated(low ^ block, at < whole)
    high = rotated(high ^ block, at < whole)
  }
  hashes.low = scattered(low ^ text.length)
  hashes.high = scattered(high ^ text.length)
}

function rotated(hash: number, isWhole: boolean): number {
  return isWhole ? Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64 : hash
}
