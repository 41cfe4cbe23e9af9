/**
 * What a topology needs of a log: physical topic names, partition counts, and the tasks.
 * A task is a sub-topology × a partition; a sub-topology has as many tasks as the greatest of its
 * source topics has partitions.
 */
import { present } from '../assert.ts'
import { TopologyError } from '../errors.ts'
import type { TaskId, TopicPartition } from '../ids.ts'
import { taskId } from '../ids.ts'
import { expectDeadLetterTopics } from '../topology/errors.ts'
import { atLeastOnceChangelogConfig, internalTopicName } from '../topology/internal-topics.ts'
import type {
  SourceNodeSpec,
  SourceTopicSpec,
  SubtopologySpec,
  Topology,
  TopologyTopic,
} from '../topology/topology.ts'
import { Copartitions } from './copartitions.ts'
import type { TopicRequirement } from './ports.ts'
import type { Guarantee } from './task-environment.ts'
import type { TaskAggregate } from './task-time.ts'

export interface PlannedSource extends TopicPartition {
  readonly node: SourceNodeSpec
  readonly spec: SourceTopicSpec
}

export interface PlannedTask {
  readonly id: TaskId
  readonly partition: number
  readonly subtopology: SubtopologySpec
  readonly sources: readonly PlannedSource[]
  /** Its timed aggregates, each with those of its sources that it hears of time from. */
  readonly aggregates: readonly TaskAggregate[]
}

export interface Plan {
  readonly applicationId: string
  readonly tasks: readonly PlannedTask[]
  readonly requirements: readonly TopicRequirement[]
  /** By physical name; internal topics by their short name too. */
  readonly partitionCounts: ReadonlyMap<string, number>
  /** How many tasks write to a repartition topic, by its short name. */
  readonly producerCounts: ReadonlyMap<string, number>
}

export function repartitionTopic(applicationId: string, name: string): string {
  return `${applicationId}-${internalTopicName(name)}`
}

export function changelogTopic(applicationId: string, store: string): string {
  return `${applicationId}-${store}-changelog`
}

/** What must be there before anything can be planned: the user's topics that are read. */
export function sourceRequirements(topology: Topology): readonly TopicRequirement[] {
  const names = topology.subtopologies.flatMap(({ nodes }) =>
    nodes.flatMap((node) =>
      node.kind === 'source'
        ? node.topics.filter(({ internal }) => !internal).map(({ name }) => name)
        : []
    )
  )
  const globals = topology.globals.map(({ topic }) => topic)
  return [...new Set([...names, ...globals])].map((name) => {
    const topic = topology.topics.find((one) => one.name === name && isVisible(one))
    return userTopic(present(topic, `topic '${name}' among those of the topology`))
  })
}

function isVisible({ role }: TopologyTopic): boolean {
  return role === 'source' || role === 'sink'
}

function userTopic({ name, role, partitions, config, create }: TopologyTopic): TopicRequirement {
  return { name, role, config, create, ...(typeof partitions === 'number' ? { partitions } : {}) }
}

/** @param sourceCounts partition counts of `sourceRequirements` */
export function makePlan(
  topology: Topology,
  applicationId: string,
  sourceCounts: ReadonlyMap<string, number>,
  guarantee: Guarantee = 'exactly_once'
): Plan {
  expectDeadLetterTopics(topology)
  const counts = new PartitionCounts(topology, sourceCounts)
  const tasks = topology.subtopologies.flatMap((subtopology) =>
    Array.from({ length: counts.tasksOf(subtopology) }, (_, partition) =>
      planTask(applicationId, subtopology, partition, counts)
    )
  )
  const requirements = requirementsOf(topology, applicationId, counts, guarantee)
  const partitionCounts = new Map(sourceCounts)
  for (const topic of topology.topics) {
    if (topic.role !== 'repartition') continue
    partitionCounts.set(topic.name, counts.of(topic.name))
    partitionCounts.set(repartitionTopic(applicationId, topic.name), counts.of(topic.name))
  }
  return {
    applicationId,
    tasks,
    requirements,
    partitionCounts,
    producerCounts: producerCounts(topology, counts),
  }
}

