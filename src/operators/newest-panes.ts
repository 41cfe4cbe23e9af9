/**
 * The members of a window by the newest pane that holds them: when a window leaves a pane, its
 * members need not be looked at.
 *
 *     hash of a member's bytes ─▶ slot ─▶ entry ─▶ newest pane, and where the bytes are kept
 *
 * Invariants: a member counts while the window holds its newest pane; those that do not count go
 * now and then, all at once; an entry's bytes end where those of the next one begin.
 *
 * A `Map` of texts took three times as long: a text that has just been made has no hash yet, and is
 * compared and collected as an object of its own.
 */
import { randomInt } from 'node:crypto'
import type { Timestamp } from '../ids.ts'
import type { MemberRun } from './member-list.ts'

interface Pane {
  readonly start: Timestamp
  /** How many members have it as their newest. */
  members: number
  isLeft: boolean
}

/** So many members of panes that were left are borne beside as many as there are. */
const staleMax = 1_024
const slotsMin = 1_024
/** Of another process the same members lie elsewhere: nobody outside can make them collide. */
const seed = randomInt(2 ** 31)

export class NewestPanes {
  /** How many members there are in panes that were not left. */
  size = 0
  readonly #panes = new Map<Timestamp, Pane>()
  /** Entries by hash, from 1 on; 0: the slot is free. Less than half of them are taken. */
  #slots = new Int32Array(slotsMin)
  /** By entry. */
  #newest: Pane[] = []
  #hashes = new Int32Array(slotsMin / 2)
  /** Where the bytes of entries begin, and where those of the last one end. */
  #starts = new Int32Array(slotsMin / 2 + 1)
  #bytes = new Uint8Array(slotsMin * 8)

  /** Of one pane. */
  add(start: Timestamp, runs: readonly MemberRun[]): void {
    let pane = this.#panes.get(start)
    if (pane === undefined) {
      pane = { start, members: 0, isLeft: false }
      this.#panes.set(start, pane)
    }
    for (const { bytes } of runs) {
      for (let at = 0; at < bytes.length; ) {
        let length = 0
        let byte = bytes[at++] as number
        for (let scale = 1; ; scale *= 0x80) {
          length += (byte & 0x7f) * scale
          if (byte < 0x80) break
          byte = bytes[at++] as number
        }
        this.#take(bytes, at, at + length, pane)
        at += length
      }
    }
  }

  /** Windows begin here from now on. */
  leaveBefore(start: Timestamp): void {
    for (const pane of this.#panes.values()) {
      if (pane.start >= start) continue
      pane.isLeft = true
      this.size -= pane.members
      this.#panes.delete(pane.start)
    }
    if (this.#newest.length > this.size * 2 + staleMax) this.#dropStale()
  }

  #take(bytes: Uint8Array, start: number, end: number, pane: Pane): void {
    const hash = hashOf(bytes, start, end)
    const slot = this.#slotOf(hash, bytes, start, end)
    const entry = (this.#slots[slot] as number) - 1
    if (entry < 0) {
      this.#insert(slot, hash, bytes, start, end, pane)
      this.size += 1
    } else {
      const before = this.#newest[entry] as Pane
      if (before.isLeft) this.size += 1
      else if (before.start < pane.start) before.members -= 1
      else return
      this.#newest[entry] = pane
    }
    pane.members += 1
  }

  /** Where the member is, or belongs. */
  #slotOf(hash: number, bytes: Uint8Array, start: number, end: number): number {
    const slots = this.#slots
    const last = slots.length - 1
    for (let slot = hash & last; ; slot = (slot + 1) & last) {
      const entry = (slots[slot] as number) - 1
      if (entry < 0) return slot
      if (this.#hashes[entry] === hash && this.#isAt(entry, bytes, start, end)) return slot
    }
  }

  #isAt(entry: number, bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.#bytes
    const from = this.#starts[entry] as number
    if ((this.#starts[entry + 1] as number) - from !== end - start) return false
    for (let at = start; at < end; at++) if (own[from + at - start] !== bytes[at]) return false
    return true
  }

  #insert(
    slot: number,
    hash: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    pane: Pane
  ): void {
    const entry = this.#newest.push(pane) - 1
    const from = this.#starts[entry] as number
    const to = from + end - start
    if (to > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(to, this.#bytes.length * 2))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    const own = this.#bytes
    for (let at = start; at < end; at++) own[from + at - start] = bytes[at] as number
    this.#hashes[entry] = hash
    this.#starts[entry + 1] = to
    this.#slots[slot] = entry + 1
    if (entry + 1 === this.#hashes.length) this.#spread(this.#slots.length * 2)
  }

  /** Room for as many slots, and half as many entries. */
  #spread(slots: number): void {
    const [hashes, starts] = [this.#hashes, this.#starts]
    const entries = this.#newest.length
    this.#slots = new Int32Array(slots)
    this.#hashes = new Int32Array(slots / 2)
    this.#starts = new Int32Array(slots / 2 + 1)
    this.#hashes.set(hashes.subarray(0, entries))
    this.#starts.set(starts.subarray(0, entries + 1))
    const last = slots - 1
    for (let entry = 0; entry < entries; entry++) {
      let slot = (hashes[entry] as number) & last
      while (this.#slots[slot] !== 0) slot = (slot + 1) & last
      this.#slots[slot] = entry + 1
    }
  }

  /** Members whose newest pane was left. */
  #dropStale(): void {
    const [newest, starts, bytes] = [this.#newest, this.#starts, this.#bytes]
    const hashes = this.#hashes
    let slots = slotsMin
    while (slots <= this.size * 2) slots *= 2
    this.#newest = []
    this.#slots = new Int32Array(slots)
    this.#hashes = new Int32Array(slots / 2)
    this.#starts = new Int32Array(slots / 2 + 1)
    this.#bytes = new Uint8Array(slots * 8)
    for (let entry = 0; entry < newest.length; entry++) {
      const pane = newest[entry] as Pane
      if (pane.isLeft) continue
      const [start, end] = [starts[entry] as number, starts[entry + 1] as number]
      const hash = hashes[entry] as number
      this.#insert(this.#slotOf(hash, bytes, start, end), hash, bytes, start, end, pane)
    }
  }
}

/** FNV-1a, its upper bits brought down to where slots are chosen by. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = seed
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193)
  return hash ^ (hash >>> 15)
}
