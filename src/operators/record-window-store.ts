/**
 * The store of an aggregate in sessions or sliding windows: its windows, how far they have come,
 * and what its readers see of it.
 */
import type { KeyValueState } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import { allTimes, type FindRows, type StoreRow } from '../processor/store-rows.ts'
import type { Window } from '../windows/windows.ts'
import { Kept, keyTextOf } from './aggregate-entries.ts'
import type { RecordWindowEntry } from './record-window-entries.ts'
import {
  progressKey,
  RecordWindowProgress,
  recordWindowDefinition,
  windowPrefix,
  windowRange,
} from './record-window-entries.ts'
import type { RecordWindowAggregateSpec } from './specs.ts'
import { streamTimeOf } from './stream-time.ts'
import { timeKey } from './time-keys.ts'
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
    const find = findRecordWindows(spec, this.#shownMs, placeOf, (place, kept): StoreRow => {
      const { window, keyText } = place
      const row = { key: this.userKey(keyText), window, value: aggregation.result(kept.state) }
      // The end of a session says when it was.
      return spec.windows.shape === 'session' ? row : { ...row, timestamp: kept.timestamp }
    })
    this.entries = context.store(definition, find)
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

/** One scan: windows lie by time, and readers see few that are closed. */
function findRecordWindows(
  spec: RecordWindowAggregateSpec,
  shownMs: number,
  placeOf: (entry: string) => Placed,
  rowOf: (place: Placed, kept: Kept) => StoreRow
): FindRows<RecordWindowEntry> {
  const keyText = keyTextOf(spec.key)
  return async function* (entries, query) {
    const progress = entries.get(progressKey)
    if (!(progress instanceof RecordWindowProgress)) return
    const { from, to } = query.times ?? allTimes
    // The time of an entry: the start of a sliding window, the end of a session.
    const first = Math.max(0, progress.newest - shownMs + 1, Math.ceil(from))
    if (first > progress.newest) return
    const wanted = 'key' in query ? keyText(query.key) : undefined
    const start = windowPrefix + timeKey(first)
    for await (const [entry, kept] of entries.range(start, windowRange[1])) {
      const place = placeOf(entry)
      if (place.window.start > to || (wanted !== undefined && place.keyText !== wanted)) continue
      if (kept instanceof Kept) yield rowOf(place, kept)
    }
  }
}
