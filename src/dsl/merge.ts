/** Several streams as one: what their records have in common travels on. */
import { TopologyError } from '../errors.ts'
import type { StreamFlow } from './flow.ts'
import { flowOf } from './joinable-stream.ts'
import type { KStream } from './k-stream.ts'

type StreamKey<S> = S extends KStream<infer K, infer _> ? K : never
type StreamValue<S> = S extends KStream<infer _, infer V> ? V : never
type AnyStream = KStream<unknown, unknown>

/** Several streams as one: `merge(clicks, orders, returns)`; its types are the unions of theirs. */
export function merge<const S extends readonly [AnyStream, ...AnyStream[]]>(
  ...streams: S
): KStream<StreamKey<S[number]>, StreamValue<S[number]>> {
  const merged = mergeFlows(streams.map((stream) => flowOf(stream)))
  return merged as KStream<StreamKey<S[number]>, StreamValue<S[number]>>
}

/** Throws if they come from different builders. */
export function mergeFlows(flows: readonly StreamFlow[]): AnyStream {
  const [first] = flows as [StreamFlow]
  const { graph, make } = first
  if (flows.some((flow) => flow.graph !== graph)) {
    throw new TopologyError(
      'MILLRACE_GRAPH_FOREIGN',
      'These streams come from different builders, and cannot be merged: ' +
        'make them with one StreamsBuilder, or let one write a topic that the other reads.'
    )
  }
  const inputs = [...new Set(flows.map(({ node }) => node))]
  const node = graph.add({ kind: 'merge', name: graph.nameOf('KSTREAM-MERGE'), inputs })
  // A serde travels on if all streams have the same one.
  const key = flows.every((flow) => flow.key === first.key) ? first.key : undefined
  const value = flows.every((flow) => flow.value === first.value) ? first.value : undefined
  const keyChanged = flows.some((flow) => flow.keyChanged)
  return make.stream({ graph, make, node, key, value, keyChanged })
}
