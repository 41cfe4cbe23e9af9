/**
 * The rows of windows with a key: in memory as long as they are open and fit, in the store from the
 * first commit on that they live to see.
 *
 *     start ─▶ window ─▶ key ─▶ row              in memory; written at the flush if it has changed
 *     start (8), key ─▶ timestamp, state         in the store
 *
 * Invariants: a window that was born here is complete in memory, and needs no read; every other one
 * starts at or before `olderUpTo`, and is read by point while it is open and by range when it goes.
 * What opens and goes between two commits is neither logged nor written.
 */

import type { Timestamp } from '../ids.ts'
import { steadyList } from '../steady-list.ts'
import type { EntryKeys } from './aggregate-entries.ts'
import { Kept } from './aggregate-entries.ts'
import { readTime, timeKey } from './time-keys.ts'
import type { WindowHome, WindowStore } from './window-row.ts'
import { OpenWindow, WindowRow } from './window-row.ts'

export interface WindowRowsOptions {
  readonly store: WindowStore
  readonly keys: EntryKeys
  /** Of the window that begins at this time. */
  readonly endOf: (start: Timestamp) => Timestamp
  /** From the bytes of a key, one char each. */
  readonly userKey: (key: string) => unknown
  /** The store has nothing of windows that start after this. */
  readonly olderUpTo: Timestamp
  /** With their members, in memory; the oldest windows are left to the store beyond it. */
  readonly rowsMax?: number
}

export class WindowRows implements WindowHome {
  readonly store: WindowStore
  readonly keys: EntryKeys
  readonly #options: WindowRowsOptions
  readonly #windows = new Map<Timestamp, OpenWindow>()
  #olderUpTo: Timestamp
  /** Those with rows to write: one that goes takes its rows with it. */
  readonly #dirty = new Set<OpenWindow>()
  #dirtyRows = 0
  #count = 0
  /** The one asked for last: records come by time, more or less. */
  #recent: OpenWindow | undefined

  constructor(options: WindowRowsOptions) {
    this.#options = options
    this.store = options.store
    this.keys = options.keys
    this.#olderUpTo = options.olderUpTo
  }

  /** How many the next flush writes. */
  get dirtyRows(): number {
    return this.#dirtyRows
  }

  window(start: Timestamp): OpenWindow {
    if (this.#recent?.start === start) return this.#recent
    let window = this.#windows.get(start)
    if (window === undefined) {
      window = new OpenWindow(start, this.#options.endOf(start), start > this.#olderUpTo)
      this.#windows.set(start, window)
    }
    this.#recent = window
    return window
  }

  row(window: OpenWindow, key: string, userKey: unknown): WindowRow {
    const known = window.rows.get(key)
    if (known !== undefined) return known
    const stored = window.isComplete
      ? undefined
      : this.store.get(window.prefix + this.keys.row(key))
    return this.#keep(window, key, userKey, stored instanceof Kept ? stored : undefined)
  }

  took(window: OpenWindow): void {
    window.size += 1
    this.#count += 1
  }

  touch(row: WindowRow): void {
    if (row.isDirty) return
    row.isDirty = true
    const { window } = row
    if (window.dirty.length === 0) this.#dirty.add(window)
    window.dirty.push(row)
    this.#dirtyRows += 1
  }

  /** Writes what has changed; then memory may let go of the oldest windows. */
  flush(): void {
    for (const window of this.#dirty) {
      for (const row of window.dirty) {
        row.isDirty = false
        row.write(this.store)
      }
      window.dirty = steadyList()
    }
    this.#dirty.clear()
    this.#dirtyRows = 0
    const { rowsMax = 200_000 } = this.#options
    if (this.#count <= rowsMax) return
    for (const window of this.#sorted(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)) {
      if (this.#count <= rowsMax / 2) return
      this.#forget(window)
      this.#olderUpTo = Math.max(this.#olderUpTo, window.start)
    }
  }

  /** Whether windows that start from here on may be only in the store. */
  mayBeStored(from: Timestamp): boolean {
    return Math.max(0, from) <= this.#olderUpTo
  }

  /** Windows with `from` ≤ start ≤ `to` that are in memory, oldest first. */
  inMemory(from: Timestamp, to: Timestamp): readonly OpenWindow[] {
    return this.#sorted(from, to)
  }

  /** The same with what only the store has, one window at a time. */
  async *all(from: Timestamp, to: Timestamp): AsyncIterable<OpenWindow> {
    const memory = [...this.#sorted(from, to)]
    let window: OpenWindow | undefined
    for await (const [entry, kept] of this.store.range(...bounds(from, to))) {
      const start = readTime(entry)
      if (window === undefined || window.start !== start) {
        if (window !== undefined) yield window
        while ((memory[0]?.start ?? start) < start) yield memory.shift() as OpenWindow
        if (memory[0]?.start === start) window = memory.shift() as OpenWindow
        else window = new OpenWindow(start, this.#options.endOf(start), false)
      }
      const key = kept instanceof Kept ? this.keys.readRow(entry, 8) : undefined
      if (key === undefined || window.rows.has(key)) continue
      const userKey = this.#options.userKey(key)
      const row = new WindowRow(this, window, key, userKey, kept as Kept)
      window.rows.set(key, row)
      if (this.#windows.get(start) === window) this.took(window)
    }
    if (window !== undefined) yield window
    yield* memory
  }

  /** Deletes windows that are complete in memory. */
  remove(windows: readonly OpenWindow[]): void {
    for (const window of windows) {
      for (const row of window.rows.values()) row.erase(this.store)
      this.#end(window)
    }
  }

  /** Deletes windows with `from` ≤ start ≤ `to`, wherever they are. */
  async removeStored(from: Timestamp, to: Timestamp): Promise<void> {
    const entries: string[] = []
    for await (const [entry] of this.store.range(...bounds(from, to))) entries.push(entry)
    for (const entry of entries) this.store.delete(entry)
    for (const window of this.#sorted(from, to)) this.#end(window)
  }

  #keep(window: OpenWindow, key: string, userKey: unknown, kept: Kept | undefined): WindowRow {
    const row = new WindowRow(this, window, key, userKey, kept)
    window.rows.set(key, row)
    this.took(window)
    return row
  }

  #forget(window: OpenWindow): void {
    if (this.#windows.delete(window.start)) this.#count -= window.size
    if (this.#recent === window) this.#recent = undefined
  }

  /** What it has not written it never will: most rows of short windows go like this. */
  #end(window: OpenWindow): void {
    this.#forget(window)
    // Once the map of windows has grown old, each table that it leaves behind keeps what it held
    // from being collected with the young: rows of gone windows were most of what survived.
    window.rows.clear()
    this.#dirty.delete(window)
    this.#dirtyRows -= window.dirty.length
    window.dirty = steadyList()
  }

  #sorted(from: Timestamp, to: Timestamp): readonly OpenWindow[] {
    const found: OpenWindow[] = []
    for (const window of this.#windows.values()) {
      if (window.start >= from && window.start <= to) found.push(window)
    }
    return found.sort((a, b) => a.start - b.start)
  }
}

function bounds(from: Timestamp, to: Timestamp): [from: string, to: string] {
  return [timeKey(Math.max(0, from)), timeKey(Math.max(0, to + 1))]
}
