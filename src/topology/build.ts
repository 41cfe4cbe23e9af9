/**
 * Cuts a blueprint into sub-topologies: what is connected by edges, or by a store, belongs
 * together; what meets only in a topic does not.
 *
 *     events ─▶ filter ─▶ [sink x]     ┊     [source x] ─▶ aggregate ─▶ [sink out]
 *         sub-topology 0               ┊               sub-topology 1
 *
 * Sub-topologies are numbered in the order of their first nodes, which is that of the calls.
 */
import { present } from '../assert.ts'
import { TopologyError } from '../errors.ts'
import type { Blueprint, NodeBlueprint } from './blueprint.ts'
import { compareTopologies } from './compare.ts'
import { describeTopology } from './describe.ts'
import { repartitionConfig } from './internal-topics.ts'
import { topologyJson } from './json.ts'
import { topologyMermaid } from './mermaid.ts'
import type { Optimize } from './optimizations.ts'
import { type Children, childrenOf, readBehind } from './reads.ts'
import type {
  NodeSpec,
  SourceNodeSpec,
  StoreSpec,
  SubtopologySpec,
  Topology,
  TopologyJson,
  TopologyTopic,
} from './topology.ts'

/**
 * Throws a TopologyError for what no topology can be built from.
 *
 * @param optimized draws it anew; without it, there is nothing to optimize
 */
export function buildTopology(
  blueprint: Blueprint,
  optimized?: (optimize: Optimize) => Topology
): Topology {
  const children = childrenOf(blueprint.nodes)
  const subtopologies = Object.freeze(
    group(blueprint.nodes).map((nodes, id) => subtopology(id, nodes, children))
  )
  const topics = frozen(topicsOf(blueprint, subtopologies))
  const instruments = frozen([...blueprint.instruments])
  const copartitions = frozen(merged(blueprint.copartitions ?? []))
  const globals = Object.freeze([...(blueprint.globals ?? [])])
  const readable = Object.freeze([...(blueprint.readable ?? [])])
  const parts = { subtopologies, topics, copartitions, globals, readable, instruments }
  const topology: Topology = Object.freeze({
    ...parts,
    optimized: (asked: Optimize) => optimized?.(asked) ?? topology,
    describe: () => describeTopology(parts),
    compare: (before: Topology | TopologyJson) =>
      compareTopologies('toJson' in before ? before.toJson() : before, topologyJson(parts)),
    toJson: () => topologyJson(parts),
    toMermaid: () => topologyMermaid(subtopologies),
  })
  return topology
}

/** Groups that share a topic are one. */
function merged(groups: readonly (readonly string[])[]): readonly (readonly string[])[] {
  const found: (readonly string[])[] = []
  for (const group of groups) {
    const touched = found.filter((other) => other.some((name) => group.includes(name)))
    for (const other of touched) found.splice(found.indexOf(other), 1)
    found.push([...new Set([...touched.flat(), ...group])])
  }
  return found
}

/** Nodes that hang together, each group and the groups themselves in the order of the nodes. */
function group(nodes: readonly NodeBlueprint[]): readonly (readonly NodeBlueprint[])[] {
  const leaders = new Map<string, string>()
  const leaderOf = (name: string): string => {
    let leader = name
    while (leaders.get(leader) !== undefined) leader = leaders.get(leader) as string
    return leader
  }
  const join = (a: string, b: string): void => {
    const [first, second] = [leaderOf(a), leaderOf(b)]
    if (first !== second) leaders.set(second, first)
  }
  const owners = new Map<string, string>()
  for (const node of nodes) {
    if (node.kind === 'source') continue
    for (const parent of node.parents) join(parent, node.name)
    for (const { name } of node.stores) {
      const owner = owners.get(name)
      if (owner === undefined) owners.set(name, node.name)
      else join(owner, node.name)
    }
  }
  const groups = new Map<string, NodeBlueprint[]>()
  for (const node of nodes) {
    const leader = leaderOf(node.name)
    groups.set(leader, [...(groups.get(leader) ?? []), node])
  }
  return [...groups.values()]
}

