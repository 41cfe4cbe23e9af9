/**
 * Where the sliding windows of a key begin, found by point reads: one entry for each stretch of
 * time that is as long as a window.
 */
import type { KeyValueState, StoreEntries } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import { type RecordWindowEntry, Times, timesPrefix } from './record-window-entries.ts'
import { timeKey } from './time-keys.ts'

type Entries = Pick<StoreEntries<RecordWindowEntry>, 'get'>

export class WindowStarts {
  readonly #stretchMs: number

  constructor(spanMs: number) {
    this.#stretchMs = Math.max(1, spanMs)
  }

  /** Those with `from` ≤ start ≤ `to`, oldest first. */
  between(entries: Entries, keyText: string, from: Timestamp, to: Timestamp): readonly Timestamp[] {
    const found: Timestamp[] = []
    for (let time = from; time < to + this.#stretchMs; time += this.#stretchMs) {
      found.push(...listOf(entries, this.#entryOf(keyText, time)))
    }
    return found.filter((start) => start >= from && start <= to)
  }

  /** How many entries `between` reads. */
  reads(from: Timestamp, to: Timestamp): number {
    return Math.ceil((to - from) / this.#stretchMs) + 1
  }

  add(store: KeyValueState<RecordWindowEntry>, keyText: string, start: Timestamp): void {
    const entry = this.#entryOf(keyText, start)
    const list = listOf(store, entry)
    if (list.includes(start)) return
    store.put(entry, new Times([...list, start].sort((a, b) => a - b)))
  }

  remove(store: KeyValueState<RecordWindowEntry>, keyText: string, start: Timestamp): void {
    const entry = this.#entryOf(keyText, start)
    const rest = listOf(store, entry).filter((one) => one !== start)
    if (rest.length === 0) store.delete(entry)
    else store.put(entry, new Times(rest))
  }

  #entryOf(keyText: string, start: Timestamp): string {
    return timesPrefix + keyText + timeKey(Math.floor(start / this.#stretchMs))
  }
}

function listOf(entries: Entries, entry: string): readonly Timestamp[] {
  const times = entries.get(entry)
  return times instanceof Times ? times.list : []
}
