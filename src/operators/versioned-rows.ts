/**
 * The rows of a versioned table, with their past as far back as its history goes:
 *
 *     00 key                              → the newest row (or that it is gone), buckets of older
 *     01 length key bucket (8)            → rows whose time ended in that bucket, oldest first
 *     02 time (8) 01 length key           → when something of the key is past the history
 *     ff                                  → the newest time of all
 *
 * A row holds from its own time up to the next one's; also that a key was gone is a row.
 * Invariants: the rows of a key cover its time without a gap from its first one on; nothing that a
 * read as of a time within the history can meet is deleted.
 */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import type { Serde } from '../serde/serde.ts'
import { keyTextOf } from './aggregate-entries.ts'
import type { TableRow } from './table-rows.ts'
import type { Head, Version } from './versioned-entries.ts'
import type { VersionedRowsSpec } from './versioned-reading.ts'
import { VersionedStore } from './versioned-store.ts'

/** What a put did: the row before, and whether the new one is the newest now. */
export interface VersionedPut {
  readonly before: TableRow | undefined
  readonly isLatest: boolean
}

export class VersionedRows {
  readonly #value: Serde<unknown>
  readonly #store: VersionedStore
  readonly #keyText: (key: unknown) => string | null

  constructor(context: TaskContext, spec: VersionedRowsSpec) {
    this.#value = spec.value
    this.#store = new VersionedStore(context, spec)
    this.#keyText = keyTextOf(spec.key)
  }

  /** The newest row, or the one that held at a time; undefined if there was none, or it is past. */
  get(key: unknown, asOf?: Timestamp): TableRow | undefined {
    const text = this.#keyText(key)
    return text === null ? undefined : this.#store.read(text, asOf)
  }

  /** Undefined: it is older than the history, and was not taken. */
  put(key: unknown, value: unknown, timestamp: Timestamp): VersionedPut | undefined {
    const text = this.#keyText(key)
    assert(text !== null, 'a row of a table has a key')
    if (timestamp < this.#store.horizon) return undefined
    const bytes = value === null ? null : this.#value.serialize(value)
    this.#store.observe(timestamp)
    const head = this.#store.head(text)
    const before = head === undefined ? undefined : this.#row(head)
    const isLatest = head === undefined || timestamp >= head.from
    if (isLatest) this.#putNewest(text, head, timestamp, bytes)
    else this.#putOlder(text, head, timestamp, bytes)
    return { before, isLatest }
  }

  #putNewest(
    text: string,
    head: Head | undefined,
    from: Timestamp,
    bytes: Uint8Array | null
  ): void {
    let buckets = head?.buckets ?? []
    if (head !== undefined && from > head.from) {
      buckets = this.#insert(text, buckets, { from: head.from, to: from, bytes: head.bytes })
    }
    this.#store.putHead(text, { kind: 'head', from, bytes, buckets })
  }

  /** Takes its place between the rows that are there. */
  #putOlder(text: string, head: Head, from: Timestamp, bytes: Uint8Array | null): void {
    const [bucket, next] = this.#firstAfter(text, head, from)
    let { buckets } = head
    const to = next === undefined ? head.from : next.from > from ? next.from : next.to
    if (bucket !== undefined && next !== undefined && next.from <= from) {
      const rest = this.#store.versions(text, bucket).filter((one) => one.to !== next.to)
      this.#store.putVersions(text, bucket, rest)
      if (next.from < from) buckets = this.#insert(text, buckets, { ...next, to: from })
    }
    buckets = this.#insert(text, buckets, { from, to, bytes })
    this.#store.putHead(text, { ...head, buckets })
  }

  /** The first older row that holds beyond a time. */
  #firstAfter(text: string, head: Head, time: Timestamp): readonly [number?, Version?] {
    const first = this.#store.bucketOf(time)
    for (const bucket of head.buckets) {
      if (bucket < first) continue
      const found = this.#store.versions(text, bucket).find(({ to }) => to > time)
      if (found !== undefined) return [bucket, found]
    }
    return []
  }

  #insert(text: string, buckets: readonly number[], version: Version): readonly number[] {
    const bucket = this.#store.bucketOf(version.to)
    const versions = [...this.#store.versions(text, bucket), version].sort((a, b) => a.to - b.to)
    this.#store.putVersions(text, bucket, versions)
    if (buckets.includes(bucket)) return buckets
    this.#store.noteDue(text, bucket)
    return [...buckets, bucket].sort((a, b) => a - b)
  }

  #row({ from, bytes }: Pick<Head, 'from' | 'bytes'>): TableRow | undefined {
    return bytes === null ? undefined : { value: this.#value.deserialize(bytes), timestamp: from }
  }
}
