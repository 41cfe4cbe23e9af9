/**
 * The store of an aggregate in sessions or sliding windows: its windows, how far they have come,
 * and what its readers see of it.
 */
import type { KeyValueState, StoreEntries } from '../../state/contract.ts'
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
import { timeKey } from './time-keys.ts'
import type { WholeAggregation } from './whole-aggregation.ts'
import { type WindowTime, windowTimeOf } from './window-time.ts'

/** Where a window lies, as its entry says it. */
export interface Placed {
  readonly window: Window
  readonly keyText: string
}

/** How the windows of an operator lie in its entries. */
export interface RecordWindowPlaces {
  /** How long readers see what is closed, in the time of entries. */
  readonly shownMs: number
  placeOf(entry: string): Placed
  entryOf(placed: Placed): string
  /**
   * Windows of a key by point reads, among them all that are asked for. Undefined: that would take
   * more reads than these.
   */
  windowsOf(
    entries: Pick<StoreEntries<RecordWindowEntry>, 'get'>,
    keyText: string,
    range: WindowTimes,
    readsMax: number
  ): readonly Window[] | undefined
}

/** What a reader asks for. */
export interface WindowTimes {
  /** Times in entries from here on. */
  readonly from: Timestamp
  /** Windows that start up to here. */
  readonly to: Timestamp
  /** The greatest time in an entry. */
  readonly newest: Timestamp
  /** The time by which windows were closed. */
  readonly closedTo: Timestamp
}

export class RecordWindowStore {
  readonly entries: KeyValueState<RecordWindowEntry>
  readonly progress: RecordWindowProgress
  readonly time: WindowTime
  readonly #spec: RecordWindowAggregateSpec
  readonly #shownMs: number

  constructor(
    context: TaskContext,
    spec: RecordWindowAggregateSpec,
    aggregation: WholeAggregation,
    places: RecordWindowPlaces
  ) {
    this.#spec = spec
    const shownMs = Math.max(places.shownMs, spec.retentionMs ?? 0)
    this.#shownMs = shownMs
    const definition = recordWindowDefinition(spec, aggregation.codec, (reader) =>
      windowTimeOf(context, spec, reader)
    )
    const find = findRecordWindows(spec, places, shownMs, (place, kept): StoreRow => {
      const { window, keyText } = place
      const row = { key: this.userKey(keyText), window, value: aggregation.result(kept.state) }
      // The end of a session says when it was.
      return spec.windows.shape === 'session' ? row : { ...row, timestamp: kept.timestamp }
    })
    this.entries = context.store(definition, find)
    const stored = this.entries.get(progressKey)
    this.progress = stored instanceof RecordWindowProgress ? stored : new RecordWindowProgress()
    this.time = this.progress.time ?? windowTimeOf(context, spec, undefined)
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

/** So many entries are read by point; beyond it one scan is better. */
const readsMax = 256

function findRecordWindows(
  spec: RecordWindowAggregateSpec,
  places: RecordWindowPlaces,
  shownMs: number,
  rowOf: (place: Placed, kept: Kept) => StoreRow
): FindRows<RecordWindowEntry> {
  const textOf = keyTextOf(spec.key)
  return async function* (entries, query) {
    const progress = entries.get(progressKey)
    if (!(progress instanceof RecordWindowProgress)) return
    const { newest, closedTo } = progress
    const times = query.times ?? allTimes
    // The time of an entry: the start of a sliding window, the end of a session.
    const from = Math.max(0, newest - shownMs + 1, Math.ceil(times.from))
    const keyText = 'key' in query ? textOf(query.key) : undefined
    if (from > newest || keyText === null) return
    const range = { from, to: times.to, newest, closedTo }
    const windows =
      keyText === undefined ? undefined : places.windowsOf(entries, keyText, range, readsMax)
    const names = windows?.map((window) => places.entryOf({ window, keyText: keyText as string }))
    const found = names === undefined ? rangeFrom(entries, from) : readAll(entries, names.sort())
    for await (const [entry, kept] of found) {
      const place = places.placeOf(entry)
      if (entry < firstOf(from) || place.window.start > times.to) continue
      if (keyText !== undefined && place.keyText !== keyText) continue
      if (kept instanceof Kept) yield rowOf(place, kept)
    }
  }
}

type Entries = StoreEntries<RecordWindowEntry>

function firstOf(time: Timestamp): string {
  return windowPrefix + timeKey(time)
}

/** Windows of all keys lie by time. */
function rangeFrom(entries: Entries, from: Timestamp): ReturnType<Entries['range']> {
  return entries.range(firstOf(from), windowRange[1])
}

function* readAll(
  entries: Entries,
  names: readonly string[]
): Iterable<readonly [entry: string, kept: RecordWindowEntry | undefined]> {
  for (const name of names) yield [name, entries.get(name)]
}
