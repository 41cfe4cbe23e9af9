/** A window with a key that is open, and one of its rows: what is kept in memory of them. */

import type { KeyValueState } from '../../state/contract.ts'
import type { MemberSink } from '../aggregators/row.ts'
import type { Timestamp } from '../ids.ts'
import { steadyList } from '../steady-list.ts'
import type { Window } from '../windows/windows.ts'
import type { EntryKeys, Reserved } from './aggregate-entries.ts'
import { Kept, type memberEntry as Member, memberEntry } from './aggregate-entries.ts'
import { timeKey } from './time-keys.ts'

export type WindowStore = KeyValueState<Kept | typeof Member | Reserved>

/** Where rows live. */
export interface WindowHome {
  readonly store: WindowStore
  readonly keys: EntryKeys
  /** A row, or a member of one, has come into memory. */
  took(window: OpenWindow): void
}

export class OpenWindow {
  readonly start: Timestamp
  /** As users see it. */
  readonly window: Window
  readonly prefix: string
  /** Whether memory has all of its rows. */
  readonly isComplete: boolean
  readonly rows = new Map<string, WindowRow>()
  /** Rows and members in memory. */
  size = 0
  /** Rows that have changed since the last flush, in the order of their first change. */
  dirty = steadyList<WindowRow>()

  constructor(start: Timestamp, end: Timestamp, isComplete: boolean) {
    this.start = start
    this.window = Object.freeze({ start, end })
    this.prefix = timeKey(start)
    this.isComplete = isComplete
  }
}

export class WindowRow extends Kept implements MemberSink {
  readonly window: OpenWindow
  readonly key: string
  /** As users know it. */
  readonly userKey: unknown
  readonly #home: WindowHome
  isDirty = false
  /** Its change waits for the flush. */
  isPending = false
  /** Whether the store may have it. */
  isStored = false
  /** Entries of members that are known to be there. */
  #members: Set<string> | undefined
  #unwritten: string[] | undefined

  constructor(home: WindowHome, window: OpenWindow, key: string, userKey: unknown, kept?: Kept) {
    super(kept?.state ?? null, kept?.timestamp ?? 0, kept === undefined ? null : undefined)
    this.#home = home
    this.window = window
    this.key = key
    this.userKey = userKey
    this.isStored = kept !== undefined
  }

  addMember(slot: number, member: string): boolean {
    this.#members ??= new Set()
    const entry = this.window.prefix + this.#home.keys.member(this.key, slot, member)
    if (this.#members.has(entry)) return false
    this.#members.add(entry)
    this.#home.took(this.window)
    if (!this.window.isComplete && this.#home.store.get(entry) !== undefined) return false
    this.#unwritten ??= []
    this.#unwritten.push(entry)
    return true
  }

  write(store: WindowStore): void {
    const entry = this.window.prefix + this.#home.keys.row(this.key)
    if (this.state === null) {
      if (this.isStored) store.delete(entry)
      return
    }
    this.isStored = true
    store.put(entry, this)
    for (const member of this.#unwritten ?? []) store.put(member, memberEntry)
    this.#unwritten = undefined
  }

  /** Of a window that is complete: nothing else of this key is in the store. */
  erase(store: WindowStore): void {
    if (!this.isStored) return
    store.delete(this.window.prefix + this.#home.keys.row(this.key))
    for (const member of this.#members ?? []) store.delete(member)
  }
}
