/** Rows of a store as those outside see them: typed, without what operators keep beside them. */
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

/** What an entry of the store, by its binary key, shows; nothing of what has expired. */
export type ShowRows<V> = (key: string, value: V) => readonly StoreRow[]
