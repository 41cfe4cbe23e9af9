/**
 * How operators read the rows of a table that another one keeps, or that nobody keeps:
 *
 *     kept       the store of the table itself
 *     derived    computed from the rows of the tables that it was made from, at each read
 *
 * A view is plain data, made with the topology; `openView` gives it to one task.
 */
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import { aggregateDefinition, EntryKeys, Kept, keyTextOf } from './aggregate-entries.ts'
import { makeAggregation } from './aggregation.ts'
import type { Callback } from './filter.ts'
import type { KeyedAggregateSpec } from './specs.ts'
import { type TableRow, TableRows, type TableRowsSpec } from './table-rows.ts'
import type { VersionedRowsSpec } from './versioned-reading.ts'
import { VersionedRows } from './versioned-rows.ts'

export type JoinHow = 'inner' | 'left' | 'outer'
/** Of the left value, the right one, and the key; null on the side that has none. */
export type Joiner = (left: unknown, right: unknown, key: unknown) => unknown

export type TableView =
  | { readonly kind: 'rows'; readonly spec: TableRowsSpec }
  | { readonly kind: 'versions'; readonly spec: VersionedRowsSpec }
  | { readonly kind: 'aggregate'; readonly spec: KeyedAggregateSpec }
  | { readonly kind: 'filtered'; readonly of: TableView; readonly passes: Callback<boolean> }
  | { readonly kind: 'mapped'; readonly of: TableView; readonly map: Callback<unknown> }
  | {
      readonly kind: 'joined'
      readonly how: JoinHow
      readonly left: TableView
      readonly right: TableView
      readonly joiner: Joiner
    }

export interface RowReader {
  /** @param asOf for versioned tables: the row that held then; others know but the newest */
  get(key: unknown, asOf?: Timestamp): TableRow | undefined
}

export function openView(context: TaskContext, view: TableView): RowReader {
  switch (view.kind) {
    case 'rows':
      return new TableRows(context, view.spec)
    case 'versions':
      return new VersionedRows(context, view.spec)
    case 'aggregate':
      return new AggregateRows(context, view.spec)
    case 'filtered':
      return filtered(openView(context, view.of), view.passes)
    case 'mapped':
      return mapped(openView(context, view.of), view.map)
    case 'joined': {
      const [left, right] = [openView(context, view.left), openView(context, view.right)]
      return { get: (key) => joinRows(view.how, left.get(key), right.get(key), view.joiner, key) }
    }
  }
}

function filtered(rows: RowReader, passes: Callback<boolean>): RowReader {
  const kept = (row: TableRow | undefined, key: unknown): TableRow | undefined =>
    row !== undefined && passes(row.value, key) ? row : undefined
  return { get: (key, asOf) => kept(rows.get(key, asOf), key) }
}

function mapped(rows: RowReader, map: Callback<unknown>): RowReader {
  const shown = (row: TableRow | undefined, key: unknown): TableRow | undefined =>
    row === undefined ? undefined : rowOf(map(row.value, key), row.timestamp)
  return { get: (key, asOf) => shown(rows.get(key, asOf), key) }
}

/** The joined row of two; undefined if there is none. It is dated by the younger of them. */
export function joinRows(
  how: JoinHow,
  left: TableRow | undefined,
  right: TableRow | undefined,
  joiner: Joiner,
  key: unknown
): TableRow | undefined {
  if (left === undefined && (right === undefined || how !== 'outer')) return undefined
  if (right === undefined && how === 'inner') return undefined
  const never = Number.NEGATIVE_INFINITY
  const timestamp = Math.max(left?.timestamp ?? never, right?.timestamp ?? never)
  return rowOf(joiner(left?.value ?? null, right?.value ?? null, key), timestamp)
}

function rowOf(value: unknown, timestamp: Timestamp): TableRow | undefined {
  return value === null || value === undefined ? undefined : { value, timestamp }
}

/** The results of an aggregate by key. */
class AggregateRows implements RowReader {
  readonly #keyText: (key: unknown) => string | null
  readonly #read: (key: string) => TableRow | undefined

  constructor(context: TaskContext, spec: KeyedAggregateSpec) {
    this.#keyText = keyTextOf(spec.key)
    const aggregation = makeAggregation(spec.name, spec.plan)
    const store = context.store(aggregateDefinition(spec, aggregation, { cached: true }))
    const keys = new EntryKeys(aggregation)
    this.#read = (key) => {
      const kept = store.get(keys.row(key))
      if (!(kept instanceof Kept) || kept.state === null) return undefined
      return { value: aggregation.result(kept.state), timestamp: kept.timestamp }
    }
  }

  get(key: unknown): TableRow | undefined {
    const text = this.#keyText(key)
    return text === null ? undefined : this.#read(text)
  }
}
