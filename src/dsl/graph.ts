/**
 * The logical graph: frozen, tagged nodes that the operators of the DSL leave behind, in the order
 * of the calls. Passes turn it into a topology; nothing here runs.
 */
import type { Serde } from '../serde/serde.ts'
import type {
  AggregateNode,
  BranchNode,
  CogroupNode,
  CounterNode,
  DeduplicateNode,
  GlobalAggregateNode,
  LateNode,
  MapAsyncNode,
  MergeNode,
  ProcessNode,
  RecordWindowAggregateNode,
  RepartitionNode,
  SinkNode,
  SourceNode,
  SplitNode,
  StatelessNode,
  StreamGlobalJoinNode,
  StreamJoinNode,
  StreamTableJoinNode,
} from './stream-nodes.ts'
import type {
  ForeignKeyJoinNode,
  GaugeNode,
  GlobalTableNode,
  StoredNode,
  SuppressNode,
  TableAggregateNode,
  TableFilterNode,
  TableJoinNode,
  TableNode,
  TableSelectNode,
  TableValuesNode,
  ToStreamNode,
} from './table-nodes.ts'
import type { Topic } from './topic.ts'

export type * from './stream-nodes.ts'
export type * from './table-nodes.ts'

/** A function of the user; the operator that calls it knows with what. */
export type UserFunction = (...args: never[]) => unknown
export type AnyTopic = Topic<unknown, unknown>
export type AnySerde = Serde<unknown>

/** What all nodes have. */
export interface Node<Kind extends string> {
  readonly kind: Kind
  /** As Kafka Streams would call it. */
  readonly name: string
  readonly inputs: readonly LogicalNode[]
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
