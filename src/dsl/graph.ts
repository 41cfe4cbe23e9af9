/**
 * The logical graph: frozen, tagged nodes that the operators of the DSL leave behind, in the order
 * of the calls. Passes turn it into a topology; nothing here runs.
 */
import type { Aggregators } from '../aggregators/aggregator.ts'
import type { ErrorOptions } from '../error-policy.ts'
import type { AggregationPlan } from '../operators/specs.ts'
import type { StoreHandles } from '../processor/processor.ts'
import type { Serde } from '../serde/serde.ts'
import type { JoinWindow } from '../windows/join-window.ts'
import type { RecordWindowSpec } from '../windows/record-windows.ts'
import type { WindowSpec } from '../windows/windows.ts'
import type { UntilTimeLimit, UntilWindowCloses } from './suppress.ts'
import type { Topic } from './topic.ts'

/** A function of the user; the operator that calls it knows with what. */
export type UserFunction = (...args: never[]) => unknown
export type AnyTopic = Topic<unknown, unknown>
export type AnySerde = Serde<unknown>

interface Node<Kind extends string> {
  readonly kind: Kind
  /** As Kafka Streams would call it. */
  readonly name: string
  readonly inputs: readonly LogicalNode[]
}

export interface SourceNode extends Node<'source'> {
  readonly topics: readonly AnyTopic[]
  /** Its records are changes of a table: null is a value, it takes a row away. */
  readonly isTable: boolean
  readonly maxFutureMs: number | undefined
  readonly rejections: { readonly name: string; readonly help: string } | undefined
  readonly errors: ErrorOptions
}

export type StatelessOperator =
  | 'filter'
  | 'filter-not'
  | 'map'
  | 'flat-map'
  | 'map-values'
  | 'flat-map-values'
  | 'select-key'
  | 'peek'
  | 'for-each'

export interface StatelessNode extends Node<'stateless'> {
  readonly operator: StatelessOperator
  readonly fn: UserFunction
}

/** New values that take their time. */
export interface MapAsyncNode extends Node<'map-async'> {
  readonly fn: UserFunction
  readonly concurrency: number
  readonly timeoutMs: number
  readonly retries: number
  readonly backoffMs: number
}

export interface MergeNode extends Node<'merge'> {}

export interface SplitNode extends Node<'split'> {
  /** By branch; without one, it takes what is left. */
  readonly predicates: readonly (UserFunction | undefined)[]
}

export interface BranchNode extends Node<'branch'> {
  /** Its place in the split. */
  readonly branch: number
}

/** What goes through a repartition topic. */
export interface Repartition {
  /** Internal name of the topic. */
  readonly topic: string
  readonly partitions: number | undefined
  readonly key: AnySerde
  readonly value: AnySerde
  /** Whether records without a key go through, too. */
  readonly keepsNullKeys?: boolean
  /** Of its nodes. Default: the topic's, and what they are. */
  readonly ends?: { readonly sink: string; readonly source: string }
}

export interface RepartitionNode extends Node<'repartition'> {
  readonly repartition: Repartition
}

export interface AggregateNode extends Node<'aggregate'> {
  /** Of the aggregate, its store and its topics. */
  readonly durable: string
  readonly key: AnySerde
  readonly plan: AggregationPlan
  readonly windows: WindowSpec | undefined
  /** How long closed windows stay readable; undefined: as long as they need. */
  readonly retentionMs: number | undefined
  readonly logged: boolean
  /** Where the key has changed on the way; undefined where records are at home already. */
  readonly repartition: Repartition | undefined
  /** Whether records are made one per key before they go through it. Default: they are not. */
  readonly isCombined?: boolean
}

/** In sessions or sliding windows. */
export interface RecordWindowAggregateNode extends Node<'record-window-aggregate'> {
  /** Of the aggregate, its store and its topics. */
  readonly durable: string
  readonly key: AnySerde
  readonly plan: AggregationPlan
  readonly windows: RecordWindowSpec
  readonly retentionMs: number | undefined
  readonly logged: boolean
  readonly repartition: Repartition | undefined
}

/** Records that count for no window of its input, as that got them. */
export interface LateNode extends Node<'late'> {
  /** Of the aggregate. */
  readonly durable: string
}

export interface GlobalAggregateNode extends Node<'global-aggregate'> {
  readonly durable: string
  readonly windows: WindowSpec
  readonly aggregators: Aggregators<never>
}

