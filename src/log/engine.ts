/**
 * What all clients of one log share: topics, committed offsets, groups, the writer and the upkeep.
 *
 * Invariant: memory follows storage. Whatever changes here was durable first.
 */
import { present } from '../assert.ts'
import type { Clock } from '../clock.ts'
import { FatalError } from '../errors.ts'
import type { Offset, TopicPartition } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { TopicRequirement } from '../runtime/ports.ts'
import { LogFaults } from './faults.ts'
import { Group } from './group.ts'
import { keys, type OffsetEntry, seal, type TopicConfig, type TopicEntry } from './layout.ts'
import type { Partition } from './partition.ts'
import type { BatchWriter, Storage, StoredEntries } from './storage.ts'
import { Topic } from './topic.ts'
import { mergedConfig, missingFault, refuseTopics, topicFaults } from './topic-check.ts'
import { Writer } from './writer.ts'

export interface EngineOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly logger: Logger
  /** Per partition, what stays in memory behind the end. */
  readonly tailBytesMax: number
  readonly entries: StoredEntries
  /** Number of the batch written last. */
  readonly batches: number
}

/** What an application is to begin anew with. */
export interface LogReset {
  /** Taken away, with all their records; those that are not there are none. */
  readonly topics: readonly string[]
  /** Those that the group has then; of topics that stay. */
  readonly offsets: readonly (TopicPartition & { readonly offset: Offset })[]
}

export class LogEngine {
  readonly storage: Storage
  readonly clock: Clock
  readonly logger: Logger
  readonly writer: Writer
  readonly faults = new LogFaults()
  readonly topics = new Map<string, Topic>()
  readonly #tailBytesMax: number
  readonly #groups = new Map<string, Group>()
  /** By group, then by topic id and partition. */
  readonly #offsets = new Map<string, Map<string, OffsetEntry>>()
  #lastTopicId = 0
  #preparing: Promise<unknown> = Promise.resolve()

  constructor(options: EngineOptions) {
    const { storage, clock, logger, entries, batches } = options
    this.storage = storage
    this.clock = clock
    this.logger = logger
    this.#tailBytesMax = options.tailBytesMax
    for (const entry of entries.topics) this.#addTopic(entry)
    const byId = new Map([...this.topics.values()].map((topic) => [topic.id, topic]))
    for (const { entry, storedFrom } of entries.partitions) {
      byId.get(entry.topic)?.partitions[entry.partition]?.recover(entry, storedFrom)
    }
    for (const entry of entries.offsets) this.#keepOffset(entry)
    const topic = (name: string): Topic | undefined => this.topics.get(name)
    const onBroken = (error: FatalError): void => logger.error(error.message, { error })
    this.writer = new Writer({ storage, clock, topic, batches, onBroken })
  }

  group(name: string): Group {
    const group = this.#groups.get(name) ?? new Group(this.logger)
    this.#groups.set(name, group)
    return group
  }

  partition({ topic, partition }: TopicPartition): Partition {
    const found = this.topics.get(topic)?.partitions[partition]
    if (found !== undefined) return found
    const where = `partition ${partition} of topic ${topic}`
    throw new FatalError('MILLRACE_TOPIC_MISSING', `There is no ${where}. Prepare the topic first.`)
  }

  partitionCounts(names: readonly string[]): ReadonlyMap<string, number> {
    refuseTopics(names.filter((name) => !this.topics.has(name)).map(missingFault))
    return new Map(names.map((name) => [name, this.topics.get(name)?.partitions.length ?? 0]))
  }

  /** Creates and adapts topics, all in one batch, or refuses with every fault. One at a time. */
  prepare(requirements: readonly TopicRequirement[]): Promise<ReadonlyMap<string, number>> {
    const prepared = this.#preparing.then(() => this.#prepare(requirements))
    this.#preparing = prepared.catch(() => {})
    return prepared
  }

  offset(group: string, partition: Partition): OffsetEntry | undefined {
    return this.#offsets.get(group)?.get(placeName(partition.topicId, partition.index))
  }

