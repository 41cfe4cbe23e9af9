/**
 * Aggregates in sessions, by key: `groupBy(…).windowedBy(session('30m')).count('visits')` and its
 * kin. A record opens a session, or joins and merges all that are no further than the gap from it:
 * each of them goes with a tombstone before the merged one is announced.
 *
 *     01 end (8) start (8) key → end, state
 *     00 key → start, end, start, end …        of sessions that a record may still reach
 */
import type { Timestamp } from '../ids.ts'
import type { RecordHeaders } from '../record.ts'
import type { SessionSpec } from '../windows/record-windows.ts'
import type { Window } from '../windows/windows.ts'
import { Kept } from './aggregate-entries.ts'
import { Times, timesPrefix, windowPrefix } from './record-window-entries.ts'
import type { Placed } from './record-window-store.ts'
import { RecordWindowsOperator } from './record-windows.ts'
import type { RecordWindowAggregateSpec } from './specs.ts'
import { readTime, timeKey } from './time-keys.ts'

const noHeaders: RecordHeaders = Object.freeze([])

export class SessionAggregateOperator extends RecordWindowsOperator {
  protected readonly shownMs: number
  readonly #windows: SessionSpec

  constructor(spec: RecordWindowAggregateSpec & { readonly windows: SessionSpec }) {
    super(spec)
    this.#windows = spec.windows
    this.shownMs = spec.windows.gapMs + spec.windows.graceMs
  }

  protected closesBefore(streamTime: Timestamp): Timestamp {
    return streamTime - this.#windows.graceMs - this.#windows.gapMs
  }

  protected orderOf(closeTime: Timestamp): Timestamp {
    return closeTime
  }

  protected reachedFrom(streamTime: Timestamp): Timestamp {
    return this.closesBefore(streamTime) - this.#windows.gapMs
  }

  protected placeOf(entry: string): Placed {
    const window = { start: readTime(entry, 9), end: readTime(entry, 1) }
    return { window, keyText: entry.slice(17) }
  }

  protected unlist({ window, keyText }: Placed): void {
    const rest = this.#list(keyText).filter(({ start }) => start !== window.start)
    this.#putList(keyText, rest)
  }

  protected override isBridged({ window, keyText }: Placed): boolean {
    return this.#isInReach(window, this.#list(keyText))
  }

  protected take(
    keyText: string,
    key: unknown,
    value: unknown,
    timestamp: Timestamp,
    closeTime: Timestamp
  ): boolean {
    const { gapMs } = this.#windows
    const list = this.#list(keyText)
    const reached = list.filter(
      ({ start, end }) => end >= timestamp - gapMs && start <= timestamp + gapMs
    )
    const merged = {
      start: Math.min(timestamp, ...reached.map(({ start }) => start)),
      end: Math.max(timestamp, ...reached.map(({ end }) => end)),
    }
    if (merged.end < closeTime) {
      this.dropLate(1, key, value, timestamp)
      return true
    }
    const state = this.#merge(keyText, key, reached, merged)
    const next = this.aggregation.add(state, value, key)
    this.#put(keyText, key, merged, next, reached)
    const others = list.filter((one) => !reached.includes(one) && this.#isInReach(one, list))
    const kept = next === null ? others : [...others, merged]
    const sorted = kept.sort((a, b) => a.start - b.start)
    this.#putList(keyText, sorted)
    return true
  }

  /** What the reached sessions are together; they go, unless the record changes nothing of one. */
  #merge(keyText: string, key: unknown, reached: readonly Window[], merged: Window): unknown {
    let state = this.aggregation.init()
    const gone = merged.start === merged.end ? [] : reached
    for (const window of reached) {
      const kept = this.rows.kept(entryOf(window, keyText))
      if (kept === undefined) continue
      state = this.aggregation.merge(state, kept.state, key)
    }
    for (const window of gone) {
      const entry = entryOf(window, keyText)
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
    const entry = entryOf(window, keyText)
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

  /** A record may still join it, or make one of it and the next one, if that is open. */
  #isInReach({ end }: Window, list: readonly Window[]): boolean {
    if (end >= this.reachedFrom(this.streamTime)) return true
    const next = list.find(({ start }) => start > end)
    const closeTime = this.closesBefore(this.streamTime)
    const reach = end + 2 * this.#windows.gapMs
    return next !== undefined && next.end >= closeTime && next.start <= reach
  }

  #list(keyText: string): readonly Window[] {
    const times = this.rows.entries.get(timesPrefix + keyText)
    if (!(times instanceof Times)) return []
    const windows: Window[] = []
    for (let at = 0; at < times.list.length; at += 2) {
      windows.push({ start: times.list[at] as number, end: times.list[at + 1] as number })
    }
    return windows
  }

  #putList(keyText: string, windows: readonly Window[]): void {
    const entry = timesPrefix + keyText
    const times = windows.flatMap(({ start, end }) => [start, end])
    if (times.length === 0) this.rows.entries.delete(entry)
    else this.rows.entries.put(entry, new Times(times))
  }
}

function entryOf({ start, end }: Window, keyText: string): string {
  return windowPrefix + timeKey(end) + timeKey(start) + keyText
}
