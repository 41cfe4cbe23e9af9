/** What sessions and sliding windows differ in: where they lie, and when they are closed. */
import type { KeyValueState } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import type { RecordWindowEntry } from './record-window-entries.ts'
import type { Placed, RecordWindowPlaces } from './record-window-store.ts'

type Store = KeyValueState<RecordWindowEntry>

/** The record at hand. */
export interface Hand {
  readonly keyText: string
  readonly key: unknown
  readonly value: unknown
  readonly timestamp: Timestamp
  /** Windows that end before it take no more records. */
  readonly closeTime: Timestamp
}

export interface RecordWindowRules extends RecordWindowPlaces {
  /** Windows that end before this time take no more records. */
  closesBefore(streamTime: Timestamp): Timestamp
  /** Of the windows that a record is in with none but earlier ones. */
  lastEnd(timestamp: Timestamp): Timestamp
  /** Times in the entries of windows that end before this time are below it. */
  orderOf(closeTime: Timestamp): Timestamp
  /** No record can change windows whose entries are below this, once stream time is so far. */
  reachedFrom(streamTime: Timestamp): Timestamp
  /** Forgets where a window was that is gone. */
  unlist(store: Store, placed: Placed): void
  /** Whether a record may still reach a window that is old by its own time. */
  isBridged(store: Store, placed: Placed, streamTime: Timestamp): boolean
}
