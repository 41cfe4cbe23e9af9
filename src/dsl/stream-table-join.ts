/** From a stream and a table to a stream: what their join leaves in the graph. */
import { type Duration, durationMs } from '../durations.ts'
import { data } from '../serde/data.ts'
import { defaultKey } from '../serde/default-key.ts'
import type { Serde } from '../serde/serde.ts'
import type { StreamFlow } from './flow.ts'
import { GlobalKTable } from './global-k-table.ts'
import type { AnySerde, StreamTableJoinNode, UserFunction } from './graph.ts'
import { tableFlowOf } from './joinable-table.ts'
import type { KStream } from './k-stream.ts'
import type { KTable } from './k-table.ts'
import type { Key } from './keys.ts'
import { expectSameGraph } from './same-graph.ts'

/** For records that wait: how long, behind the newest one, and how they lie in the buffer. */
export interface TableJoinOptions<K, V> {
  readonly grace: Duration
  readonly key?: Serde<Key<K>>
  readonly value?: Serde<V>
}

type AnyOptions = TableJoinOptions<unknown, unknown>
type Table = KTable<unknown, unknown>

/** `(table, joiner)`, or `('name', table, joiner, { grace })`. */
export function joinTable(
  flow: StreamFlow,
  how: StreamTableJoinNode['how'],
  args: readonly unknown[]
): KStream<never, never> {
  const named = typeof args[0] === 'string' ? args : [undefined, ...args]
  const [durable, table, joiner, options] = named as readonly [
    string | undefined,
    Table,
    UserFunction,
    AnyOptions | undefined,
  ]
  const { graph, make } = flow
  const other = tableFlowOf(table as unknown as KTable<never, never>)
  expectSameGraph(graph, other.graph)
  const key = flow.key ?? other.key
  const node = graph.add({
    kind: 'stream-table-join',
    name: durable ?? graph.nameOf(how === 'inner' ? 'KSTREAM-JOIN' : 'KSTREAM-LEFTJOIN'),
    how,
    joiner,
    isStray: flow.keyChanged,
    buffer: durable === undefined ? undefined : bufferOf(flow, durable, options),
    inputs: [flow.node, other.node],
  })
  return make.stream({ graph, make, node, key, value: undefined, keyChanged: false })
}

function bufferOf(
  flow: StreamFlow,
  durable: string,
  options: AnyOptions | undefined
): StreamTableJoinNode['buffer'] {
  const key = (options?.key as AnySerde | undefined) ?? flow.key ?? (defaultKey as AnySerde)
  const value = options?.value ?? flow.value ?? data<unknown>()
  const graceMs = durationMs(options?.grace ?? '0ms')
  return Object.freeze({ durable, graceMs, key, value })
}

/** `(table, selector, joiner)` */
export function joinGlobal(
  { graph, make, node, key, keyChanged }: StreamFlow,
  how: StreamTableJoinNode['how'],
  args: readonly unknown[]
): KStream<never, never> {
  const [table, fn, joiner] = args as readonly [
    GlobalKTable<never, never>,
    UserFunction,
    UserFunction,
  ]
  const [other, { durable }] = GlobalKTable.nodeOf(table)
  expectSameGraph(graph, other)
  // Both are called so in Kafka Streams.
  const name = graph.nameOf('KSTREAM-LEFTJOIN')
  const rest = { name, how, durable, fn, joiner, inputs: [node] }
  const next = graph.add({ kind: 'stream-global-join', ...rest })
  return make.stream({ graph, make, node: next, key, value: undefined, keyChanged })
}
