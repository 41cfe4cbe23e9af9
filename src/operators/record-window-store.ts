/**
 * The store of an aggregate in sessions or sliding windows: its windows, how far they have come,
 * and what its readers see of it.
 */
import type { KeyValueState } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import type { StoreRow } from '../processor/store-rows.ts'
import type { Window } from '../windows/windows.ts'
import { Kept } from './aggregate-entries.ts'
import type { RecordWindowEntry } from './record-window-entries.ts'
import {
  progressKey,
  RecordWindowProgress,
  recordWindowDefinition,
  windowPrefix,
} from './record-window-entries.ts'
import type { RecordWindowAggregateSpec } from './specs.ts'
import { streamTimeOf } from './stream-time.ts'
import { readTime } from './time-keys.ts'
import type { WholeAggregation } from './whole-aggregation.ts'
import type { WindowTime } from './window-time.ts'

/** Where a window lies, as its entry says it. */
export interface Placed {
  readonly window: Window
  readonly keyText: string
}

export class RecordWindowStore {
  readonly entries: KeyValueState<RecordWindowEntry>
  readonly progress: RecordWindowProgress
  readonly time: WindowTime
  readonly #spec: RecordWindowAggregateSpec
  readonly #shownMs: number

  /** @param shownMs how long readers see what is closed, unless the spec asks for more */
  constructor(
    context: TaskContext,
    spec: RecordWindowAggregateSpec,
    aggregation: WholeAggregation,
    { shownMs, placeOf }: { readonly shownMs: number; placeOf(entry: string): Placed }
  ) {
    this.#spec = spec
    this.#shownMs = Math.max(shownMs, spec.retentionMs ?? 0)
    const definition = recordWindowDefinition(spec, aggregation.codec, (reader) =>
      streamTimeOf(spec.inputs, reader)
    )
    this.entries = context.store(definition, (entry, kept): readonly StoreRow[] => {
      if (!(kept instanceof Kept) || !entry.startsWith(windowPrefix)) return []
      if (!this.isShown(readTime(entry, 1))) return []
      const { window, keyText } = placeOf(entry)
      const row = { key: this.userKey(keyText), window, value: aggregation.result(kept.state) }
      // The end of a session says when it was.
      return [spec.windows.shape === 'session' ? row : { ...row, timestamp: kept.timestamp }]
    })
    const stored = this.entries.get(progressKey)
    this.progress = stored instanceof RecordWindowProgress ? stored : new RecordWindowProgress()
    this.time = this.progress.time ?? streamTimeOf(spec.inputs, undefined)
    this.progress.time = this.time
  }

  kept(entry: string): Kept | undefined {
    const found = this.entries.get(entry)
    return found instanceof Kept ? found : undefined
  }

  /** Whether readers still see a window with this time in its entry. */
  isShown(time: Timestamp): boolean {
    return time >= this.shownFrom
  }

  get shownFrom(): Timestamp {
    return this.progress.newest - this.#shownMs + 1
  }

  userKey(keyText: string): unknown {
    return this.#spec.key.deserialize(Buffer.from(keyText, 'latin1'))
  }

  flush(): void {
    const isNews = [this.time.takeChanged(), this.progress.takeChanged()]
    if (isNews.includes(true)) this.entries.put(progressKey, this.progress)
  }
}
