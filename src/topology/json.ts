/** A topology as plain data, for the API and for comparing two of them. */
import type {
  GlobalTableSpec,
  InstrumentSpec,
  NodeJson,
  NodeSpec,
  SubtopologySpec,
  TopologyJson,
  TopologyTopic,
} from './topology.ts'

interface Parts {
  readonly subtopologies: readonly SubtopologySpec[]
  readonly globals: readonly GlobalTableSpec[]
  readonly topics: readonly TopologyTopic[]
  readonly instruments: readonly InstrumentSpec[]
}

export function topologyJson({ subtopologies, globals, topics, instruments }: Parts): TopologyJson {
  return {
    subtopologies: subtopologies.map(({ id, nodes, stores, aggregates }) => ({
      id,
      nodes: nodes.map(nodeJson),
      stores: stores.map(({ origin, ...store }) =>
        origin === undefined ? store : { ...store, origin: origin.topic }
      ),
      aggregates: aggregates.map(({ sources, ...timed }) => ({ ...timed, sources: [...sources] })),
    })),
    globals: globals.map(({ name, topic, key, value }) => ({
      name,
      topic,
      key: key.name,
      value: value.name,
    })),
    topics: topics.map(({ partitions = null, ...topic }) => ({ ...topic, partitions })),
    instruments: instruments.map(({ label = null, ...instrument }) => ({ ...instrument, label })),
  }
}

function nodeJson(node: NodeSpec): NodeJson {
  const { kind, name, children } = node
  if (kind !== 'source') {
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
