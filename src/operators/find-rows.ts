/**
 * How rows are found in stores by those outside: by point where the key says where they are, else
 * by a scan of the stretch that may hold them.
 */
import type { StoreEntries } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import type { FindRows, StoreRow, TimeRange } from '../processor/store-rows.ts'
import { allTimes } from '../processor/store-rows.ts'
import type { Grid } from '../windows/grid.ts'
import { timeKey } from './time-keys.ts'

type KeyText = (key: unknown) => string | null

export interface KeyedRows<V> {
  readonly keyText: KeyText
  /** What the entries of rows begin with, and, exclusively, where they end. */
  readonly prefix?: string
  readonly end?: string
  /** Undefined: it is no row. */
  row(entry: string, value: V): StoreRow | undefined
}

/** Rows whose entries are a prefix and their key. */
export function findByKey<V>({ keyText, prefix = '', end, row }: KeyedRows<V>): FindRows<V> {
  return async function* (entries, query) {
    if ('key' in query) {
      const found = readRow(entries, prefix, keyText(query.key), row)
      if (found !== undefined) yield found
      return
    }
    for await (const [entry, value] of entries.range(...boundsOf(keyText, prefix, end, query))) {
      const found = row(entry, value)
      if (found !== undefined) yield found
    }
  }
}

function readRow<V>(
  entries: StoreEntries<V>,
  prefix: string,
  text: string | null,
  row: KeyedRows<V>['row']
): StoreRow | undefined {
  const value = text === null ? undefined : entries.get(prefix + text)
  return value === undefined ? undefined : row(prefix + text, value)
}

/** From which entry to which one the keys of a query are, the second one excluded. */
export function boundsOf(
  keyText: KeyText,
  prefix: string,
  end: string | undefined,
  { from, to }: { readonly from?: unknown; readonly to?: unknown }
): [from: string, to?: string] {
  const first = from === undefined ? prefix : prefix + (keyText(from) ?? '')
  const last = to === undefined ? end : prefix + (keyText(to) ?? '')
  return last === undefined ? [first] : [first, last]
}

export interface WindowedRows<V> {
  readonly keyText: KeyText
  /** Where the row of a key is, behind the start of its window. */
  rowEntry(keyText: string): string
  /** Where windows start. */
  readonly grid: Pick<Grid, 'advanceMs' | 'startFrom' | 'nextStart'>
  /** Starts of windows that readers may see. */
  shown(entries: StoreEntries<V>): TimeRange
  row(entry: string, value: V): StoreRow | undefined
}

/** So many windows of a key are read by point; beyond it one scan is better. */
const pointsMax = 256
/** Starts are below 2^56: their first byte is 0. */
const endOfTimes = '\x01'

/** Rows whose entries are the start of a window, on a grid, and their key. */
export function findByWindow<V>(rows: WindowedRows<V>): FindRows<V> {
  return async function* (entries, query) {
    const shown = rows.shown(entries)
    const { from, to } = overlap(shown, query.times ?? allTimes)
    if (from > to) return
    const text = 'key' in query ? rows.keyText(query.key) : undefined
    if (text === null) return
    const wanted = text === undefined ? undefined : rows.rowEntry(text)
    if (wanted !== undefined && to - from < pointsMax * rows.grid.advanceMs) {
      yield* readWindows(rows, entries, wanted, { from, to })
      return
    }
    const end = Number.isFinite(to) ? timeKey(Math.floor(to) + 1) : endOfTimes
    for await (const [entry, value] of entries.range(timeKey(Math.ceil(from)), end)) {
      if (wanted !== undefined && entry.slice(8) !== wanted) continue
      const row = rows.row(entry, value)
      if (row !== undefined) yield row
    }
  }
}

function* readWindows<V>(
  { grid, row }: WindowedRows<V>,
  entries: StoreEntries<V>,
  wanted: string,
  { from, to }: TimeRange
): Iterable<StoreRow> {
  for (let start = grid.startFrom(from); start <= to; start = grid.nextStart(start)) {
    const entry = timeKey(start) + wanted
    const value = entries.get(entry)
    const found = value === undefined ? undefined : row(entry, value)
    if (found !== undefined) yield found
  }
}

/** No window with a key starts before 0. */
function overlap(one: TimeRange, other: TimeRange): { from: Timestamp; to: Timestamp } {
  return { from: Math.max(0, one.from, other.from), to: Math.min(one.to, other.to) }
}
