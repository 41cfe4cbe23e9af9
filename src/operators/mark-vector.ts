/**
 * How far the tasks upstream are: one entry each, by the marks that they announce.
 *
 *     absent ──▶ empty ──any message──▶ held ──mark──▶ time ──greater mark──▶ time
 *       └────────────────mark───────────────────────────▲
 *
 * Invariants: a time never moves back; `empty` never replaces one; while an entry is absent or
 * held, or all are empty, the minimum says nothing.
 */

import type { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'

type Entry = Timestamp | 'empty' | 'held' | undefined

const tags = ['absent', 'held', 'empty', 'time'] as const
const never = Number.NEGATIVE_INFINITY

export class MarkVector {
  readonly #entries: Entry[]

  /** @param known what was stored; there may be more producers now */
  constructor(producers: number, known?: MarkVector) {
    this.#entries = new Array<Entry>(producers).fill(undefined)
    if (known === undefined) return
    for (const task of this.#entries.keys()) this.#entries[task] = known.#entries[task]
  }

  /** What this task has announced; -Infinity before its first time. */
  timeOf(producer: number): Timestamp {
    const entry = this.#of(producer)
    return typeof entry === 'number' ? entry : never
  }

  /** A message that is no mark: it ends `empty`. Answers whether anything has changed. */
  heard(producer: number): boolean {
    if (this.#of(producer) !== 'empty') return false
    this.#entries[producer] = 'held'
    return true
  }

  /** Answers whether anything has changed. */
  take(producer: number, mark: Timestamp | 'empty'): boolean {
    const known = this.#of(producer)
    const isNews = mark === 'empty' ? known === undefined : !(mark <= this.timeOf(producer))
    if (isNews) this.#entries[producer] = mark
    return isNews
  }

  /** The least time; -Infinity while somebody holds back, or all are empty. */
  minimum(): Timestamp {
    let minimum = Number.POSITIVE_INFINITY
    for (const entry of this.#entries) {
      if (entry === undefined || entry === 'held') return never
      if (entry !== 'empty' && entry < minimum) minimum = entry
    }
    return minimum === Number.POSITIVE_INFINITY ? never : minimum
  }

  write(writer: ByteWriter): void {
    writer.count(this.#entries.length)
    for (const entry of this.#entries) {
      const tag = typeof entry === 'number' ? 'time' : (entry ?? 'absent')
      writer.u8(tags.indexOf(tag))
      if (typeof entry === 'number') writer.float64(entry)
    }
  }

  static read(reader: ByteReader): MarkVector {
    const vector = new MarkVector(reader.count())
    for (const task of vector.#entries.keys()) {
      const tag = tags[reader.u8()]
      if (tag === 'time') vector.#entries[task] = reader.float64()
      else vector.#entries[task] = tag === 'absent' ? undefined : tag
    }
    return vector
  }

  #of(producer: number): Entry {
    const { length } = this.#entries
    assert(producer < length, `task ${producer} is one of the ${length} that write here`)
    return this.#entries[producer]
  }
}
