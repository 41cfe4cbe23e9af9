/**
 * The records of one side of a stream–stream join, for as long as others may join them: lists by
 * key and bucket of time, found by point reads alone.
 *
 *     bucket start (8) 00 key            → the first chunk of the list, and how many follow
 *     bucket start (8) 01 number (4) key → another chunk: up to 32 records, or 32 KiB
 *     ff                                 → the greatest timestamp put, and the length of a bucket
 *
 * Invariants: records that are equal in all are kept, each of them; a record is seen as long as its
 * timestamp > greatest − retention, exactly; buckets past that are deleted, a bounded number of
 * entries a step; the length of a bucket is that of what is stored, whatever the join says later.
 */
import type { KeyValueState } from '../../state/contract.ts'
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import type { Buffered, JoinBufferEntry } from './join-buffer-entries.ts'
import { Chunk, Extent, headKey, joinBufferDefinition, moreKey } from './join-buffer-entries.ts'
import { timeKey } from './time-keys.ts'

const never = Number.NEGATIVE_INFINITY
/** Entries deleted in one step. */
const deletesMax = 1_000
/** Shorter ones would be swept more often than that is worth. */
const bucketMsMin = 1_000
const reservedKey = '\xff'

export interface JoinBufferSpec {
  /** Of the store. */
  readonly name: string
  /** Before, after and grace together: what is older than the newest by this much is gone. */
  readonly retentionMs: number
  /** How much time one look-up covers. */
  readonly spanMs: number
}

export class JoinBuffer {
  readonly #spec: JoinBufferSpec
  readonly #context: TaskContext
  readonly #store: KeyValueState<JoinBufferEntry>
  readonly #extent: Extent
  /** Buckets that start before it are gone. */
  #sweptTo: Timestamp = 0
  readonly #sweep = (): Promise<boolean> => this.#deleteExpired()

  constructor(context: TaskContext, spec: JoinBufferSpec) {
    this.#spec = spec
    this.#context = context
    this.#store = context.store(joinBufferDefinition(spec.name))
    const { spanMs, retentionMs } = spec
    const bucketMs = Math.max(bucketMsMin, spanMs + 1, Math.ceil(retentionMs / 8))
    const known = this.#store.get(reservedKey)
    this.#extent = known instanceof Extent ? known : new Extent(bucketMs, never)
  }

  /** Greatest timestamp that was put. */
  get observed(): Timestamp {
    return this.#extent.observed
  }

  put(key: string, item: Buffered): void {
    if (item.timestamp <= this.#horizon()) {
      // It has met the other side; nothing that comes later will meet it.
      this.#context.drop('expired')
      return
    }
    this.#append(key, item)
    if (item.timestamp <= this.#extent.observed) return
    this.#extent.observed = item.timestamp
    this.#store.put(reservedKey, this.#extent)
    if (this.#bucketOf(this.#horizon()) > this.#sweptTo) this.#context.afterRecord(this.#sweep)
  }

  /** Whether a record of this time would be out of sight at once, or the next one to be. */
  isPast(timestamp: Timestamp): boolean {
    const newest = Math.max(this.#extent.observed, timestamp)
    return timestamp <= newest - this.#spec.retentionMs + 1
  }

  /** Those of a key with `from` ≤ timestamp ≤ `to`, by time, then in the order they came in. */
  fetch(key: string, from: Timestamp, to: Timestamp): readonly Buffered[] {
    const least = Math.max(0, from, this.#horizon() + 1)
    const greatest = Math.min(to, this.#extent.observed)
    const found: Buffered[] = []
    const { bucketMs } = this.#extent
    for (let bucket = this.#bucketOf(least); bucket <= greatest; bucket += bucketMs) {
      const head = this.#chunk(headKey(bucket, key))
      for (let number = 0; number <= (head?.more ?? -1); number++) {
        const chunk = number === 0 ? head : this.#chunk(moreKey(bucket, number, key))
        for (const item of chunk?.items ?? []) {
          if (item.timestamp >= least && item.timestamp <= greatest) found.push(item)
        }
      }
    }
    return found.sort((a, b) => a.timestamp - b.timestamp)
  }

  #append(key: string, item: Buffered): void {
    const bucket = this.#bucketOf(item.timestamp)
    const first = headKey(bucket, key)
    const head = this.#chunk(first) ?? new Chunk()
    const isFirst = head.more === 0
    const last = isFirst ? head : this.#chunk(moreKey(bucket, head.more, key))
    assert(last !== undefined, 'a list has the chunks that it counts')
    if (!last.isFull) {
      last.add(item)
      this.#store.put(isFirst ? first : moreKey(bucket, head.more, key), last)
      return
    }
    head.more += 1
    this.#store.put(first, head)
    this.#store.put(moreKey(bucket, head.more, key), new Chunk([item]))
  }

  #chunk(key: string): Chunk | undefined {
    const stored = this.#store.get(key)
    return stored instanceof Chunk ? stored : undefined
  }

  /** Timestamps up to here are out of sight. */
  #horizon(): Timestamp {
    return this.#extent.observed - this.#spec.retentionMs
  }

  #bucketOf(timestamp: Timestamp): Timestamp {
    const { bucketMs } = this.#extent
    return Math.floor(timestamp / bucketMs) * bucketMs
  }

  async #deleteExpired(): Promise<boolean> {
    const to = this.#bucketOf(this.#horizon())
    const expired: string[] = []
    for await (const [key] of this.#store.range(undefined, timeKey(to))) {
      expired.push(key)
      if (expired.length === deletesMax) break
    }
    for (const key of expired) this.#store.delete(key)
    if (expired.length === deletesMax) return true
    this.#sweptTo = to
    return false
  }
}
