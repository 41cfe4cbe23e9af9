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
import { steadyList } from '../steady-list.ts'
import { HashSlots } from './hash-slots.ts'
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
/** Memory that is used again where all have gone. */
const keptBytesMax = 1024 * 1024
/** Of another process the same members lie elsewhere: nobody outside can make them collide. */
const seed = randomInt(2 ** 31)

export class NewestPanes {
  /** How many members there are in panes that were not left. */
  size = 0
  readonly #panes = new Map<Timestamp, Pane>()
  #slots = new HashSlots(slotsMin)
  /** By number of the entry. */
  #newest = steadyList<Pane>()
  /** Where the bytes of entries begin, and where those of the last one end. */
  #starts: number[] = [0]
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
    const entry = this.#find(hash, bytes, start, end, pane)
    if (entry < 0) {
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

  /** The entry of a member; −1: there was none, and now it has one. */
  #find(hash: number, bytes: Uint8Array, start: number, end: number, pane: Pane): number {
    const slots = this.#slots
    for (let slot = slots.first(hash); ; slot = slots.after(slot)) {
      const entry = slots.at(slot)
      if (entry < 0) {
        slots.put(slot, hash)
        this.#newest.push(pane)
        this.#keep(bytes, start, end)
        return -1
      }
      if (slots.hashAt(entry) === hash && this.#isAt(entry, bytes, start, end)) return entry
    }
  }

  #isAt(entry: number, bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.#bytes
    const from = this.#starts[entry] as number
    if ((this.#starts[entry + 1] as number) - from !== end - start) return false
    for (let at = start; at < end; at++) if (own[from + at - start] !== bytes[at]) return false
    return true
  }

  #keep(bytes: Uint8Array, start: number, end: number): void {
    const from = this.#starts.at(-1) as number
    const to = from + end - start
    if (to > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(to, this.#bytes.length * 2))
      larger.set(this.#bytes)
      this.#bytes = larger
    }
    const own = this.#bytes
    for (let at = start; at < end; at++) own[from + at - start] = bytes[at] as number
    this.#starts.push(to)
  }

  /** Members whose newest pane was left. */
  #dropStale(): void {
    if (this.size === 0 && this.#bytes.length <= keptBytesMax) {
      this.#slots.clear()
      this.#newest.length = 0
      this.#starts.length = 1
      return
    }
    const [slots, newest, starts, bytes] = [this.#slots, this.#newest, this.#starts, this.#bytes]
    this.#slots = new HashSlots(slotsMin)
    this.#newest = steadyList()
    this.#starts = [0]
    this.#bytes = new Uint8Array(slotsMin * 8)
    for (const [entry, pane] of newest.entries()) {
      if (pane.isLeft) continue
      this.#find(slots.hashAt(entry), bytes, at(starts, entry), at(starts, entry + 1), pane)
    }
  }
}

function at(starts: readonly number[], entry: number): number {
  return starts[entry] as number
}

/** FNV-1a, its upper bits brought down to where slots are chosen by. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = seed
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193)
  return hash ^ (hash >>> 15)
}
