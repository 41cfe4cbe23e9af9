/** Deletes a partial result from its store, some entries at a time, its record last. */
import type { KeyValueState } from '../../state/contract.ts'
import type { Partial, Stored } from './partial.ts'
import { blockPrefix, idKey } from './partial-id.ts'

export class Removal {
  readonly #id: string
  readonly #keys: Iterator<string>
  isDone = false

  constructor(partial: Partial) {
    this.#id = idKey(partial)
    this.#keys = blockKeys(this.#id, partial.blocks)
  }

  /** Answers how many entries it has deleted. */
  step(store: KeyValueState<Stored>, max: number): number {
    for (let deleted = 0; deleted < max; deleted++) {
      const { value, done } = this.#keys.next()
      if (done !== true) {
        store.delete(value)
        continue
      }
      store.delete(this.#id)
      this.isDone = true
      return deleted + 1
    }
    return max
  }
}

function* blockKeys(id: string, blocks: Partial['blocks']): Generator<string, undefined> {
  for (const [slot, one] of blocks.entries()) {
    if (one !== undefined) yield* one.keys(blockPrefix(id, slot))
  }
  return undefined
}
