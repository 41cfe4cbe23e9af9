/** What is fetched, and what the fetcher needs of whoever wants it. */
import type { Clock } from '../clock.ts'
import type { Offset, Timestamp, TopicPartition } from '../ids.ts'
import type { Cluster } from './cluster.ts'
import type { FetchLane } from './fetch-lane.ts'
import type { FrameUse } from './frame-buffers.ts'
import type { FetchedPartition, Isolation } from './requests/records.ts'
import type { ThrottledLog } from './throttled-log.ts'

export interface FetchTimes {
  readonly sentAt: Timestamp
  readonly answeredAt: Timestamp
}

/** A partition to be fetched; the fetcher calls it, one call at a time. */
export interface FetchTarget extends TopicPartition {
  readonly isolation: Isolation
  /** Undefined: from the earliest there is; `begin` tells which. */
  readonly fetchOffset: Offset | undefined
  /** Of the leader that took the batch before `fetchOffset`; −1 if none was read yet. */
  readonly lastEpoch: number
  readonly hasRoom: boolean
  readonly bytesMax: number
  begin(earliest: Offset): void
  /**
   * Moves `fetchOffset`. What it throws becomes the failure of the target. The records stay as they
   * are until it releases them.
   */
  take(fetched: FetchedPartition, times: FetchTimes, use: FrameUse): Promise<void> | void
  /** No more will come. */
  fail(error: Error): void
}

export interface FetcherOptions {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly role: 'fetch' | 'restore'
  readonly log: ThrottledLog
  /** How long a broker holds a request that finds nothing. Default 250. */
  readonly waitMs?: number
}

/** A target in the hands of the fetcher. */
export interface FetchEntry {
  readonly target: FetchTarget
  /** Undefined: homeless. */
  lane: FetchLane | undefined
  attempts: number
  retryAtMs: number
  /** What brokers keep answering, and since when, by the monotonic clock. */
  refusal: { readonly code: number; readonly sinceMs: number } | undefined
}
