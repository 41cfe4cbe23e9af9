/** When sliding windows are closed, and where they lie in their store. */
import type { KeyValueState } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import type { SlidingSpec } from '../windows/record-windows.ts'
import type { Window } from '../windows/windows.ts'
import { type RecordWindowEntry, windowPrefix } from './record-window-entries.ts'
import type { RecordWindowRules } from './record-window-rules.ts'
import type { Placed, RecordWindowPlaces } from './record-window-store.ts'
import { readTime, timeKey } from './time-keys.ts'
import { WindowStarts } from './window-starts.ts'

export class SlidingRules implements RecordWindowRules {
  readonly shownMs: number
  readonly starts: WindowStarts
  readonly #spanMs: number
  readonly #graceMs: number

  constructor({ spanMs, graceMs, emission }: SlidingSpec) {
    this.#spanMs = spanMs
    this.#graceMs = graceMs
    this.starts = new WindowStarts(spanMs)
    this.shownMs = 2 * spanMs + graceMs + (emission === 'final' ? 1 : 0)
  }

  closesBefore(streamTime: Timestamp): Timestamp {
    return streamTime - this.#graceMs
  }

  lastEnd(timestamp: Timestamp): Timestamp {
    return timestamp + this.#spanMs
  }

  orderOf(closeTime: Timestamp): Timestamp {
    return closeTime - this.#spanMs
  }

  reachedFrom(streamTime: Timestamp): Timestamp {
    return this.closesBefore(streamTime) - 3 * this.#spanMs
  }

  placeOf(entry: string): Placed {
    return { window: this.windowFrom(readTime(entry, 1)), keyText: entry.slice(9) }
  }

  entryOf({
    window,
    keyText,
  }: Pick<Placed, 'keyText'> & { window: Pick<Window, 'start'> }): string {
    return windowPrefix + timeKey(window.start) + keyText
  }

  windowsOf(
    ...[entries, keyText, range, readsMax]: Parameters<RecordWindowPlaces['windowsOf']>
  ): readonly Window[] | undefined {
    const { from } = range
    const to = Math.min(range.to, range.newest)
    if (this.starts.reads(from, to) > readsMax) return undefined
    const starts = this.starts.between(entries, keyText, from, to)
    return starts.map((start) => this.windowFrom(start))
  }

  unlist(store: KeyValueState<RecordWindowEntry>, { window, keyText }: Placed): void {
    this.starts.remove(store, keyText, window.start)
  }

  isBridged(): boolean {
    return false
  }

  windowFrom(start: Timestamp): Window {
    return { start, end: start + this.#spanMs }
  }
}
