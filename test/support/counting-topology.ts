/** Counts by key: the topology that applications on real brokers run in the tests. */
import { changelogConfig } from '../../src/topology/internal-topics.ts'
import type { StoreSpec, Topology } from '../../src/topology/topology.ts'
import {
  CountOperator,
  countStore,
  countTopic,
  node,
  sink,
  source,
  textTopic,
  topologyOf,
} from '../runtime/small-topology.ts'

export interface CountingTopologyOptions {
  readonly input: string
  readonly output: string
  readonly store?: Partial<StoreSpec>
  /** What counts, if not the plain operator. */
  readonly create?: (counts: StoreSpec) => CountOperator
}

export function countingTopology(options: CountingTopologyOptions): Topology {
  const { input, output, store, create = (spec) => new CountOperator(spec) } = options
  const counts = { ...countStore, config: changelogConfig, ...store }
  return topologyOf({
    nodes: [
      source('source', textTopic(input)),
      node('count', 'source', () => create(counts), { stores: [counts] }),
      sink('sink', 'count', countTopic(output)),
    ],
    sources: [input],
    sinks: [output],
  })
}