/** Of records with one id, the first. */
export interface DeduplicateNode extends Node<'deduplicate'> {
  readonly durable: string
  readonly by: UserFunction
  /** Undefined: the others are dropped. */
  readonly others: UserFunction | undefined
  readonly withinMs: number
  readonly graceMs: number
}

/** Of two streams; of one with itself, if there is but one input. */
export interface StreamJoinNode extends Node<'stream-join'> {
  /** Of the join, its nodes and its stores. */
  readonly durable: string
  readonly how: 'inner' | 'left' | 'outer'
  readonly window: JoinWindow
  readonly key: AnySerde
  readonly left: AnySerde
  readonly right: AnySerde
  readonly joiner: UserFunction
  /** Sides whose records may be in another partition than their key's. */
  readonly strays: readonly ('left' | 'right')[]
  /** One buffer for both sides of a stream that is joined with itself. */
  readonly isMerged: boolean
}

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

/** Of a stream, its first input, with a table. */
export interface StreamTableJoinNode extends Node<'stream-table-join'> {
  readonly how: 'inner' | 'left'
  readonly joiner: UserFunction
  /** Whether records may be in another partition than their key's. */
  readonly isStray: boolean
  /** Where records wait for rows that come late. */
  readonly buffer:
    | {
        readonly durable: string
        readonly graceMs: number
        readonly key: AnySerde
        readonly value: AnySerde
      }
    | undefined
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

export interface StreamGlobalJoinNode extends Node<'stream-global-join'> {
  readonly how: 'inner' | 'left'
  /** Of the table. */
  readonly durable: string
  /** From a record to a key of the table. */
  readonly fn: UserFunction
  readonly joiner: UserFunction
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

/** Several grouped streams in one aggregate. */
export interface CogroupNode extends Node<'cogroup'> {
  readonly durable: string
  readonly key: AnySerde
  readonly plan: AggregationPlan
  readonly windows: WindowSpec | RecordWindowSpec | undefined
  readonly retentionMs: number | undefined
  readonly logged: boolean
  /** Of the nodes behind its inputs. */
  readonly ends: readonly string[]
  /** By input. */
  readonly repartitions: readonly (Repartition | undefined)[]
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

export interface CounterNode extends Node<'counter'> {
  readonly counter: {
    readonly name: string
    readonly help: string
    readonly label: { readonly name: string; readonly of: UserFunction } | undefined
  }
}

export interface SinkNode extends Node<'sink'> {
  readonly topics: readonly AnyTopic[]
  /** Which of the topics; undefined if there is but one. */
  readonly choose: UserFunction | undefined
}

export interface ProcessNode extends Node<'process'> {
  readonly keepsKey: boolean
  readonly stores: StoreHandles
  readonly factory: UserFunction
}

export type LogicalNode =
  | SourceNode
  | StatelessNode
  | MapAsyncNode
  | MergeNode
  | SplitNode
  | BranchNode
  | RepartitionNode
  | AggregateNode
  | RecordWindowAggregateNode
  | GlobalAggregateNode
  | LateNode
  | StreamJoinNode
  | DeduplicateNode
  | TableNode
  | TableJoinNode
  | ForeignKeyJoinNode
  | GlobalTableNode
  | StreamGlobalJoinNode
  | StreamTableJoinNode
  | TableFilterNode
  | TableValuesNode
  | StoredNode
  | TableSelectNode
  | TableAggregateNode
  | CogroupNode
  | SuppressNode
  | ToStreamNode
  | GaugeNode
  | CounterNode
  | SinkNode
  | ProcessNode

/** Where operators leave their nodes; one per builder. */
export class Graph {
  readonly #nodes: LogicalNode[] = []
  #names = 0

  /** `KSTREAM-FILTER-0000000001`: one counter for all, as in Kafka Streams. */
  nameOf(prefix: string): string {
    return `${prefix}-${String(this.#names++).padStart(10, '0')}`
  }

  /** Numbers that Kafka Streams takes without showing them. */
  skipNames(count: number): void {
    this.#names += count
  }

  add<N extends LogicalNode>(node: N): N {
    Object.freeze(node.inputs)
    Object.freeze(node)
    this.#nodes.push(node)
    return node
  }

  nodes(): readonly LogicalNode[] {
    return Object.freeze([...this.#nodes])
  }
}
