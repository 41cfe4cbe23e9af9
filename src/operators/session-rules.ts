/** When sessions are closed, and where they lie in their store. */
import type { KeyValueState } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import type { SessionSpec } from '../windows/record-windows.ts'
import type { Window } from '../windows/windows.ts'
import { type RecordWindowEntry, windowPrefix } from './record-window-entries.ts'
import type { RecordWindowRules } from './record-window-rules.ts'
import type { Placed, RecordWindowPlaces } from './record-window-store.ts'
import { SessionPlaces } from './session-places.ts'
import { readTime, timeKey } from './time-keys.ts'

type Store = KeyValueState<RecordWindowEntry>

export class SessionRules implements RecordWindowRules {
  readonly shownMs: number
  readonly places: SessionPlaces
  readonly #gapMs: number
  readonly #graceMs: number

  constructor({ gapMs, graceMs }: SessionSpec) {
    this.#gapMs = gapMs
    this.#graceMs = graceMs
    this.shownMs = gapMs + graceMs
    this.places = new SessionPlaces(gapMs)
  }

  closesBefore(streamTime: Timestamp): Timestamp {
    return streamTime - this.#graceMs - this.#gapMs
  }

  lastEnd(timestamp: Timestamp): Timestamp {
    return timestamp
  }

  orderOf(closeTime: Timestamp): Timestamp {
    return closeTime
  }

  reachedFrom(streamTime: Timestamp): Timestamp {
    return this.closesBefore(streamTime) - this.#gapMs
  }

  placeOf(entry: string): Placed {
    const window = { start: readTime(entry, 9), end: readTime(entry, 1) }
    return { window, keyText: entry.slice(17) }
  }

  entryOf({ window: { start, end }, keyText }: Placed): string {
    return windowPrefix + timeKey(end) + timeKey(start) + keyText
  }

  windowsOf(
    ...[entries, keyText, { from, closedTo }, readsMax]: Parameters<RecordWindowPlaces['windowsOf']>
  ): readonly Window[] | undefined {
    const to = this.reachedFrom(closedTo)
    if (this.places.reads(from, to) > readsMax) return undefined
    return this.places.between(entries, keyText, from, to)
  }

  unlist(store: Store, { window, keyText }: Placed): void {
    this.places.remove(store, keyText, window)
  }

  isBridged(store: Store, { window, keyText }: Placed, streamTime: Timestamp): boolean {
    return this.isInReach(window, this.places.reachable(store, keyText), streamTime)
  }

  /** A record may still join it, or make one of it and the next one, if that is open. */
  isInReach({ end }: Window, list: readonly Window[], streamTime: Timestamp): boolean {
    if (end >= this.reachedFrom(streamTime)) return true
    const next = list.find(({ start }) => start > end)
    if (next === undefined || next.start > end + 2 * this.#gapMs) return false
    return next.end >= this.closesBefore(streamTime)
  }
}
