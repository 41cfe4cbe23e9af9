/**
 * The store of a versioned table by its parts, and the deletion of what is past its history: a
 * bucket goes as a whole, and so does a key that has been gone for as long; bounded per step.
 */
import type { KeyValueState } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import type { TableRow } from './table-rows.ts'
import { readTime, timeKey } from './time-keys.ts'
import type { Entry, Head, Version } from './versioned-entries.ts'
import {
  bucketKey,
  due,
  dueKey,
  headKey,
  ownerOf,
  reservedKey,
  versionedDefinition,
} from './versioned-entries.ts'
import {
  bucketMsOf,
  findVersions,
  newestOf,
  readVersion,
  type VersionedRowsSpec,
  versionsOf,
} from './versioned-reading.ts'

/** Keys that are cleaned up in one step. */
const stepMax = 500

export class VersionedStore {
  readonly #context: TaskContext
  readonly #entries: KeyValueState<Entry>
  readonly #spec: VersionedRowsSpec
  readonly #bucketMs: number
  #sweptTo: Timestamp = Number.NEGATIVE_INFINITY
  readonly #sweep = (): Promise<boolean> => this.#sweepSome()

  constructor(context: TaskContext, spec: VersionedRowsSpec) {
    this.#context = context
    this.#spec = spec
    this.#bucketMs = bucketMsOf(spec)
    this.#entries = context.store(versionedDefinition(spec), findVersions(spec))
  }

  /** Times before this one are past the history. */
  get horizon(): Timestamp {
    return newestOf(this.#entries) - this.#spec.historyMs
  }

  /** A row of this time was put. */
  observe(timestamp: Timestamp): void {
    if (timestamp > newestOf(this.#entries)) {
      this.#entries.put(reservedKey, { kind: 'newest', at: timestamp })
    }
    if (this.horizon - this.#sweptTo >= this.#bucketMs) this.#context.afterRecord(this.#sweep)
  }

  /** The newest row, or the one that held at a time; undefined if there was none, or it is past. */
  read(text: string, asOf?: Timestamp): TableRow | undefined {
    return readVersion(this.#spec, this.#entries, text, asOf)
  }

  head(text: string): Head | undefined {
    return this.#entries.get(headKey(text)) as Head | undefined
  }

  putHead(text: string, head: Head): void {
    this.#entries.put(headKey(text), head)
    if (head.bytes === null) this.noteDue(text, this.bucketOf(head.from))
  }

  versions(text: string, bucket: number): readonly Version[] {
    return versionsOf(this.#entries, text, bucket)
  }

  putVersions(text: string, bucket: number, versions: readonly Version[]): void {
    this.#entries.put(bucketKey(text, bucket), { kind: 'bucket', versions })
  }

  bucketOf(time: Timestamp): number {
    return Math.floor(time / this.#bucketMs)
  }

  /** Something of the key is to go when this bucket is past. */
  noteDue(text: string, bucket: number): void {
    const key = dueKey((bucket + 1) * this.#bucketMs, text)
    if (this.#entries.get(key) === undefined) this.#entries.put(key, due)
  }

  async #sweepSome(): Promise<boolean> {
    const { horizon } = this
    if (horizon < 0) return false
    const found: string[] = []
    for await (const [key] of this.#entries.range('\x02', `\x02${timeKey(horizon + 1)}`)) {
      found.push(key)
      if (found.length === stepMax) break
    }
    for (const key of found) this.#forget(key, readTime(key, 1))
    if (found.length === stepMax) return true
    this.#sweptTo = horizon
    return false
  }

  #forget(key: string, time: Timestamp): void {
    this.#entries.delete(key)
    const text = ownerOf(key)
    const head = this.head(text)
    if (head === undefined) return
    const past = head.buckets.filter((bucket) => (bucket + 1) * this.#bucketMs <= time)
    for (const bucket of past) this.#entries.delete(bucketKey(text, bucket))
    const buckets = head.buckets.slice(past.length)
    if (head.bytes === null && head.from < time) this.#entries.delete(headKey(text))
    else if (past.length > 0) this.#entries.put(headKey(text), { ...head, buckets })
  }
}
