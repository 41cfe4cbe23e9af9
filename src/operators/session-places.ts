/**
 * Where the sessions of a key lie, found by point reads.
 *
 *     00 key         → start, end, start, end …   those that a record may still reach
 *     02 key stretch → start, end, start, end …   those that only readers look for, by their ends
 *
 * Invariants: each session that readers may see is in one of the two; what a record reads and
 * writes does not grow with how long sessions are kept.
 */
import type { KeyValueState, StoreEntries } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import type { Window } from '../windows/windows.ts'
import { type RecordWindowEntry, Times, timesPrefix } from './record-window-entries.ts'
import { timeKey } from './time-keys.ts'

type Entries = Pick<StoreEntries<RecordWindowEntry>, 'get'>
type Store = KeyValueState<RecordWindowEntry>

const pastPrefix = '\x02'
/** Gaps in a stretch, and so the most sessions that end in one. */
const stretchGaps = 32

export class SessionPlaces {
  readonly #stretchMs: number

  constructor(gapMs: number) {
    this.#stretchMs = gapMs * stretchGaps
  }

  /** Those that a record may still reach, in order. */
  reachable(entries: Entries, keyText: string): readonly Window[] {
    return listOf(entries, timesPrefix + keyText)
  }

  putReachable(store: Store, keyText: string, windows: readonly Window[]): void {
    putList(store, timesPrefix + keyText, windows)
  }

  /** All of a key that end in this time, the reachable ones whenever they end. */
  between(entries: Entries, keyText: string, from: Timestamp, to: Timestamp): readonly Window[] {
    const found = [...this.reachable(entries, keyText)]
    for (let stretch = this.#stretch(from); stretch <= this.#stretch(to); stretch++) {
      found.push(...listOf(entries, pastPrefix + keyText + timeKey(stretch)))
    }
    return found
  }

  /** How many entries `between` reads. */
  reads(from: Timestamp, to: Timestamp): number {
    return 2 + this.#stretch(to) - this.#stretch(from)
  }

  /** No record will reach it any more. */
  leave(store: Store, keyText: string, window: Window): void {
    const entry = this.#pastEntry(keyText, window)
    putList(store, entry, [...listOf(store, entry), window])
  }

  /** It is nowhere any more. */
  remove(store: Store, keyText: string, { start, end }: Window): void {
    const past = this.#pastEntry(keyText, { start, end })
    for (const entry of [timesPrefix + keyText, past]) {
      const list = listOf(store, entry)
      const rest = list.filter((one) => one.start !== start || one.end !== end)
      if (rest.length < list.length) putList(store, entry, rest)
    }
  }

  #stretch(time: Timestamp): number {
    return Math.floor(time / this.#stretchMs)
  }

  #pastEntry(keyText: string, { end }: Window): string {
    return pastPrefix + keyText + timeKey(this.#stretch(end))
  }
}

function listOf(entries: Entries, entry: string): readonly Window[] {
  const times = entries.get(entry)
  if (!(times instanceof Times)) return []
  const windows: Window[] = []
  for (let at = 0; at < times.list.length; at += 2) {
    windows.push({ start: times.list[at] as number, end: times.list[at + 1] as number })
  }
  return windows
}

function putList(store: Store, entry: string, windows: readonly Window[]): void {
  const times = windows.flatMap(({ start, end }) => [start, end])
  if (times.length === 0) store.delete(entry)
  else store.put(entry, new Times(times))
}
