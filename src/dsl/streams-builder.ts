/** Where a topology begins: sources, and what is built from all that hangs on them. */
import { type Duration, durationMs } from '../durations.ts'
import type { ErrorOptions } from '../error-policy.ts'
import { buildTopology } from '../topology/build.ts'
import { withErrorOptions } from '../topology/errors.ts'
import type { Optimize } from '../topology/optimizations.ts'
import type { Topology } from '../topology/topology.ts'
import type { Emission } from '../windows/windows.ts'
import { BranchedKStream } from './branch.ts'
import { CogroupedAggregators } from './cogrouped-aggregators.ts'
import { CogroupedStream } from './cogrouped-stream.ts'
import type { Makers } from './flow.ts'
import { GlobalKTable } from './global-k-table.ts'
import { type AnySerde, type AnyTopic, Graph, type LogicalNode } from './graph.ts'
import { KGroupedStream } from './k-grouped-stream.ts'
import { KGroupedTable } from './k-grouped-table.ts'
import { KStream } from './k-stream.ts'
import { KTable, StoredKTable, VersionedKTable, WindowedKTable } from './k-table.ts'
import type { Key, Value } from './keys.ts'
import { drawBlueprint } from './passes/blueprint.ts'
import { checkGraph } from './passes/check.ts'
import { optimizeGraph } from './passes/optimize.ts'
import { mergeSources } from './passes/sources.ts'
import { SessionKTable, SessionWindowedStream } from './session-windowed-stream.ts'
import type { Topic } from './topic.ts'
import { GlobalWindowedStream, WindowedStream } from './windowed-stream.ts'

export interface SourceOptions {
  /** Records dated further ahead of the wall clock are rejected as `future`. Default `'off'`. */
  readonly maxFuture?: Duration | 'off'
  /**
   * Reads keys and values though nothing behind the source does, so that what is broken counts as
   * `decode`; what nobody reads is not decoded otherwise. Default false.
   */
  readonly validate?: boolean
  /** A counter, by `reason`, of what this source rejects. */
  readonly rejections?: { readonly name: string; readonly help: string }
  /** What happens to its records that fail; for those behind a repartition, ask the builder. */
  readonly errors?: ErrorOptions
}

export interface BuildOptions {
  /**
   * Fewer stores, topics and records where the result is the same; `true` is `'all'`. It decides
   * what is durable: see `docs/semantics.md`. `StreamApp` may ask for others. Default `'none'`.
   */
  readonly optimize?: Optimize
}

export interface TableOptions extends SourceOptions {
  /** Whether changes go to a changelog, from which a lost store is restored. Default true. */
  readonly logged?: boolean
  /**
   * Keeps the past of each row for that long, behind the newest record: joins of a stream then meet
   * the row of the record's own time, and late rows change the past alone.
   */
  readonly versioned?: { readonly history: Duration }
}

type KeyOf<T> = T extends Topic<infer K, infer _> ? K : never
type ValueOf<T> = T extends Topic<infer _, infer V> ? V : never
/** Any topic; what it is a topic of is asked by `KeyOf` and `ValueOf`. */
type SomeTopic = Pick<AnyTopic, 'kind' | 'name'>

/**
 *     const builder = new StreamsBuilder()
 *     builder.stream(orders).groupBy((order) => order.user).count('orders-by-user')
 *     const topology = builder.build()
 */
export class StreamsBuilder {
  readonly #graph = new Graph()
  readonly #errors: ErrorOptions

  /** `errors`: what happens to records that fail, wherever their source does not say. */
  constructor({ errors = {} }: { readonly errors?: ErrorOptions } = {}) {
    this.#errors = errors
  }

  /** One topic, or several with the same or different types. */
  stream<K, V>(topic: Topic<K, V>, options?: SourceOptions): KStream<K, V>
  stream<const T extends readonly [SomeTopic, ...SomeTopic[]]>(
    topics: T,
    options?: SourceOptions
  ): KStream<KeyOf<T[number]>, ValueOf<T[number]>>
  stream(from: object, options: SourceOptions = {}): unknown {
    const topics = Object.freeze([from].flat() as AnyTopic[])
    const graph = this.#graph
    const node = addSource(graph, topics, options, false)
    const key = common(topics.map((topic) => topic.key))
    const value = common(topics.map((topic) => topic.value))
    return new KStream({ graph, make: makers, node, key, value, keyChanged: false })
  }

