/**
 * Where the sliding windows of a key begin, found by point reads: one entry for each stretch of
 * time that is as long as a window.
 */
import type { KeyValueState } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import { type RecordWindowEntry, Times, timesPrefix } from './record-window-entries.ts'
import { timeKey } from './time-keys.ts'

export class WindowStarts {
  readonly #stretchMs: number
  readonly #store: () => KeyValueState<RecordWindowEntry>

  constructor(spanMs: number, store: () => KeyValueState<RecordWindowEntry>) {
    this.#stretchMs = Math.max(1, spanMs)
    this.#store = store
  }

  /** Those with `from` ≤ start ≤ `to`, oldest first. */
  between(keyText: string, from: Timestamp, to: Timestamp): readonly Timestamp[] {
    const found: Timestamp[] = []
    for (let time = from; time < to + this.#stretchMs; time += this.#stretchMs) {
      found.push(...this.#list(this.#entryOf(keyText, time)))
    }
    return found.filter((start) => start >= from && start <= to)
  }

  add(keyText: string, start: Timestamp): void {
    const entry = this.#entryOf(keyText, start)
    const list = this.#list(entry)
    if (list.includes(start)) return
    this.#store().put(entry, new Times([...list, start].sort((a, b) => a - b)))
  }

  remove(keyText: string, start: Timestamp): void {
    const entry = this.#entryOf(keyText, start)
    const rest = this.#list(entry).filter((one) => one !== start)
    if (rest.length === 0) this.#store().delete(entry)
    else this.#store().put(entry, new Times(rest))
  }

  #list(entry: string): readonly Timestamp[] {
    const times = this.#store().get(entry)
    return times instanceof Times ? times.list : []
  }

  #entryOf(keyText: string, start: Timestamp): string {
    return timesPrefix + keyText + timeKey(Math.floor(start / this.#stretchMs))
  }
}