function planTask(
  applicationId: string,
  subtopology: SubtopologySpec,
  partition: number,
  counts: PartitionCounts
): PlannedTask {
  const sources = subtopology.nodes.flatMap((node) =>
    node.kind !== 'source'
      ? []
      : node.topics
          .filter((topic) => partition < counts.of(topic.name))
          .map((spec) => ({
            topic: spec.internal ? repartitionTopic(applicationId, spec.name) : spec.name,
            partition,
            node,
            spec,
          }))
  )
  const aggregates = subtopology.aggregates.map(({ sources: names, ...timed }) => {
    const partitions = sources.flatMap(({ node }, index) =>
      names.includes(node.name) ? index : []
    )
    return { ...timed, partitions }
  })
  return { id: taskId(subtopology.id, partition), partition, subtopology, sources, aggregates }
}

function requirementsOf(
  topology: Topology,
  applicationId: string,
  counts: PartitionCounts,
  guarantee: Guarantee
): readonly TopicRequirement[] {
  const added = guarantee === 'at_least_once' ? atLeastOnceChangelogConfig : {}
  const visible = topology.topics
    .filter((topic) => topic.role !== 'changelog')
    .map((topic) => requirementOf(topic, applicationId, counts))
  const changelogs = topology.subtopologies.flatMap((subtopology) =>
    subtopology.stores
      .filter((store) => store.logged)
      .map((store): TopicRequirement => {
        const topic = topology.topics.find(
          (one) => one.role === 'changelog' && one.name === store.name
        )
        return {
          name: changelogTopic(applicationId, store.name),
          role: 'changelog',
          partitions: counts.tasksOf(subtopology),
          config: { ...topic?.config, ...store.config, ...added },
          create: true,
        }
      })
  )
  return [...visible, ...changelogs]
}

function requirementOf(
  topic: TopologyTopic,
  applicationId: string,
  counts: PartitionCounts
): TopicRequirement {
  const { role, config, create } = topic
  if (role === 'repartition') {
    const name = repartitionTopic(applicationId, topic.name)
    return { name, role, partitions: counts.of(topic.name), config, create }
  }
  return userTopic(topic)
}

function producerCounts(topology: Topology, counts: PartitionCounts): Map<string, number> {
  const producers = new Map<string, number>()
  for (const subtopology of topology.subtopologies) {
    const written = new Set(
      subtopology.nodes.flatMap((node) => (node.kind === 'source' ? [] : (node.topic ?? [])))
    )
    for (const topic of written) {
      producers.set(topic, (producers.get(topic) ?? 0) + counts.tasksOf(subtopology))
    }
  }
  return producers
}

/** Partition counts by short name; those that hang on other topics are resolved on demand. */
class PartitionCounts {
  readonly #topics: ReadonlyMap<string, TopologyTopic>
  readonly #known: Map<string, number>
  readonly #resolving = new Set<string>()
  readonly #copartitions: Copartitions

  constructor(topology: Topology, sourceCounts: ReadonlyMap<string, number>) {
    // A topic that is a source and a sink as well is known by its role as a source.
    const topics = new Map<string, TopologyTopic>()
    for (const topic of topology.topics) {
      if (topic.role === 'changelog') continue
      if (topics.get(topic.name)?.role !== 'source') topics.set(topic.name, topic)
    }
    this.#topics = topics
    this.#known = new Map(sourceCounts)
    this.#copartitions = new Copartitions(topology.copartitions, topics)
    this.#copartitions.check((name) => this.of(name))
  }

  of(name: string): number {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const topic = this.#topics.get(name)
    if (topic === undefined) throw unknownCount(`topic '${name}' is not part of the topology`)
    if (this.#resolving.has(name)) throw unknownCount(`topic '${name}' depends on itself`)
    this.#resolving.add(name)
    const count = this.resolve(topic)
    this.#resolving.delete(name)
    this.#known.set(name, count)
    return count
  }

  resolve({ name, partitions }: TopologyTopic): number {
    if (typeof partitions === 'number') return partitions
    if (partitions === undefined) throw unknownCount(`topic '${name}' has no number of its own`)
    const leader = this.#copartitions.leaderOf(name)
    if (leader !== undefined) return this.of(leader)
    const writers = this.#copartitions.writersOf(name, partitions.sameAs)
    return Math.max(1, ...writers.map((other) => this.of(other)))
  }

  tasksOf(subtopology: SubtopologySpec): number {
    const counts = subtopology.nodes.flatMap((node) =>
      node.kind === 'source' ? node.topics.map((topic) => this.of(topic.name)) : []
    )
    return Math.max(0, ...counts)
  }
}

function unknownCount(why: string): TopologyError {
  return new TopologyError(
    'MILLRACE_PARTITIONS_UNKNOWN',
    `The number of partitions cannot be derived: ${why}. State it, or name the topics it follows.`
  )
}
