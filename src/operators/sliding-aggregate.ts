/**
 * Aggregates in sliding windows, by key: `groupBy(…).windowedBy(sliding('10m')).count('burst')` and
 * its kin. Every record has a window that ends with it, and one that begins right after it and is
 * there as soon as it holds a record. Records dated before the span share the window from 0 on.
 *
 *     01 start (8) key        → timestamp of its last record (8), state
 *     00 key start ÷ span (8) → starts of the key's windows, by stretches as long as the span
 */
import type { Timestamp } from '../ids.ts'
import type { SlidingSpec } from '../windows/record-windows.ts'
import { Kept } from './aggregate-entries.ts'
import type { Hand } from './record-window-rules.ts'
import { RecordWindowsOperator } from './record-windows.ts'
import { SlidingRules } from './sliding-rules.ts'
import type { RecordWindowAggregateSpec } from './specs.ts'

export class SlidingAggregateOperator extends RecordWindowsOperator {
  readonly #spanMs: number
  readonly #rules: SlidingRules

  constructor(spec: RecordWindowAggregateSpec & { readonly windows: SlidingSpec }) {
    const rules = new SlidingRules(spec.windows)
    super(spec, rules)
    this.#rules = rules
    this.#spanMs = spec.windows.spanMs
  }

  protected take(hand: Hand): boolean {
    const { timestamp, closeTime } = hand
    if (this.#rules.lastEnd(timestamp) < closeTime) {
      this.dropLate(hand)
      return false
    }
    if (timestamp >= this.#spanMs) this.#takeOne(hand)
    else this.#takeEarly(hand)
    return timestamp >= this.#spanMs
  }

  /** Newest window first; Kafka Streams goes that way too. */
  #takeOne(hand: Hand): void {
    const { keyText, timestamp } = hand
    const from = Math.max(0, timestamp - 2 * this.#spanMs)
    const starts = this.#rules.starts.between(this.rows.entries, keyText, from, timestamp + 1)
    const hasRight = starts.at(-1) === timestamp + 1
    let right: Kept | undefined
    let left: Kept | undefined
    let hasLeft = false
    let previous: Timestamp | undefined
    for (const start of starts.toReversed()) {
      if (start > timestamp) continue
      const end = start + this.#spanMs
      const kept = this.rows.kept(this.#entryOf(start, keyText))
      if (kept === undefined) continue
      const newest = kept.timestamp
      if (end < timestamp) {
        left = kept
        // What is past its retention counts no late window after it.
        const isOpen = newest + 1 + this.#spanMs >= hand.closeTime
        if (isOpen || this.rows.isShown(start)) previous = newest
        break
      }
      // What is in the newest window beside this record comes after it, if anything does.
      if (end > timestamp && !hasRight) right ??= this.#later(kept, timestamp)
      this.#update(hand, start, kept)
      if (end > timestamp) continue
      hasLeft = true
      if (newest === timestamp) return
      previous = newest
    }
    const reaches = (since: Timestamp): boolean => since + 1 + this.#spanMs >= timestamp
    if (previous !== undefined && reaches(previous)) this.#openAfter(hand, previous, starts)
    if (!hasLeft) {
      const holdsLeft = previous !== undefined && timestamp - this.#spanMs <= previous
      const state = holdsLeft ? this.aggregation.copy(left?.state) : undefined
      this.#update(hand, timestamp - this.#spanMs, undefined, state)
    }
    if (!hasRight && right !== undefined) this.#openRight(hand, right)
  }

  /** Of records before the span no window can end with them: it would begin before 0. */
  #takeEarly(hand: Hand): void {
    const { keyText, timestamp } = hand
    const starts = this.#rules.starts.between(this.rows.entries, keyText, 0, timestamp + 1)
    const hasRight = starts.at(-1) === timestamp + 1
    const shared = starts[0] === 0 ? this.rows.kept(this.#entryOf(0, keyText)) : undefined
    const previous =
      shared !== undefined && shared.timestamp < timestamp ? shared.timestamp : undefined
    let right: Kept | undefined
    let isInside = false
    for (const start of starts) {
      if (start === 0 || start > timestamp) continue
      const kept = this.rows.kept(this.#entryOf(start, keyText))
      if (kept === undefined) continue
      isInside = true
      right = hasRight ? undefined : this.#later(kept, timestamp)
      this.#update(hand, start, kept)
    }
    if (!isInside && !hasRight && shared !== undefined) right = this.#later(shared, timestamp)
    if (!hasRight && right !== undefined) this.#openRight(hand, right)
    if (previous !== undefined) this.#openAfter(hand, previous, starts)
    this.#update(hand, 0, shared)
  }

  /** What a window is that holds records after this one: a copy, for it changes. */
  #later(kept: Kept, timestamp: Timestamp): Kept | undefined {
    if (kept.timestamp <= timestamp) return undefined
    return new Kept(this.aggregation.copy(kept.state), kept.timestamp)
  }

  /** The window right after the record before: this one is the first in it. */
  #openAfter(hand: Hand, previous: Timestamp, starts: readonly Timestamp[]): void {
    if (!starts.includes(previous + 1)) this.#update(hand, previous + 1, undefined)
  }

  /** The window right after this record: of records that were there before it. */
  #openRight({ keyText, key, timestamp }: Hand, right: Kept): void {
    const start = timestamp + 1
    this.#put(start, keyText, right)
    const told = { key, window: this.#rules.windowFrom(start) }
    const row = this.aggregation.result(right.state)
    this.announce(this.#entryOf(start, keyText), told, row, null, right.timestamp)
  }

  #update(hand: Hand, start: Timestamp, kept: Kept | undefined, from?: unknown): void {
    const { keyText, key, value, timestamp, closeTime } = hand
    if (start + this.#spanMs < closeTime) {
      // Past its retention a window is none, but the one that ends with the record would be made.
      const isSeen = kept === undefined || this.rows.isShown(start)
      if (isSeen || start + this.#spanMs === timestamp) this.context.drop('late')
      return
    }
    // As in Kafka Streams, what a window begins with counts as its row before.
    const old = kept?.state ?? from ?? null
    const before = old === null ? null : this.aggregation.result(old)
    const state = this.aggregation.add(old ?? this.aggregation.init(), value, key)
    const newest = Math.max(timestamp, kept?.timestamp ?? 0)
    const entry = this.#entryOf(start, keyText)
    if (state === null) {
      this.deleteWindow(entry)
      this.#rules.starts.remove(this.rows.entries, keyText, start)
    } else this.#put(start, keyText, new Kept(state, newest))
    const row = state === null ? null : this.aggregation.result(state)
    this.announce(entry, { key, window: this.#rules.windowFrom(start) }, row, before, newest)
  }

  #put(start: Timestamp, keyText: string, kept: Kept): void {
    this.putWindow(this.#entryOf(start, keyText), kept, start)
    this.#rules.starts.add(this.rows.entries, keyText, start)
  }

  #entryOf(start: Timestamp, keyText: string): string {
    return this.#rules.entryOf({ window: { start }, keyText })
  }
}
