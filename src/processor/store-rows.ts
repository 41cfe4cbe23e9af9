/** Rows of a store as those outside see them: typed, without what operators keep beside them. */
import type { StoreEntries } from '../../state/contract.ts'
import type { Timestamp } from '../ids.ts'
import type { Window } from '../windows/windows.ts'

export interface StoreRow {
  readonly key: unknown
  /** Of windowed rows. */
  readonly window?: Window
  readonly value: unknown
  /** Of rows that tables keep: the event time they are of. */
  readonly timestamp?: Timestamp
  /** Of a version that another one has followed: when, exclusively. */
  readonly validTo?: Timestamp
}

/** Which rows are wanted; without a word all of them, of versioned tables the newest. */
export interface RowQuery {
  /** Of this key alone, if the query has one. */
  readonly key?: unknown
  /** Of keys from here on and before there, by their bytes; not of windows. */
  readonly from?: unknown
  readonly to?: unknown
  /** Windows that start, or sessions that have a part, from here to there, both included. */
  readonly times?: TimeRange
  /** Of versioned tables: the rows that held at this time; 'ever': all of them. */
  readonly asOf?: Timestamp | 'ever'
}

export interface TimeRange {
  readonly from: Timestamp
  readonly to: Timestamp
}

export const allTimes: TimeRange = Object.freeze({
  from: Number.NEGATIVE_INFINITY,
  to: Number.POSITIVE_INFINITY,
})

/** How an operator finds rows in the entries of its store; nothing of what has expired. */
export type FindRows<V> = (entries: StoreEntries<V>, query: RowQuery) => AsyncIterable<StoreRow>
