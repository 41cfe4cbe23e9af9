/**
 * The state of one task in memory: an open layer of live values over bytes. What is sealed are
 * bytes, so that a value which changes later cannot leak into a commit before.
 */
import type { KeyValueState, StoreDefinition } from '../../state/contract.ts'

export interface StateChange {
  readonly store: string
  readonly key: string
  readonly value: Uint8Array | null
}

export class FakeState {
  /** Bytes by store and key: what the last commit left. */
  readonly entries: Map<string, Uint8Array>
  readonly #stores: FakeStore<unknown>[] = []

  constructor(entries: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.entries = new Map(entries)
  }

  store<V>(definition: StoreDefinition<V>): KeyValueState<V> {
    const store = new FakeStore(definition, this.entries)
    this.#stores.push(store as unknown as FakeStore<unknown>)
    return store
  }

  seal(): StateChange[] {
    return this.#stores.flatMap((store) => store.seal())
  }
}

class FakeStore<V> implements KeyValueState<V> {
  readonly name: string
  readonly #definition: StoreDefinition<V>
  readonly #entries: Map<string, Uint8Array>
  readonly #open = new Map<string, V | undefined>()

  constructor(definition: StoreDefinition<V>, entries: Map<string, Uint8Array>) {
    this.name = definition.name
    this.#definition = definition
    this.#entries = entries
  }

  get(key: string): V | undefined {
    if (this.#open.has(key)) return this.#open.get(key)
    const bytes = this.#entries.get(this.#full(key))
    return bytes && this.#definition.codec.decode(bytes)
  }

  getFresh(key: string): V | undefined {
    return this.#open.get(key)
  }

  put(key: string, value: V): void {
    this.#open.set(key, value)
  }

  delete(key: string): void {
    this.#open.set(key, undefined)
  }

  async *range(from = '', to = '\uffff'): AsyncIterable<readonly [string, V]> {
    const prefix = this.#full('')
    const sealed = [...this.#entries.keys()].filter((key) => key.startsWith(prefix))
    const keys = new Set([...sealed.map((key) => key.slice(prefix.length)), ...this.#open.keys()])
    for (const key of [...keys].filter((key) => key >= from && key < to).sort()) {
      const value = this.get(key)
      if (value !== undefined) yield [key, value]
    }
  }

  seal(): StateChange[] {
    const changes = [...this.#open].map(([key, value]): StateChange => {
      const bytes = value === undefined ? null : this.#definition.codec.encode(value).slice()
      if (bytes === null) this.#entries.delete(this.#full(key))
      else this.#entries.set(this.#full(key), bytes)
      return { store: this.name, key: this.#full(key), value: bytes }
    })
    this.#open.clear()
    return changes
  }

  #full(key: string): string {
    return `${this.name}/${key}`
  }
}
