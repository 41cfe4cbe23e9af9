/** A topology as plain data, for the API and for comparing two of them. */
import type { InstrumentSpec, NodeSpec, SubtopologySpec, TopologyTopic } from './topology.ts'

interface Parts {
  readonly subtopologies: readonly SubtopologySpec[]
  readonly topics: readonly TopologyTopic[]
  readonly instruments: readonly InstrumentSpec[]
}

/** `{ subtopologies: [{ id, nodes, stores, aggregates }], topics, instruments }`; JSON keeps it. */
export function topologyJson({ subtopologies, topics, instruments }: Parts): unknown {
  return {
    subtopologies: subtopologies.map(({ id, nodes, stores, aggregates }) => ({
      id,
      nodes: nodes.map(nodeJson),
      stores: stores.map(({ name, logged, config }) => ({ name, logged, config })),
      aggregates: aggregates.map((aggregate) => ({ ...aggregate })),
    })),
    topics: topics.map(({ partitions = null, ...topic }) => ({ ...topic, partitions })),
    instruments: instruments.map(({ label = null, ...instrument }) => ({ ...instrument, label })),
  }
}

function nodeJson(node: NodeSpec): unknown {
  const { kind, name, children } = node
  if (node.kind !== 'source') {
    const { operator, topic = null, stores } = node
    return { kind, name, operator, topic, stores, children }
  }
  const { readsKey, readsValue } = node
  const topics = node.topics.map((topic) => ({
    name: topic.name,
    internal: topic.internal,
    key: topic.key.name,
    value: topic.value.name,
    maxFutureMs: topic.maxFutureMs ?? null,
  }))
  return { kind, name, topics, readsKey, readsValue, children }
}
