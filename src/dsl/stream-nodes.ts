/** What the operators of streams leave in the graph: one shape of node an operator. */
import type { Aggregators } from '../aggregators/aggregator.ts'
import type { ErrorOptions } from '../error-policy.ts'
import type { AggregationPlan } from '../operators/specs.ts'
import type { StoreHandles } from '../processor/processor.ts'
import type { JoinWindow } from '../windows/join-window.ts'
import type { RecordWindowSpec } from '../windows/record-windows.ts'
import type { WindowSpec } from '../windows/windows.ts'
import type { AnySerde, AnyTopic, Node, UserFunction } from './graph.ts'

export interface SourceNode extends Node<'source'> {
  readonly topics: readonly AnyTopic[]
  /** Its records are changes of a table: null is a value, it takes a row away. */
  readonly isTable: boolean
  readonly maxFutureMs: number | undefined
  /** Decodes what nobody reads as well. */
  readonly validates: boolean
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

export interface StreamGlobalJoinNode extends Node<'stream-global-join'> {
  readonly how: 'inner' | 'left'
  /** Of the table. */
  readonly durable: string
  /** From a record to a key of the table. */
  readonly fn: UserFunction
  readonly joiner: UserFunction
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
