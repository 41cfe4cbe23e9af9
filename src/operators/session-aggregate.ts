/**
 * Aggregates in sessions, by key: `groupBy(…).windowedBy(session('30m')).count('visits')` and its
 * kin. A record opens a session, or joins and merges all that are no further than the gap from it:
 * each of them goes with a tombstone before the merged one is announced.
 *
 *     01 end (8) start (8) key → end, state
 *     00 key, 02 key stretch              → where they are, see `session-places.ts`
 */
import type { RecordHeaders } from '../record.ts'
import type { SessionSpec } from '../windows/record-windows.ts'
import type { Window } from '../windows/windows.ts'
import { Kept } from './aggregate-entries.ts'
import type { Hand } from './record-window-rules.ts'
import { RecordWindowsOperator } from './record-windows.ts'
import { SessionRules } from './session-rules.ts'
import type { RecordWindowAggregateSpec } from './specs.ts'

const noHeaders: RecordHeaders = Object.freeze([])

export class SessionAggregateOperator extends RecordWindowsOperator {
  readonly #gapMs: number
  readonly #rules: SessionRules

  constructor(spec: RecordWindowAggregateSpec & { readonly windows: SessionSpec }) {
    const rules = new SessionRules(spec.windows)
    super(spec, rules)
    this.#rules = rules
    this.#gapMs = spec.windows.gapMs
  }

  protected take(hand: Hand): boolean {
    const { keyText, key, value, timestamp, closeTime } = hand
    const gapMs = this.#gapMs
    const list = this.#list(keyText)
    const reached = list.filter(
      ({ start, end }) => end >= timestamp - gapMs && start <= timestamp + gapMs
    )
    const merged = {
      start: Math.min(timestamp, ...reached.map(({ start }) => start)),
      end: Math.max(timestamp, ...reached.map(({ end }) => end)),
    }
    if (merged.end < closeTime) {
      this.dropLate(hand)
      return true
    }
    const state = this.#merge(keyText, key, reached, merged)
    const next = this.aggregation.add(state, value, key)
    this.#put(keyText, key, merged, next, reached)
    const others = list.filter((one) => !reached.includes(one))
    const near = others.filter((one) => this.#rules.isInReach(one, list, this.streamTime))
    this.#leave(
      keyText,
      others.filter((one) => !near.includes(one))
    )
    const kept = next === null ? near : [...near, merged]
    const sorted = kept.toSorted((a, b) => a.start - b.start)
    this.#rules.places.putReachable(this.rows.entries, keyText, sorted)
    return true
  }

  #leave(keyText: string, windows: readonly Window[]): void {
    for (const window of windows) {
      if (this.rows.isShown(window.end))
        this.#rules.places.leave(this.rows.entries, keyText, window)
    }
  }

  /** What the reached sessions are together; they go, unless the record changes nothing of one. */
  #merge(keyText: string, key: unknown, reached: readonly Window[], merged: Window): unknown {
    let state = this.aggregation.init()
    const gone = merged.start === merged.end ? [] : reached
    for (const window of reached) {
      const kept = this.rows.kept(this.#rules.entryOf({ window, keyText }))
      if (kept === undefined) continue
      state = this.aggregation.merge(state, kept.state, key)
    }
    for (const window of gone) {
      const entry = this.#rules.entryOf({ window, keyText })
      const kept = this.rows.kept(entry)
      if (kept === undefined) continue
      this.deleteWindow(entry)
      this.#tell(entry, key, window, null, this.aggregation.result(kept.state))
    }
    return state
  }

  #put(
    keyText: string,
    key: unknown,
    window: Window,
    state: unknown,
    reached: readonly Window[]
  ): void {
    const entry = this.#rules.entryOf({ window, keyText })
    const before = reached.length > 0 && this.context.caching ? this.rows.kept(entry) : undefined
    if (state === null) this.deleteWindow(entry)
    else this.putWindow(entry, new Kept(state, window.end), window.end)
    const old = before === undefined ? null : this.aggregation.result(before.state)
    const row = state === null ? null : this.aggregation.result(state)
    this.#tell(entry, key, window, row, old)
  }

  /** Sessions are made of several records: they carry the headers of none. */
  #tell(entry: string, key: unknown, window: Window, row: unknown, old: unknown): void {
    this.context.withHeaders(noHeaders, () =>
      this.announce(entry, { key, window }, row, old, window.end)
    )
  }

  #list(keyText: string): readonly Window[] {
    return this.#rules.places.reachable(this.rows.entries, keyText)
  }
}
