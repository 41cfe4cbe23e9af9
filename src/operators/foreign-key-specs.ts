/** What the operators of a foreign-key join are told; plain data and user functions, frozen. */
import type { Serde } from '../serde/serde.ts'
import type { Callback } from './filter.ts'
import type { Joiner, TableView } from './table-view.ts'

export interface ForeignKeyJoinSpec {
  readonly isLeft: boolean
  readonly foreignKey: Callback<unknown>
  readonly joiner: Joiner
  readonly left: ForeignKeySide
  readonly right: ForeignKeySide
  /** Short names of the two internal topics. */
  readonly registration: string
  readonly response: string
  /** Which left rows want which right row. */
  readonly store: string
}

export interface ForeignKeySide {
  readonly view: TableView
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** Rows of a versioned table: those about its past do not count. */
  readonly isVersioned: boolean
}
