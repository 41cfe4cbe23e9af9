/**
 * The first entries of a range of a store, in memory, in order: what comes next is known without a
 * scan.
 *
 *     store  a b c d e f g h …          every entry
 *     page   a b c d | limit: e         all that lie before the limit; no limit: all there are
 *
 * Invariants: an entry before the limit is in the page if it is in the store and was not taken; at
 * most `entriesMax` are kept, and the next ones are read as many at a time.
 */
import type { KeyValueState } from '../../state/contract.ts'

export class OrderedPage {
  readonly #store: Pick<KeyValueState<unknown>, 'range'>
  readonly #to: string
  readonly #entriesMax: number
  #keys: string[] = []
  /** Entries from here on may be in the store alone; undefined: none. */
  #limit: string | undefined

  constructor(
    store: Pick<KeyValueState<unknown>, 'range'>,
    [from, to]: readonly [from: string, to: string],
    entriesMax = 10_000
  ) {
    this.#store = store
    this.#limit = from
    this.#to = to
    this.#entriesMax = entriesMax
  }

  /** The first entry that is here; it is the first of all unless `mayLack` it. */
  get first(): string | undefined {
    return this.#keys[0]
  }

  /** Whether entries before `bound` may be in the store alone. */
  mayLack(bound: string): boolean {
    return this.#limit !== undefined && this.#limit < bound
  }

  add(key: string): void {
    if (this.#limit !== undefined && key >= this.#limit) return
    const keys = this.#keys
    const at = lowerBound(keys, key)
    if (keys[at] === key) return
    keys.splice(at, 0, key)
    if (keys.length <= this.#entriesMax) return
    this.#limit = keys[this.#entriesMax / 2]
    keys.length = this.#entriesMax / 2
  }

  remove(key: string): void {
    const at = lowerBound(this.#keys, key)
    if (this.#keys[at] === key) this.#keys.splice(at, 1)
  }

  /** Takes out what lies before `bound`, in order; what is not here is not among it. */
  takeBefore(bound: string): readonly string[] {
    return this.#keys.splice(0, lowerBound(this.#keys, bound))
  }

  /** Reads on from the limit. */
  async load(): Promise<void> {
    if (this.#limit === undefined) return
    const found: string[] = []
    let limit: string | undefined
    for await (const [key] of this.#store.range(this.#limit, this.#to)) {
      if (found.length === this.#entriesMax / 2) {
        limit = key
        break
      }
      found.push(key)
    }
    this.#keys = [...this.#keys, ...found]
    this.#limit = limit
  }
}

/** Where the first key that is not below `key` lies. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}
