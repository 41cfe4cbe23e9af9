/**
 * Rows of a left or outer stream–stream join that nothing has joined yet, until their time is up.
 *
 *     side (1), timestamp (8), key → the values of that key and moment, in the order they came in
 *     ff                           → how far the join's event time has come
 *
 * What is due next is found without a scan: of each side the earliest keys are in memory.
 *
 * Invariant: memory has every key of a side up to its bound, and of those beyond none.
 */
import type { KeyValueState, StoreDefinition } from '../../state/contract.ts'
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import { readTime, timeKey } from './time-keys.ts'

/** In the order in which rows of one moment come out. */
export const sides = ['right', 'left'] as const
export type Side = (typeof sides)[number]

/** A row whose time is up: the values share its key and timestamp. */
export interface UnmatchedRow {
  readonly side: Side
  readonly timestamp: Timestamp
  readonly key: string
  readonly values: readonly Uint8Array[]
}

export interface UnmatchedLimits {
  /** Keys of one side in memory after a look into the store; at most twice as many. */
  readonly keysMax?: number
}

class Row {
  readonly values: Uint8Array[]

  constructor(values: Uint8Array[]) {
    this.values = values
  }
}

/** How far the join has come. */
class JoinTime {
  observed: Timestamp
  /** What was observed when unmatched rows were last looked for. */
  lookedTo: Timestamp
  /** By the wall clock: when they are looked for again. */
  nextLookAt: Timestamp

  constructor(observed: Timestamp, lookedTo: Timestamp, nextLookAt: Timestamp) {
    this.observed = observed
    this.lookedTo = lookedTo
    this.nextLookAt = nextLookAt
  }
}

type Stored = Row | JoinTime

const never = Number.NEGATIVE_INFINITY
const reservedKey = '\xff'
const prefixes: Readonly<Record<Side, string>> = { right: '\x00', left: '\x01' }

export class UnmatchedRows {
  readonly #store: KeyValueState<Stored>
  readonly #heads: Readonly<Record<Side, Head>>
  readonly #time: JoinTime

