/**
 * Ordered scans over all layers of a store.
 *
 *     dirty and sealed entries, sorted ─┐
 *                                       ├─▶ merged by key; memory wins, deletions are left out
 *     LevelDB, as of the start ─────────┘
 *
 * Invariant: both sides are taken in the same instant, and memory holds whatever LevelDB does not
 * have for certain; so it does not matter when a write in flight lands. It is an iterator by hand
 * because an asynchronous generator takes several turns of the promise queue for each entry.
 */
import { AbortedError } from '../src/errors.ts'
import type { Entry, EntryOwner } from './entry.ts'
import type { Layers } from './layers.ts'
import type { DatabaseScan, ScannedEntries, TaskDatabase } from './task-database.ts'

/** The first step is short, for the many scans that want a few entries. */
const stepMin = 64
const stepMax = 1024

export interface ScannedStore extends EntryOwner {
  resident(key: string): Entry | undefined
}

export interface RangeRequest {
  readonly store: ScannedStore
  readonly layers: Layers
  readonly database: TaskDatabase
  readonly from: string
  /** Exclusive; undefined: to the end of the store. */
  readonly to: string | undefined
}

type Found = readonly [key: string, value: unknown]

/** A scan begins with its first `next()`. */
export class MergedRange implements AsyncIterableIterator<Found> {
  readonly #request: RangeRequest
  #epoch = 0
  #scan: DatabaseScan | undefined
  #memory: readonly Entry[] = []
  #memoryAt = 0
  #disk: ScannedEntries = []
  #diskAt = 0
  #diskEnded = false
  #step = stepMin
  #ahead: Promise<ScannedEntries> | undefined
  #done = false

  constructor(request: RangeRequest) {
    this.#request = request
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Found, undefined>> {
    if (this.#done) return Promise.resolve({ done: true, value: undefined })
    try {
      if (this.#scan === undefined) this.#begin()
      const found = this.#advance()
      if (found !== undefined) return Promise.resolve({ done: false, value: found })
    } catch (error) {
      return this.#fail(error)
    }
    return this.#refill()
  }

  async return(): Promise<IteratorResult<Found, undefined>> {
    this.#done = true
    await this.#scan?.close()
    return { done: true, value: undefined }
  }

  #begin(): void {
    const { store, layers, database, from, to } = this.#request
    const { prefix } = store
    const end = to === undefined ? String.fromCharCode(prefix.charCodeAt(0) + 1) : prefix + to
    this.#epoch = layers.epoch
    this.#memory = layers.unwritten(store, from, to)
    this.#scan = database.scan(prefix + from, end)
  }

  /** The next entry; undefined if LevelDB has to be asked first, or if there is none. */
  #advance(): Found | undefined {
    const { store, layers } = this.#request
    if (layers.epoch !== this.#epoch) throw interrupted(store)
    for (;;) {
      const onDisk = this.#disk[this.#diskAt]
      if (onDisk === undefined && !this.#diskEnded) return undefined
      const key = onDisk?.[0].slice(1)
      const inMemory = this.#memory[this.#memoryAt]
      if (inMemory !== undefined && (key === undefined || inMemory.key <= key)) {
        this.#memoryAt += 1
        if (inMemory.key === key) this.#diskAt += 1
        const entry = newest(store, inMemory)
        if (entry.value !== undefined) return [entry.key, entry.value]
      } else {
        if (onDisk === undefined || key === undefined) return undefined
        this.#diskAt += 1
        const entry = store.resident(key)
        if (entry === undefined) return [key, store.definition.codec.decode(onDisk[1])]
        if (entry.value !== undefined) return [key, entry.value]
      }
    }
  }

  async #refill(): Promise<IteratorResult<Found, undefined>> {
    const scan = this.#scan
    if (this.#diskEnded || scan === undefined) return this.return()
    try {
      this.#disk = await (this.#ahead ?? scan.next(this.#step))
    } catch (error) {
      return this.#fail(error)
    }
    this.#diskAt = 0
    this.#diskEnded = this.#disk.length === 0
    this.#ahead = undefined
    if (!this.#done && this.#disk.length === this.#step) {
      // Many entries: LevelDB finds the next ones while these are handled.
      this.#step = Math.min(this.#step * 4, stepMax)
      this.#ahead = scan.next(this.#step)
      this.#ahead.catch(ignore)
    }
    return this.next()
  }

  async #fail(error: unknown): Promise<never> {
    await this.return()
    throw error
  }
}

/** An entry that was written and evicted meanwhile still has its value. */
function newest(store: ScannedStore, entry: Entry): Entry {
  return entry.resident ? entry : (store.resident(entry.key) ?? entry)
}

function interrupted(store: ScannedStore): AbortedError {
  const { name } = store.definition
  return new AbortedError(
    'MILLRACE_STATE_ROLLED_BACK',
    `A scan of store ${name} was cut off by a rollback; read it again from the start`
  )
}

/** The promise is looked at later, or never: if the scan is broken off. */
function ignore(): void {}