  /**
   * Up to where every group of this process has read; 0 if one has not committed yet, or none has
   * joined. Groups of other names are of the past, and hold nothing back.
   */
  leastCommitted(partition: Partition): Offset {
    if (this.#groups.size === 0) return 0
    const names = [...this.#groups.keys()]
    return Math.min(...names.map((name) => this.offset(name, partition)?.offset ?? 0))
  }

  /** Every committed offset of a group. */
  offsetsOf(group: string): readonly OffsetEntry[] {
    return [...(this.#offsets.get(group)?.values() ?? [])]
  }

  storeOffsets(batch: BatchWriter, entries: readonly OffsetEntry[]): void {
    for (const entry of entries) {
      batch.put(keys.offset(entry.group, entry.topic, entry.partition), seal(entry))
    }
  }

  keepOffsets(entries: readonly OffsetEntry[]): void {
    for (const entry of entries) this.#keepOffset(entry)
  }

  /**
   * Takes topics away, and all that a group has committed, and commits other offsets for it: all in
   * one batch. For whoever looks after an application that rests: nobody reads, nobody commits.
   */
  async reset(group: string, { topics, offsets }: LogReset): Promise<void> {
    const removed = topics.flatMap((name) => this.topics.get(name) ?? [])
    const partitions = removed.flatMap((topic) => topic.partitions)
    const chunks: Buffer[] = []
    for (const { topicId, index } of partitions) {
      for (const base of await this.storage.bases(topicId, index)) {
        chunks.push(keys.chunk(topicId, index, base))
      }
    }
    const entries = offsets.map((place): OffsetEntry => {
      const { topicId, index } = this.partition(place)
      const { offset } = place
      const storedAt = this.clock.now()
      return { group, topic: topicId, partition: index, offset, metadata: '', storedAt }
    })
    await this.writer.write({
      fill: (batch) => {
        for (const key of chunks) batch.del(key)
        for (const { topicId, index } of partitions) batch.del(keys.partition(topicId, index))
        for (const { id } of removed) batch.del(keys.topic(id))
        for (const { topic, partition } of this.offsetsOf(group)) {
          batch.del(keys.offset(group, topic, partition))
        }
        this.storeOffsets(batch, entries)
      },
      onStored: () => {
        for (const { name } of removed) this.topics.delete(name)
        this.#offsets.delete(group)
        this.keepOffsets(entries)
      },
    })
  }

  topicById(id: number): Topic {
    return present(
      [...this.topics.values()].find((topic) => topic.id === id),
      `topic ${id}`
    )
  }

  async #prepare(requirements: readonly TopicRequirement[]): Promise<ReadonlyMap<string, number>> {
    const consumed = new Set(requirements.filter(isConsumed).map(({ name }) => name))
    const faults: string[] = []
    const created: Topic[] = []
    const changed = new Map<Topic, { config: TopicConfig; consumed: boolean }>()
    const nextId = this.#lastTopicId + 1
    for (const requirement of requirements) {
      const { name, role, create, partitions = 1, config = {} } = requirement
      const topic = this.topics.get(name) ?? created.find((other) => other.name === name)
      if (topic !== undefined) {
        faults.push(...topicFaults(requirement, topic, this.storage.path))
        const merged = mergedConfig(topic, requirement)
        changed.set(topic, { config: merged, consumed: consumed.has(name) || topic.entry.consumed })
      } else if (create || role === 'source') {
        const id = nextId + created.length
        const entry = { id, name, partitions, config, consumed: consumed.has(name) }
        created.push(new Topic(entry, this.#tailBytesMax))
      } else {
        faults.push(missingFault(name))
      }
    }
    refuseTopics(faults)
    const entries = [
      ...created.map((topic) => topic.entry),
      ...[...changed].map(([topic, change]) => ({ ...topic.entry, ...change })),
    ].filter((entry) => !same(entry, this.topics.get(entry.name)?.entry))
    if (entries.length > 0) await this.#store(entries)
    return this.partitionCounts(requirements.map(({ name }) => name))
  }

  async #store(entries: readonly TopicEntry[]): Promise<void> {
    await this.writer.write({
      fill: (batch) => {
        for (const entry of entries) batch.put(keys.topic(entry.id), seal(entry))
      },
      onStored: () => {
        for (const entry of entries) this.#addTopic(entry)
      },
    })
  }

  #addTopic(entry: TopicEntry): void {
    const topic = this.topics.get(entry.name)
    if (topic === undefined) this.topics.set(entry.name, new Topic(entry, this.#tailBytesMax))
    else topic.change(entry.config, entry.consumed)
    this.#lastTopicId = Math.max(this.#lastTopicId, entry.id)
  }

  #keepOffset(entry: OffsetEntry): void {
    const offsets = this.#offsets.get(entry.group) ?? new Map<string, OffsetEntry>()
    this.#offsets.set(entry.group, offsets)
    offsets.set(placeName(entry.topic, entry.partition), entry)
  }
}

function isConsumed({ role }: TopicRequirement): boolean {
  return role === 'source' || role === 'repartition'
}

function placeName(topic: number, partition: number): string {
  return `${topic}-${partition}`
}

function same(a: TopicEntry, b: TopicEntry | undefined): boolean {
  return b !== undefined && JSON.stringify(a) === JSON.stringify(b)
}
