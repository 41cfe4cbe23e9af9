/**
 * The earliest keys of one side of a join's unmatched rows: time, then key.
 *
 *     store  side, a b c d e f g …      every key
 *     head   a b c | bound: c           all up to the bound; no bound: all there are
 *
 * Invariant: memory has every key up to the bound, and of those beyond none.
 */
import type { KeyValueState } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import { readTime } from './time-keys.ts'

export class UnmatchedHead {
  readonly #store: Pick<KeyValueState<unknown>, 'get' | 'range'>
  readonly #prefix: string
  readonly #keysMax: number
  #places: string[] = []
  #at = 0
  /** Memory has all up to it; undefined: all there are. */
  #bound: string | undefined = ''

  constructor(
    store: Pick<KeyValueState<unknown>, 'get' | 'range'>,
    prefix: string,
    keysMax: number
  ) {
    this.#store = store
    this.#prefix = prefix
    this.#keysMax = keysMax
  }

  get isEmpty(): boolean {
    return this.#size === 0 && this.#bound === undefined
  }

  get isBlind(): boolean {
    return this.#size === 0 && this.#bound !== undefined
  }

  get isShort(): boolean {
    return this.#bound !== undefined && this.#size < this.#keysMax / 2
  }

  /** Timestamp of the earliest. */
  get first(): Timestamp | undefined {
    const place = this.#places[this.#at]
    return place === undefined ? undefined : readTime(place)
  }

  get #size(): number {
    return this.#places.length - this.#at
  }

  async load(): Promise<void> {
    if (!this.isShort) return
    const from = this.#prefix + (this.#bound === '' ? '' : `${this.#bound}\x00`)
    const to = String.fromCharCode(this.#prefix.charCodeAt(0) + 1)
    const wanted = this.#keysMax - this.#size
    const found: string[] = []
    let isMore = false
    for await (const [key] of this.#store.range(from, to)) {
      isMore = found.length === wanted
      if (isMore) break
      found.push(key.slice(1))
    }
    this.#places = [...this.#places.slice(this.#at), ...found]
    this.#at = 0
    this.#bound = isMore ? this.#places.at(-1) : undefined
  }

  has(place: string): boolean {
    if (!this.#knows(place)) return this.#store.get(this.#prefix + place) !== undefined
    return this.#places[this.#search(place)] === place
  }

  insert(place: string): void {
    if (!this.#knows(place)) return
    const last = this.#places.at(-1)
    if (last === undefined || last < place) this.#places.push(place)
    else this.#places.splice(this.#search(place), 0, place)
    if (this.#size <= this.#keysMax * 2) return
    this.#places = this.#places.slice(this.#at, this.#at + this.#keysMax)
    this.#at = 0
    this.#bound = this.#places.at(-1)
  }

  remove(place: string): void {
    if (this.#knows(place)) this.#places.splice(this.#search(place), 1)
  }

  shift(): string {
    const place = this.#places[this.#at++] as string
    if (this.#at > this.#keysMax) {
      this.#places = this.#places.slice(this.#at)
      this.#at = 0
    }
    return place
  }

  #knows(place: string): boolean {
    return this.#bound === undefined || place <= this.#bound
  }

  /** Where it is, or would be. */
  #search(place: string): number {
    let from = this.#at
    let to = this.#places.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((this.#places[middle] as string) < place) from = middle + 1
      else to = middle
    }
    return from
  }
}