function subtopology(
  id: number,
  nodes: readonly NodeBlueprint[],
  children: Children
): SubtopologySpec {
  const operators = nodes.filter((node) => node.kind !== 'source')
  const stores = new Map<string, StoreSpec>()
  for (const store of operators.flatMap((node) => node.stores)) {
    if (!stores.has(store.name)) stores.set(store.name, store)
  }
  const specs = nodes.map((node) => nodeSpec(node, children))
  const sources = specs.filter((node) => node.kind === 'source')
  const aggregates = operators.flatMap((node) =>
    node.aggregates.map((timed) => {
      const above = ancestorsOf(node, nodes)
      const own = sources.filter(({ name }) => above.has(name))
      expectUserSources(timed.name, own)
      return Object.freeze({ ...timed, sources: Object.freeze(own.map(({ name }) => name)) })
    })
  )
  return Object.freeze({
    id,
    nodes: Object.freeze([...sources, ...specs.filter((node) => node.kind !== 'source')]),
    stores: frozen([...stores.values()]),
    aggregates: frozen(aggregates),
  })
}

/** All that records pass on their way to a node; what it only looks things up in does not count. */
function ancestorsOf(node: NodeBlueprint, nodes: readonly NodeBlueprint[]): ReadonlySet<string> {
  const above = new Set([node.name])
  // Parents come before their children.
  for (const one of nodes.toReversed()) {
    if (one.kind === 'source' || !above.has(one.name)) continue
    for (const parent of one.parents) above.add(parent)
  }
  return above
}

/** Only tasks that read topics of the user know how far event time has come. */
function expectUserSources(aggregate: string, sources: readonly SourceNodeSpec[]): void {
  const topic = sources.flatMap(({ topics }) => topics).find(({ internal }) => internal)
  if (topic === undefined) return
  throw new TopologyError(
    'MILLRACE_WINDOW_WITHOUT_SOURCE',
    `The windows of '${aggregate}' close by watermark, but its records come through the ` +
      `repartition topic '${topic.name}', which carries none. Put it directly behind a source, ` +
      'or group by groupBy instead of repartition, or leave out idle.'
  )
}

function nodeSpec(node: NodeBlueprint, children: Children): NodeSpec {
  const own = present(children.get(node.name), `children of ${node.name}`)
  const names = Object.freeze(own.map(({ name }) => name))
  if (node.kind === 'source') {
    const read = readBehind(node.name, children)
    const { kind, name, topics } = node
    return Object.freeze({
      kind,
      name,
      topics: Object.freeze(topics.map((topic) => Object.freeze(topic))),
      children: names,
      readsKey: read.key || node.reads.key,
      readsValue: read.value || node.reads.value,
    })
  }
  const { kind, name, operator, topic } = node
  const stores = Object.freeze([...new Set(node.stores.map((store) => store.name))])
  const create = (): ReturnType<typeof node.create> => node.create()
  const late = own.filter(({ takesLate }) => takesLate === true).map((child) => child.name)
  const lateChildren = Object.freeze(late)
  return Object.freeze({
    kind,
    name,
    operator,
    topic,
    children: names,
    lateChildren,
    stores,
    told: Object.freeze([...(node.told ?? stores)]),
    create,
  })
}

function topicsOf(
  { sources, sinks, repartitions }: Blueprint,
  subtopologies: readonly SubtopologySpec[]
): readonly TopologyTopic[] {
  const topics: TopologyTopic[] = []
  for (const topic of sources) {
    const created = sinks.some(({ name, create }) => create && name === topic.name)
    if (created) continue
    topics.push({
      name: topic.name,
      role: 'source',
      partitions: undefined,
      config: {},
      create: false,
    })
  }
  for (const topic of sinks) {
    if (topics.some(({ name }) => name === topic.name)) continue
    topics.push({ ...topic, role: 'sink' })
  }
  for (const { name, partitions } of repartitions) {
    const writers = subtopologies.filter(({ nodes }) =>
      nodes.some((node) => node.kind !== 'source' && node.topic === name)
    )
    const sameAs = [...new Set(writers.flatMap(sourceNames))]
    topics.push({
      name,
      role: 'repartition',
      partitions: partitions ?? { sameAs },
      config: repartitionConfig,
      create: true,
    })
  }
  for (const subtopology of subtopologies) {
    const partitions = { sameAs: sourceNames(subtopology) }
    for (const { name, logged, config } of subtopology.stores) {
      if (logged) topics.push({ name, role: 'changelog', partitions, config, create: true })
    }
  }
  return topics
}

function sourceNames({ nodes }: SubtopologySpec): readonly string[] {
  const sources = nodes.filter((node) => node.kind === 'source')
  return sources.flatMap(({ topics }) => topics.map(({ name }) => name))
}

/** Plain data, all the way down. */
function frozen<T>(data: T): T {
  if (typeof data !== 'object' || data === null || Object.isFrozen(data)) return data
  for (const member of Object.values(data)) frozen(member)
  return Object.freeze(data)
}
