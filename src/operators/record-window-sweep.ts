/** Deletes sessions and sliding windows that are out of reach, bounded per step. */
import type { KeyValueState } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import { windowPrefix, windowRange } from './record-window-entries.ts'
import { timeKey } from './time-keys.ts'

/** Entries that are deleted in one step. */
const sweptMax = 1_000

export interface RecordWindowSweepOptions {
  readonly store: KeyValueState<unknown>
  /** Entries with times below this may go. */
  readonly oldBefore: () => Timestamp
  /** Those from this one on may not, whatever their time. */
  readonly keptFrom: () => string | undefined
  /** Whether an entry has to stay for others that are not old. */
  readonly isHeld: (entry: string) => boolean
  readonly deleted: (entry: string) => void
  /** No sweep before time has gone on by this much. */
  readonly everyMs: number
}

export class RecordWindowSweep {
  readonly #options: RecordWindowSweepOptions
  #sweepAt = Number.NEGATIVE_INFINITY
  /** Where a sweep under way goes on. */
  #from: string = windowRange[0]

  constructor(options: RecordWindowSweepOptions) {
    this.#options = options
  }

  isDue(): boolean {
    const before = this.#options.oldBefore()
    return before > 0 && before > this.#sweepAt
  }

  /** One step; whether more remain. */
  async step(): Promise<boolean> {
    const { store, oldBefore, keptFrom, isHeld, deleted, everyMs } = this.#options
    const before = oldBefore()
    const bound = windowPrefix + timeKey(before)
    const kept = keptFrom()
    const to = kept !== undefined && kept < bound ? kept : bound
    const old: string[] = []
    for await (const [entry] of store.range(this.#from, to || windowRange[0])) {
      old.push(entry)
      if (old.length === sweptMax) break
    }
    for (const entry of old) {
      if (isHeld(entry)) continue
      store.delete(entry)
      deleted(entry)
    }
    const isAll = old.length < sweptMax
    this.#from = isAll ? windowRange[0] : `${old.at(-1)}\x00`
    // Now and then is enough: readers do not see what is left, and no record reaches it.
    if (isAll) this.#sweepAt = before + everyMs
    return !isAll
  }
}
