/** Versioned rows as they are read, by their own operators and from outside. */
import type { StoreEntries } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import type { FindRows, RowQuery, StoreRow } from '../processor/store-rows.ts'
import { binaryBytes } from '../serde/text.ts'
import { keyTextOf } from './aggregate-entries.ts'
import { boundsOf } from './find-rows.ts'
import type { TableRow, TableRowsSpec } from './table-rows.ts'
import { readU32 } from './time-keys.ts'
import type { Bucket, Entry, Head, Version } from './versioned-entries.ts'
import { bucketKey, headKey, reservedKey } from './versioned-entries.ts'

export interface VersionedRowsSpec extends TableRowsSpec {
  readonly historyMs: number
}

type Entries = Pick<StoreEntries<Entry>, 'get'>

const bucketsPerHistory = 8
const headPrefix = '\x00'
const headEnd = '\x01'
const bucketEnd = '\x02'

export function bucketMsOf({ historyMs }: VersionedRowsSpec): number {
  return Math.max(1, Math.ceil(historyMs / bucketsPerHistory))
}

/** The greatest timestamp of the table. */
export function newestOf(entries: Entries): Timestamp {
  const newest = entries.get(reservedKey)
  return newest?.kind === 'newest' ? newest.at : Number.NEGATIVE_INFINITY
}

export function versionsOf(entries: Entries, text: string, bucket: number): readonly Version[] {
  return (entries.get(bucketKey(text, bucket)) as Bucket | undefined)?.versions ?? []
}

/** The newest row, or the one that held at a time; undefined if there was none, or it is past. */
export function readVersion(
  spec: VersionedRowsSpec,
  entries: Entries,
  text: string,
  asOf = Number.POSITIVE_INFINITY
): TableRow | undefined {
  const head = entries.get(headKey(text)) as Head | undefined
  if (head === undefined) return undefined
  if (head.from <= asOf) return versionRow(spec, head)
  if (asOf < newestOf(entries) - spec.historyMs) return undefined
  const first = Math.floor(asOf / bucketMsOf(spec))
  for (const bucket of head.buckets) {
    if (bucket < first) continue
    const found = versionsOf(entries, text, bucket).find(({ to }) => to > asOf)
    if (found !== undefined) return found.from <= asOf ? versionRow(spec, found) : undefined
  }
  return undefined
}

/** Undefined: the key was gone. */
function versionRow(
  { value }: TableRowsSpec,
  { from, bytes }: Pick<Version, 'from' | 'bytes'>
): TableRow | undefined {
  return bytes === null ? undefined : { value: value.deserialize(bytes), timestamp: from }
}

/** As those outside find them; each older one with the end of its time. */
export function findVersions(spec: VersionedRowsSpec): FindRows<Entry> {
  const keyText = keyTextOf(spec.key)
  return async function* (entries, query) {
    const { asOf } = query
    if (asOf === 'ever') {
      yield* everyVersion(spec, entries)
      return
    }
    for await (const text of keysOf(keyText, entries, query)) {
      const row = readVersion(spec, entries, text, asOf)
      if (row !== undefined) yield { key: spec.key.deserialize(binaryBytes(text)), ...row }
    }
  }
}

async function* keysOf(
  keyText: (key: unknown) => string | null,
  entries: StoreEntries<Entry>,
  query: RowQuery
): AsyncIterable<string> {
  if ('key' in query) {
    const text = keyText(query.key)
    if (text !== null) yield text
    return
  }
  for await (const [entry] of entries.range(...boundsOf(keyText, headPrefix, headEnd, query))) {
    yield entry.slice(1)
  }
}

async function* everyVersion(
  spec: VersionedRowsSpec,
  entries: StoreEntries<Entry>
): AsyncIterable<StoreRow> {
  const horizon = newestOf(entries) - spec.historyMs
  for await (const [place, entry] of entries.range(headPrefix, bucketEnd)) {
    if (entry.kind !== 'head' && entry.kind !== 'bucket') continue
    const text = entry.kind === 'head' ? place.slice(1) : place.slice(5, 5 + readU32(place, 1))
    const key = spec.key.deserialize(binaryBytes(text))
    if (entry.kind === 'head') {
      const row = versionRow(spec, entry)
      if (row !== undefined) yield { key, ...row }
      continue
    }
    for (const version of entry.versions) {
      const row = version.to > horizon ? versionRow(spec, version) : undefined
      if (row !== undefined) yield { key, ...row, validTo: version.to }
    }
  }
}
