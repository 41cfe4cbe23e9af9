/**
 * Members of a set, each once, in the order in which they came: a list beside which their hashes
 * lie. A `Set` of as many texts took twice as long, for each text is a new one, whose hash is not
 * known yet; what sets of the same record add, one after the other, is hashed once here.
 *
 *     members   a b c d e f
 *                     └─ a tail: what has come since it was looked at
 *
 * Invariant: nothing is ever taken out.
 */
import { randomInt } from 'node:crypto'
import { assert } from '../assert.ts'
import { HashSlots } from './hash-slots.ts'

const slotsMin = 64
/** Of another process the same members lie elsewhere: nobody outside can make them collide. */
const seed = randomInt(2 ** 31)

export class MemberSet implements Iterable<string> {
  readonly #members: string[] = []
  readonly #slots = new HashSlots(slotsMin)

  constructor(members: Iterable<string> = []) {
    for (const member of members) this.add(member)
  }

  get size(): number {
    return this.#members.length
  }

  /** Whether it is new. */
  add(member: string): boolean {
    const slots = this.#slots
    const members = this.#members
    const hash = hashOf(member)
    for (let slot = slots.first(hash); ; slot = slots.after(slot)) {
      const number = slots.at(slot)
      if (number < 0) {
        slots.put(slot, hash)
        members.push(member)
        return true
      }
      if (slots.hashAt(number) === hash && members[number] === member) return false
    }
  }

  /** Those that are here, and those that come, from the one with this number on. */
  tail(from: number): MemberTail {
    return new MemberTail(this.#members, from)
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#members.values()
  }
}

export class MemberTail {
  readonly #members: readonly string[]
  #next: number

  constructor(members: readonly string[], from: number) {
    this.#members = members
    this.#next = from
  }

  /** How many are left to take. */
  get size(): number {
    return this.#members.length - this.#next
  }

  next(): string {
    assert(this.size > 0, 'one is left')
    const member = this.#members[this.#next] as string
    this.#next += 1
    return member
  }

  /** All that are left. */
  take(): readonly string[] {
    const members = this.#members.slice(this.#next)
    this.#next = this.#members.length
    return members
  }
}

let recent = ''
let recentHash = seed

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
