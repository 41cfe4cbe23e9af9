/** The content of a store, over all tasks that have a part of it. */
import type { KeyValueState } from '../../state/contract.ts'

export class TestStore<V> {
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