  /**
   * A topic as a table: the last value of each key; a null value takes the row away. Its rows are
   * kept in the store `name`. Without a name they are kept only if a join or a grouping reads them,
   * in a store that has the topic's name.
   *
   *     const users = builder.table(userTopic, 'users')
   *     orders.leftJoin(users, (order, user) => ({ ...order, region: user?.region ?? null }))
   */
  table<K, V>(
    topic: Topic<K, V>,
    name: string,
    options: TableOptions & Required<Pick<TableOptions, 'versioned'>>
  ): VersionedKTable<Key<K>, Value<V>>
  table<K, V>(
    topic: Topic<K, V>,
    name: string,
    options?: TableOptions
  ): StoredKTable<Key<K>, Value<V>>
  table<K, V>(topic: Topic<K, V>): KTable<Key<K>, Value<V>>
  table(topic: object, name?: string, options: TableOptions = {}): unknown {
    const from = topic as AnyTopic
    const graph = this.#graph
    const source = addSource(graph, Object.freeze([from]), options, true)
    const { key, value } = from
    const durable = name ?? from.name
    const node = graph.add({
      kind: 'table',
      name: graph.nameOf('KTABLE-SOURCE'),
      durable,
      isStored: name !== undefined,
      key,
      value,
      logged: options.logged ?? true,
      historyMs: options.versioned && durationMs(options.versioned.history),
      repartition: undefined,
      inputs: [source],
    })
    const flow = { graph, make: makers, node, durable, key, value }
    if (name === undefined) return new KTable(flow)
    return node.historyMs === undefined ? new StoredKTable(flow) : new VersionedKTable(flow)
  }

  /**
   * A topic as a table that each instance has whole, in a store of that name: streams join it by
   * any key that their records name.
   *
   *     const products = builder.globalTable(productTopic, 'products')
   *     orders.join(products, (order) => order.product, (order, { title }) => title)
   */
  globalTable<K, V>(topic: Topic<K, V>, durable: string): GlobalKTable<Key<K>, Value<V>> {
    const graph = this.#graph
    const rest = { durable, topic: topic as unknown as AnyTopic, inputs: [] }
    const source = graph.nameOf('KSTREAM-SOURCE')
    const name = graph.nameOf('KTABLE-SOURCE')
    const table = graph.add({ kind: 'global-table', name, source, ...rest })
    return new GlobalKTable<Key<K>, Value<V>>(graph, table)
  }

  /**
   * The topology as it is now; the builder may go on growing. Throws a TopologyError that names the
   * node and the way out.
   */
  build({ optimize = 'none' }: BuildOptions = {}): Topology {
    const nodes = mergeSources(this.#graph.nodes())
    checkGraph(nodes)
    return drawTopology(nodes, optimize, this.#errors)
  }
}

function drawTopology(
  nodes: readonly LogicalNode[],
  optimize: Optimize,
  errors: ErrorOptions
): Topology {
  const blueprint = drawBlueprint(optimizeGraph(nodes, optimize))
  const other = (asked: Optimize): Topology => drawTopology(nodes, asked, errors)
  return withErrorOptions(buildTopology(blueprint, other), errors)
}

const makers: Makers = Object.freeze({
  stream: (flow) => new KStream<never, never>(flow),
  branched: (flow) => new BranchedKStream<never, never, never, unknown>(flow, []),
  grouped: (flow) => new KGroupedStream<never, never>(flow),
  windowed: (...args) => new WindowedStream<never, never, never>(...args),
  globalWindowed: (...args) => new GlobalWindowedStream<never, never>(...args),
  cogrouped: (input) => new CogroupedStream<never, never>([input]),
  cogroupedFields: (input) => new CogroupedAggregators<never, never>([input]),
  sessions: (...args) => new SessionWindowedStream<never, never, never>(...args),
  table: (flow) => new StoredKTable<never, never>(flow),
  groupedTable: (flow) => new KGroupedTable<never, never>(flow),
  sessionTable: (flow, windows) => new SessionKTable<never, never, Emission>(flow, windows),
  windowedTable: (flow, windows) => new WindowedKTable<never, never, Emission>(flow, windows),
} satisfies Makers)

function addSource(
  graph: Graph,
  topics: readonly AnyTopic[],
  { maxFuture = 'off', validate = false, rejections, errors = {} }: SourceOptions,
  isTable: boolean
): LogicalNode {
  return graph.add({
    kind: 'source',
    name: graph.nameOf('KSTREAM-SOURCE'),
    topics,
    isTable,
    maxFutureMs: maxFuture === 'off' ? undefined : durationMs(maxFuture),
    validates: validate,
    rejections: rejections && Object.freeze({ ...rejections }),
    errors: Object.freeze({ ...errors }),
    inputs: [],
  })
}

function common(serdes: readonly AnySerde[]): AnySerde | undefined {
  const [first] = serdes
  return serdes.every((serde) => serde === first) ? first : undefined
}
