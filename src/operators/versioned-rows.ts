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
 * read as of a time within the history can meet is deleted; a bucket goes as a whole, bounded per
 * step.
 */
import type { KeyValueState } from '../../state/contract.ts'
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import { keyTextOf } from './aggregate-entries.ts'
import type { TableRow, TableRowsSpec } from './table-rows.ts'
import { readTime, timeKey } from './time-keys.ts'
import type { Bucket, Entry, Head, Version } from './versioned-entries.ts'
import {
  bucketKey,
  due,
  dueKey,
  headKey,
  ownerOf,
  reservedKey,
  showVersions,
  versionedDefinition,
} from './versioned-entries.ts'

export interface VersionedRowsSpec extends TableRowsSpec {
  readonly historyMs: number
}

/** What a put did: the row before, and whether the new one is the newest now. */
export interface VersionedPut {
  readonly before: TableRow | undefined
  readonly isLatest: boolean
}

const bucketsPerHistory = 8
/** Keys that are cleaned up in one step. */
const stepMax = 500

export class VersionedRows {
  readonly #spec: VersionedRowsSpec
  readonly #context: TaskContext
  readonly #store: KeyValueState<Entry>
  readonly #keyText: (key: unknown) => string | null
  readonly #bucketMs: number
  #sweptTo: Timestamp = Number.NEGATIVE_INFINITY
  readonly #sweep = (): Promise<boolean> => this.#sweepSome()

  constructor(context: TaskContext, spec: VersionedRowsSpec) {
    this.#spec = spec
    this.#context = context
    const horizon = (): Timestamp => this.#horizon
    this.#store = context.store(versionedDefinition(spec), showVersions(spec, horizon))
    this.#keyText = keyTextOf(spec.key)
    this.#bucketMs = Math.max(1, Math.ceil(spec.historyMs / bucketsPerHistory))
  }

  /** The newest row, or the one that held at a time; undefined if there was none, or it is past. */
  get(key: unknown, asOf = Number.POSITIVE_INFINITY): TableRow | undefined {
    const text = this.#keyText(key)
    const head = text === null ? undefined : this.#head(text)
    if (text === null || head === undefined) return undefined
    if (head.from <= asOf) return this.#row(head)
    if (asOf < this.#horizon) return undefined
    const first = this.#bucketOf(asOf)
    for (const bucket of head.buckets) {
      if (bucket < first) continue
      const found = this.#versions(text, bucket).find(({ to }) => to > asOf)
      if (found !== undefined) return found.from <= asOf ? this.#row(found) : undefined
    }
    return undefined
  }

  /** Undefined: it is older than the history, and was not taken. */
  put(key: unknown, value: unknown, timestamp: Timestamp): VersionedPut | undefined {
    const text = this.#keyText(key)
    assert(text !== null, 'a row of a table has a key')
    if (timestamp < this.#horizon) return undefined
    const bytes = value === null ? null : this.#spec.value.serialize(value)
    if (timestamp > this.#newest) this.#store.put(reservedKey, { kind: 'newest', at: timestamp })
    const head = this.#head(text)
    const before = head === undefined ? undefined : this.#row(head)
    const isLatest = head === undefined || timestamp >= head.from
    if (isLatest) this.#putNewest(text, head, timestamp, bytes)
    else this.#putOlder(text, head, timestamp, bytes)
    if (this.#horizon - this.#sweptTo >= this.#bucketMs) this.#context.afterRecord(this.#sweep)
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
    this.#store.put(headKey(text), { kind: 'head', from, bytes, buckets })
    if (bytes === null) this.#noteDue(text, this.#bucketOf(from))
  }

  /** Takes its place between the rows that are there. */
  #putOlder(text: string, head: Head, from: Timestamp, bytes: Uint8Array | null): void {
    const [bucket, next] = this.#firstAfter(text, head, from)
    let { buckets } = head
    const to = next === undefined ? head.from : next.from > from ? next.from : next.to
    if (bucket !== undefined && next !== undefined && next.from <= from) {
      const rest = this.#versions(text, bucket).filter((version) => version !== next)
      this.#store.put(bucketKey(text, bucket), { kind: 'bucket', versions: rest })
      if (next.from < from) buckets = this.#insert(text, buckets, { ...next, to: from })
    }
    buckets = this.#insert(text, buckets, { from, to, bytes })
    this.#store.put(headKey(text), { ...head, buckets })
  }

  /** The first older row that holds beyond a time. */
  #firstAfter(text: string, head: Head, time: Timestamp): readonly [number?, Version?] {
    const first = this.#bucketOf(time)
    for (const bucket of head.buckets) {
      if (bucket < first) continue
      const found = this.#versions(text, bucket).find(({ to }) => to > time)
      if (found !== undefined) return [bucket, found]
    }
    return []
  }

  #insert(text: string, buckets: readonly number[], version: Version): readonly number[] {
    const bucket = this.#bucketOf(version.to)
    const versions = [...this.#versions(text, bucket), version].sort((a, b) => a.to - b.to)
    this.#store.put(bucketKey(text, bucket), { kind: 'bucket', versions })
    if (buckets.includes(bucket)) return buckets
    this.#noteDue(text, bucket)
    return [...buckets, bucket].sort((a, b) => a - b)
  }

  #noteDue(text: string, bucket: number): void {
    const key = dueKey((bucket + 1) * this.#bucketMs, text)
    if (this.#store.get(key) === undefined) this.#store.put(key, due)
  }

  async #sweepSome(): Promise<boolean> {
    const horizon = this.#horizon
    if (horizon < 0) return false
    const found: string[] = []
    for await (const [key] of this.#store.range('\x02', `\x02${timeKey(horizon + 1)}`)) {
      found.push(key)
      if (found.length === stepMax) break
    }
    for (const key of found) this.#forget(key, readTime(key, 1))
    if (found.length === stepMax) return true
    this.#sweptTo = horizon
    return false
  }

  #forget(key: string, time: Timestamp): void {
    this.#store.delete(key)
    const text = ownerOf(key)
    const head = this.#head(text)
    if (head === undefined) return
    const past = head.buckets.filter((bucket) => (bucket + 1) * this.#bucketMs <= time)
    for (const bucket of past) this.#store.delete(bucketKey(text, bucket))
    const buckets = head.buckets.slice(past.length)
    if (head.bytes === null && head.from < time) this.#store.delete(headKey(text))
    else if (past.length > 0) this.#store.put(headKey(text), { ...head, buckets })
  }

  /** Times before this one are past the history. */
  get #horizon(): Timestamp {
    return this.#newest - this.#spec.historyMs
  }

  get #newest(): Timestamp {
    const newest = this.#store.get(reservedKey)
    return newest?.kind === 'newest' ? newest.at : Number.NEGATIVE_INFINITY
  }

  #head(text: string): Head | undefined {
    return this.#store.get(headKey(text)) as Head | undefined
  }

  #versions(text: string, bucket: number): readonly Version[] {
    return (this.#store.get(bucketKey(text, bucket)) as Bucket | undefined)?.versions ?? []
  }

  #bucketOf(time: Timestamp): number {
    return Math.floor(time / this.#bucketMs)
  }

  #row({
    from,
    bytes,
  }: {
    readonly from: Timestamp
    readonly bytes: Uint8Array | null
  }): TableRow | undefined {
    if (bytes === null) return undefined
    return { value: this.#spec.value.deserialize(bytes), timestamp: from }
  }
}
