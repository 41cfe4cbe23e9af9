/**
 * Members of a set, each once, in the order in which they came: as bytes, which is how they travel
 * and are stored, beside their hashes.
 *
 *     bytes    length a length b length c length d …     as a run, see `member-list.ts`
 *     ends             ↑        ↑        ↑        ↑
 *                               └─ a tail: what has come since it was looked at
 *
 * As texts they were most of what was there to be collected, and written one by one; a `Set` of
 * them took twice as long as a list beside hashes, for each text is a new one, whose hash is not
 * known yet. What sets of the same record add, one after the other, is hashed once here.
 *
 * Invariants: nothing is ever taken out but all at once; bytes that were written never change, so
 * that views of them stay what they are.
 */
import { randomInt } from 'node:crypto'
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import { assert } from '../assert.ts'
import { HashSlots } from './hash-slots.ts'
import type { MemberRun } from './member-list.ts'

const slotsMin = 64
const bytesMin = 512
/** Whose length is one byte. */
const shortMax = 0x7f
/** Of another process the same members lie elsewhere: nobody outside can make them collide. */
const seed = randomInt(2 ** 31)

export class MemberSet implements Iterable<string> {
  readonly #slots = new HashSlots(slotsMin)
  /** By number. */
  #ends = new Int32Array(slotsMin)
  #size = 0
  #bytes = new Uint8Array(bytesMin)
  #length = 0

  constructor(members: Iterable<string> = []) {
    for (const member of members) this.add(member)
  }

  get size(): number {
    return this.#size
  }

  /** Whether it is new. One char for each byte. */
  add(member: string): boolean {
    const slots = this.#slots
    const hash = hashOf(member)
    for (let slot = slots.first(hash); ; slot = slots.after(slot)) {
      const number = slots.at(slot)
      if (number < 0) {
        slots.put(slot, hash)
        this.#write(member)
        return true
      }
      if (slots.hashAt(number) === hash && this.#isAt(number, member)) return false
    }
  }

  /** How many it has room for without growing. */
  get room(): number {
    return this.#slots.room
  }

  /** Takes all out: another set that is as large as this one was. Ends its tails. */
  clear(): void {
    this.#slots.clear()
    this.#size = 0
    // What was written may be looked at.
    this.#bytes = new Uint8Array(Math.max(bytesMin, this.#length))
    this.#length = 0
  }

  /** Those that are here, and those that come, from the one with this number on. */
  tail(from: number): MemberTail {
    return new MemberTail(this, from)
  }

  /**
   * Members from this number on, as a view: as many as are in so many bytes, at least one if there
   * is one.
   */
  run(from: number, bytesMax = Number.POSITIVE_INFINITY): MemberRun {
    const ends = this.#ends
    const start = this.#startOf(from)
    let to = this.#size
    if (this.#length - start > bytesMax) {
      to = from + 1
      while ((ends[to] as number) - start <= bytesMax) to += 1
    }
    return { bytes: this.#bytes.subarray(start, this.#startOf(to)), count: to - from }
  }

  *[Symbol.iterator](): Generator<string, undefined> {
    const reader = new ByteReader(this.run(0).bytes)
    while (!reader.isDone) yield reader.binary()
    return undefined
  }

  #startOf(number: number): number {
    return number === 0 ? 0 : (this.#ends[number - 1] as number)
  }

  #isAt(number: number, member: string): boolean {
    const { length } = member
    const bytes = this.#bytes
    const from = (this.#ends[number] as number) - length
    const head = from - this.#startOf(number)
    if (length > shortMax ? head < 2 || this.#lengthAt(number) !== length : head !== 1) return false
    for (let at = 0; at < length; at++) {
      if (bytes[from + at] !== member.charCodeAt(at)) return false
    }
    return true
  }

  #lengthAt(number: number): number {
    return new ByteReader(this.#bytes.subarray(this.#startOf(number))).count()
  }

  #write(member: string): void {
    const { length } = member
    const at = this.#length
    if (length > shortMax) {
      const written = new ByteWriter().binary(member).take()
      this.#room(written.length)
      this.#bytes.set(written, at)
      this.#length = at + written.length
    } else {
      this.#room(length + 1)
      const bytes = this.#bytes
      bytes[at] = length
      for (let char = 0; char < length; char++) bytes[at + 1 + char] = member.charCodeAt(char)
      this.#length = at + 1 + length
    }
    if (this.#size === this.#ends.length) {
      const more = new Int32Array(this.#size * 2)
      more.set(this.#ends)
      this.#ends = more
    }
    this.#ends[this.#size] = this.#length
    this.#size += 1
  }

  #room(size: number): void {
    const needed = this.#length + size
    if (needed <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    larger.set(this.#bytes)
    this.#bytes = larger
  }
}

export class MemberTail {
  readonly #set: MemberSet
  #next: number

  constructor(set: MemberSet, from: number) {
    this.#set = set
    this.#next = from
  }

  /** How many are left to take. */
  get size(): number {
    return this.#set.size - this.#next
  }

  /** At least one, and no more than are in so many bytes. */
  take(bytesMax: number): MemberRun {
    assert(this.size > 0, 'one is left')
    const run = this.#set.run(this.#next, bytesMax)
    this.#next += run.count
    return run
  }
}

let recent = ''
let recentHash = seed ^ (seed >>> 15)

/** FNV-1a over chars, its upper bits brought down to where slots are chosen by. */
function hashOf(member: string): number {
  if (member === recent) return recentHash
  let hash = seed
  for (let at = 0; at < member.length; at++) {
    hash = Math.imul(hash ^ member.charCodeAt(at), 0x01000193)
  }
  hash ^= hash >>> 15
  recent = member
  recentHash = hash
  return hash
}
