/** What the operators of tables leave in the graph: one shape of node an operator. */
import type { AggregationPlan } from '../operators/specs.ts'
import type { AnySerde, AnyTopic, Node, UserFunction } from './graph.ts'
import type { Repartition } from './stream-nodes.ts'
import type { UntilTimeLimit, UntilWindowCloses } from './suppress.ts'

/** Where the records of a stream become the rows of a table. */
export interface TableNode extends Node<'table'> {
  /** Of its store, if it needs one. */
  readonly durable: string
  /** Whether its rows are kept even if nothing reads them: it has a name of its own. */
  readonly isStored: boolean
  readonly key: AnySerde
  readonly value: AnySerde
  readonly logged: boolean
  /** How far back its past can be read; undefined: not at all. */
  readonly historyMs: number | undefined
  /** The topic that its rows are restored from; without it they have a changelog. */
  readonly origin?: AnyTopic
  readonly repartition: Repartition | undefined
}

/** Of two tables by their common key. */
export interface TableJoinNode extends Node<'table-join'> {
  /** Of the nodes that take the changes of either side. */
  readonly sides: readonly [left: string, right: string]
  readonly how: 'inner' | 'left' | 'outer'
  readonly joiner: UserFunction
}

/** Of two tables, by a key of the second that is in the rows of the first. */
export interface ForeignKeyJoinNode extends Node<'foreign-key-join'> {
  readonly durable: string
  readonly how: 'inner' | 'left'
  readonly fn: UserFunction
  readonly joiner: UserFunction
  readonly left: TableSerdes
  readonly right: TableSerdes
}

export interface TableSerdes {
  readonly key: AnySerde
  readonly value: AnySerde
}

/** A table that every instance has whole; it belongs to no task. */
export interface GlobalTableNode extends Node<'global-table'> {
  /** Of what would be its source. */
  readonly source: string
  readonly durable: string
  readonly topic: AnyTopic
}

export interface TableFilterNode extends Node<'table-filter'> {
  readonly fn: UserFunction
  readonly keeps: boolean
}

/** Rows of a table shown in another form. */
export interface TableValuesNode extends Node<'table-values'> {
  readonly fn: UserFunction
}

/** A table made from others that keeps its rows. */
export interface StoredNode extends Node<'stored'> {
  readonly durable: string
  readonly key: AnySerde
  readonly value: AnySerde
  readonly logged: boolean
}

/** Rows of a table under the keys of their groups. */
export interface TableSelectNode extends Node<'table-select'> {
  readonly fn: UserFunction
  readonly key: AnySerde
}

export interface TableAggregateNode extends Node<'table-aggregate'> {
  readonly durable: string
  readonly key: AnySerde
  readonly plan: AggregationPlan
  readonly logged: boolean
  readonly repartition: Repartition
}

/** Changes of a table, held back. */
export interface SuppressNode extends Node<'suppress'> {
  readonly durable: string
  readonly key: AnySerde
  readonly value: AnySerde
  readonly until: UntilTimeLimit | UntilWindowCloses
}

export interface ToStreamNode extends Node<'to-stream'> {}

export interface GaugeNode extends Node<'gauge'> {
  /** Of the table: gauges of one table share a store. */
  readonly durable: string
  readonly gauge: {
    readonly name: string
    readonly help: string
    readonly labels: Readonly<Record<string, string>>
    readonly value: UserFunction
    readonly whenNull: 'absent' | 'zero' | 'nan'
  }
}
