/** A topology as text, in the form of Kafka Streams. */
import { internalTopicName } from './internal-topics.ts'
import type { GlobalTableSpec, NodeSpec, SubtopologySpec } from './topology.ts'

/**
 *     Topologies:
 *        Sub-topology: 0
 *         Source: KSTREAM-SOURCE-0000000000 (topics: [events])
 *           --> KSTREAM-FILTER-0000000001
 *
 * Global tables are no sub-topologies: no task has them. They are told of behind those.
 */
export function describeTopology({
  subtopologies,
  globals,
}: {
  readonly subtopologies: readonly SubtopologySpec[]
  readonly globals: readonly GlobalTableSpec[]
}): string {
  const tables = globals.map((table, index) => describeGlobal(subtopologies.length + index, table))
  return `Topologies:\n ${[...subtopologies.map(describeSubtopology), ...tables].join('')}`
}

function describeGlobal(id: number, { name, topic, nodes: [source, table] }: GlobalTableSpec) {
  return [
    `  Sub-topology: ${id} for global store (will not generate tasks)`,
    `    Source: ${source} (topics: [${topic}])\n      --> ${table}`,
    `    Processor: ${table} (stores: [${name}])\n      --> none\n      <-- ${source}`,
    '',
  ].join('\n')
}

function describeSubtopology({ id, nodes }: SubtopologySpec): string {
  const parents = new Map<string, string[]>(nodes.map(({ name }) => [name, []]))
  for (const node of nodes) for (const child of node.children) parents.get(child)?.push(node.name)
  const sizes = new Map<string, number>()
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const sizeOf = (name: string): number => {
    const known = sizes.get(name)
    if (known !== undefined) return known
    const size = 1 + sum((byName.get(name)?.children ?? []).map(sizeOf))
    sizes.set(name, size)
    return size
  }
  /** The largest tree of successors first, then by name. */
  const order = (a: string, b: string): number =>
    sizeOf(b) - sizeOf(a) || (a < b ? -1 : Number(a > b))
  const list = (names: readonly string[]): string =>
    names.length === 0 ? 'none' : [...names].sort(order).join(', ')
  const text = [...nodes]
    .sort((a, b) => order(a.name, b.name))
    .map(
      (node) =>
        `    ${describeNode(node, list(node.children), list(parents.get(node.name) ?? []))}\n`
    )
  return `  Sub-topology: ${id}\n${text.join('')}\n`
}

function describeNode(node: NodeSpec, children: string, parents: string): string {
  if (node.kind === 'source') {
    const topics = node.topics.map(({ name, internal }) => topicName(name, internal))
    return `Source: ${node.name} (topics: [${topics.join(', ')}])\n      --> ${children}`
  }
  if (node.kind === 'sink') {
    const topic =
      node.topic === undefined
        ? 'chosen by record'
        : `topic: ${topicName(node.topic, node.operator !== 'to')}`
    return `Sink: ${node.name} (${topic})\n      <-- ${parents}`
  }
  const stores = `(stores: [${node.told.join(', ')}])`
  return `Processor: ${node.name} ${stores}\n      --> ${children}\n      <-- ${parents}`
}

/** Internal topics by the name they have behind the application's. */
export function topicName(name: string, internal: boolean): string {
  return internal ? internalTopicName(name) : name
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
