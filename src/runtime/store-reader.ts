/** Reads a store from outside, over all tasks of this process that have a part of it. */
import type { KeyValueState } from '../../state/contract.ts'

/** Sees what is uncommitted too, as the operators do. Parts of other instances are not here. */
export class StoreReader<V> {
  readonly #parts: () => readonly KeyValueState<V>[]

  constructor(parts: () => readonly KeyValueState<V>[]) {
    this.#parts = parts
  }

  /** By binary key, one character a byte; undefined if it is nowhere. */
  get(key: string): V | undefined {
    for (const part of this.#parts()) {
      const value = part.get(key)
      if (value !== undefined) return value
    }
    return undefined
  }

  /** Everything, by task, in the order of the binary keys. */
  async entries(): Promise<readonly (readonly [key: string, value: V])[]> {
    const found: (readonly [string, V])[] = []
    for (const part of this.#parts()) {
      for await (const entry of part.range()) found.push(entry)
    }
    return found
  }
}