  constructor(context: TaskContext, name: string, limits: UnmatchedLimits = {}) {
    this.#store = context.store(definitionOf(name))
    const { keysMax = 10_000 } = limits
    this.#heads = {
      right: new Head(this.#store, prefixes.right, keysMax),
      left: new Head(this.#store, prefixes.left, keysMax),
    }
    const known = this.#store.get(reservedKey)
    this.#time = known instanceof JoinTime ? known : new JoinTime(never, never, never)
  }

  /** Greatest timestamp that the join has seen. */
  get observed(): Timestamp {
    return this.#time.observed
  }

  observe(timestamp: Timestamp): void {
    if (timestamp <= this.#time.observed) return
    this.#time.observed = timestamp
    this.#store.put(reservedKey, this.#time)
  }

  /** What was observed at the last look: the rows that were due then may come out. */
  get lookedTo(): Timestamp {
    return this.#time.lookedTo
  }

  /** Whether it is time to look for rows again; if so, the next time is `intervalMs` from now. */
  takeLook(now: Timestamp, intervalMs: number): boolean {
    if (intervalMs > 0 && now < this.#time.nextLookAt) return false
    this.#time.nextLookAt = now + intervalMs
    this.#time.lookedTo = this.#time.observed
    this.#store.put(reservedKey, this.#time)
    return true
  }

  get isEmpty(): boolean {
    return sides.every((side) => this.#heads[side].isEmpty)
  }

  /** Whether memory knows too little of what comes next. */
  get isShort(): boolean {
    return sides.some((side) => this.#heads[side].isShort)
  }

  /** Reads what comes next from the store. */
  async load(): Promise<void> {
    for (const side of sides) await this.#heads[side].load()
  }

  add(side: Side, key: string, timestamp: Timestamp, value: Uint8Array): void {
    const head = this.#heads[side]
    const place = timeKey(timestamp) + key
    const row = head.has(place) ? this.#row(side, place) : undefined
    if (row === undefined) head.insert(place)
    this.#store.put(prefixes[side] + place, new Row([...(row?.values ?? []), value]))
  }

  /** All of this key and moment: somebody has joined them. */
  remove(side: Side, key: string, timestamp: Timestamp): void {
    const place = timeKey(timestamp) + key
    const head = this.#heads[side]
    if (!head.has(place)) return
    head.remove(place)
    this.#store.delete(prefixes[side] + place)
  }

  /** Whether the next row of either side is from before the given times. */
  hasBefore(until: Readonly<Record<Side, Timestamp>>): boolean {
    return sides.some((side) => (this.#heads[side].first ?? Infinity) < until[side])
  }

  /**
   * The earliest row that is from before the time given for its side. Undefined: there is none, or
   * memory does not know (`isShort`).
   */
  takeBefore(until: Readonly<Record<Side, Timestamp>>): UnmatchedRow | undefined {
    let best: Side | undefined
    for (const side of sides) {
      const head = this.#heads[side]
      if (head.isBlind) return undefined
      const first = head.first
      if (first === undefined || first >= until[side]) continue
      if (best === undefined || first < (this.#heads[best].first ?? Infinity)) best = side
    }
    if (best === undefined) return undefined
    const place = this.#heads[best].shift()
    const values = this.#row(best, place)?.values ?? []
    this.#store.delete(prefixes[best] + place)
    return { side: best, timestamp: readTime(place), key: place.slice(8), values }
  }

  #row(side: Side, place: string): Row | undefined {
    const stored = this.#store.get(prefixes[side] + place)
    return stored instanceof Row ? stored : undefined
  }
}

/** The earliest keys of one side: time, then key. */
class Head {
  readonly #store: KeyValueState<Stored>
  readonly #prefix: string
  readonly #keysMax: number
  #places: string[] = []
  #at = 0
  /** Memory has all up to it; undefined: all there are. */
  #bound: string | undefined = ''

  constructor(store: KeyValueState<Stored>, prefix: string, keysMax: number) {
    this.#store = store
    this.#prefix = prefix
    this.#keysMax = keysMax
  }

  get isEmpty(): boolean {
    return this.#size === 0 && this.#bound === undefined
  }

  get isBlind(): boolean {
    return this.#size === 0 && this.#bound !== undefined
  }

  get isShort(): boolean {
    return this.#bound !== undefined && this.#size < this.#keysMax / 2
  }

  /** Timestamp of the earliest. */
  get first(): Timestamp | undefined {
    const place = this.#places[this.#at]
    return place === undefined ? undefined : readTime(place)
  }

  get #size(): number {
    return this.#places.length - this.#at
  }

  async load(): Promise<void> {
    if (!this.isShort) return
    const from = this.#prefix + (this.#bound === '' ? '' : `${this.#bound}\x00`)
    const to = String.fromCharCode(this.#prefix.charCodeAt(0) + 1)
    const wanted = this.#keysMax - this.#size
    const found: string[] = []
    let isMore = false
    for await (const [key] of this.#store.range(from, to)) {
      isMore = found.length === wanted
      if (isMore) break
      found.push(key.slice(1))
    }
    this.#places = [...this.#places.slice(this.#at), ...found]
    this.#at = 0
    this.#bound = isMore ? this.#places.at(-1) : undefined
  }

  has(place: string): boolean {
    if (!this.#knows(place)) return this.#store.get(this.#prefix + place) !== undefined
    return this.#places[this.#search(place)] === place
  }

  insert(place: string): void {
    if (!this.#knows(place)) return
    const last = this.#places.at(-1)
    if (last === undefined || last < place) this.#places.push(place)
    else this.#places.splice(this.#search(place), 0, place)
    if (this.#size <= this.#keysMax * 2) return
    this.#places = this.#places.slice(this.#at, this.#at + this.#keysMax)
    this.#at = 0
    this.#bound = this.#places.at(-1)
  }

  remove(place: string): void {
    if (this.#knows(place)) this.#places.splice(this.#search(place), 1)
  }

  shift(): string {
    const place = this.#places[this.#at++] as string
    if (this.#at > this.#keysMax) {
      this.#places = this.#places.slice(this.#at)
      this.#at = 0
    }
    return place
  }

  #knows(place: string): boolean {
    return this.#bound === undefined || place <= this.#bound
  }

  /** Where it is, or would be. */
  #search(place: string): number {
    let from = this.#at
    let to = this.#places.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((this.#places[middle] as string) < place) from = middle + 1
      else to = middle
    }
    return from
  }
}

function definitionOf(name: string): StoreDefinition<Stored> {
  const writer = new ByteWriter()
  return {
    name,
    logged: true,
    codec: {
      encode(stored) {
        if (stored instanceof JoinTime) {
          const { observed, lookedTo, nextLookAt } = stored
          return writer.u8(1).float64(observed).float64(lookedTo).float64(nextLookAt).take()
        }
        writer.u8(0)
        for (const value of stored.values) writer.bytes(value)
        return writer.take()
      },
      decode(bytes) {
        const reader = new ByteReader(bytes)
        if (reader.u8() === 1) {
          const [observed, lookedTo] = [reader.float64(), reader.float64()]
          return new JoinTime(observed, lookedTo, reader.float64())
        }
        const values: Uint8Array[] = []
        while (!reader.isDone) values.push(new Uint8Array(reader.bytes()))
        return new Row(values)
      },
    },
  }
}
