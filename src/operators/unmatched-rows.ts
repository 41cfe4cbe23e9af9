/**
 * Rows of a left or outer stream–stream join that nothing has joined yet, until their time is up.
 *
 *     side (1), timestamp (8), key → the values of that key and moment, in the order they came in
 *     ff                           → how far the join's event time has come
 *
 * What is due next is found without a scan: of each side the earliest keys are in memory.
 *
 * Invariant: a row is there from its record on until it is joined, or taken.
 */
import type { KeyValueState } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import { readTime, timeKey } from './time-keys.ts'
import type { UnmatchedEntry } from './unmatched-entries.ts'
import { JoinTime, Row, unmatchedDefinition } from './unmatched-entries.ts'
import { UnmatchedHead } from './unmatched-head.ts'

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

const never = Number.NEGATIVE_INFINITY
const reservedKey = '\xff'
const prefixes: Readonly<Record<Side, string>> = { right: '\x00', left: '\x01' }

export class UnmatchedRows {
  readonly #store: KeyValueState<UnmatchedEntry>
  readonly #heads: Readonly<Record<Side, UnmatchedHead>>
  readonly #time: JoinTime

  constructor(context: TaskContext, name: string, limits: UnmatchedLimits = {}) {
    this.#store = context.store(unmatchedDefinition(name))
    const { keysMax = 10_000 } = limits
    this.#heads = {
      right: new UnmatchedHead(this.#store, prefixes.right, keysMax),
      left: new UnmatchedHead(this.#store, prefixes.left, keysMax),
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
