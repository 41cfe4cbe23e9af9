/**
 * Topics before the start: what is missing is created, what is there is checked, and everything
 * that is wrong is said at once, with the command that mends it.
 */
import { RetriableError } from '../errors.ts'
import type { TopicRequirement } from '../runtime/ports.ts'
import { sleep } from './backoff.ts'
import type { Cluster } from './cluster.ts'
import { errorCodes, isTransient, kafkaError } from './kafka-errors.ts'
import type { TopicMetadata } from './requests/metadata.ts'
import { createTopics, type DescribedTopic, describeConfigs } from './requests/topics.ts'
import { type TopicFault, TopicMending, topicsInvalid } from './topic-faults.ts'
import { limitSettings, limitsOf, type TopicLimits } from './topic-limits.ts'
import { checkedSettings, sentenceOf, settingFaults } from './topic-settings.ts'

const createTimeoutMs = 30_000
const pollMs = 100
const defaultReplication = -1
const describedSettings = [...new Set([...checkedSettings, ...limitSettings])]

export interface TopicsOptions {
  readonly cluster: Cluster
  /** For the commands in messages. */
  readonly bootstrap: string
  readonly groupId: string
  readonly onCreated: (topic: string) => void
}

export class Topics {
  readonly #cluster: Cluster
  readonly #mending: TopicMending
  readonly #onCreated: (topic: string) => void
  /** Of topics that are written to and were prepared, but for changelogs: those drop nothing. */
  readonly limits = new Map<string, TopicLimits>()
  /** Those that were prepared, and the policy that each must have. */
  readonly changelogs = new Map<string, string>()

  constructor({ cluster, bootstrap, groupId, onCreated }: TopicsOptions) {
    this.#cluster = cluster
    this.#mending = new TopicMending(bootstrap, groupId)
    this.#onCreated = onCreated
  }

  /** The number of partitions of each; rejects with one FatalError for all faults. */
  async prepare(requirements: readonly TopicRequirement[]): Promise<ReadonlyMap<string, number>> {
    if (requirements.length === 0) return new Map()
    for (const { name, role, config } of requirements) {
      if (role === 'changelog') this.changelogs.set(name, config?.['cleanup.policy'] ?? '')
    }
    const found = await this.#look(requirements.map(({ name }) => name))
    const missing = requirements.filter(({ name, create }) => create && isMissing(found.get(name)))
    const faults = await this.#create(missing)
    if (missing.length > 0 && faults.length === 0) {
      const made = await this.#untilLed(missing.map(({ name }) => name))
      for (const [name, topic] of made) found.set(name, topic)
    }
    const made = new Set(missing.map(({ name }) => name))
    const present = requirements.filter(({ name }) => found.get(name)?.error === 0)
    for (const requirement of requirements) {
      const error = found.get(requirement.name)?.error ?? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
      if (error === 0 || made.has(requirement.name)) continue
      faults.push(this.#mending.missing(requirement, error))
    }
    faults.push(...present.flatMap((requirement) => this.#checkPartitions(requirement, found)))
    faults.push(...(await this.#checkSettings(present)))
    if (faults.length > 0) throw topicsInvalid(faults)
    return new Map(
      requirements.map(({ name }) => [name, found.get(name)?.partitions.length ?? 0] as const)
    )
  }

  /** As `prepare` for topics that must be there. */
  async partitions(names: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.prepare(names.map((name) => ({ name, role: 'source', create: false })))
  }

  async #look(names: readonly string[]): Promise<Map<string, TopicMetadata>> {
    const { topics } = await this.#cluster.retrying('Metadata', {}, async () => {
      const response = await this.#cluster.metadata(names)
      const late = response.topics.find(
        ({ error }) => isTransient(error) && error !== errorCodes.UNKNOWN_TOPIC_OR_PARTITION
      )
      if (late !== undefined) throw kafkaError(late.error, `Metadata of ${late.topic}`)
      return response
    })
    return new Map(topics.map((topic) => [topic.topic, topic]))
  }

  async #create(missing: readonly TopicRequirement[]): Promise<TopicFault[]> {
    if (missing.length === 0) return []
    const topics = missing.map(({ name, partitions = 1, config = {} }) => ({
      topic: name,
      partitions,
      replicationFactor: defaultReplication,
      config,
    }))
    const results = await this.#cluster.retrying('CreateTopics', {}, async () => {
      const controller = await this.#cluster.controller()
      const answer = await this.#cluster.send(
        controller,
        createTopics,
        { topics, timeoutMs: createTimeoutMs },
        { timeoutMs: createTimeoutMs + 5_000 }
      )
      const late = answer.find(({ error }) => isTransient(error))
      if (late === undefined) return answer
      await this.#cluster.metadata([])
      throw kafkaError(late.error, `CreateTopics of ${late.topic}`)
    })
    return results.flatMap((result) => {
      if (result.error === errorCodes.TOPIC_ALREADY_EXISTS) return []
      if (result.error === 0) this.#onCreated(result.topic)
      const requirement = missing.find(({ name }) => name === result.topic)
      const isRefused = result.error !== 0 && requirement !== undefined
      return isRefused ? [this.#mending.notCreated(result, requirement)] : []
    })
  }

  /** Brokers answer before all of them know the new topic: asks until every partition is led. */
  async #untilLed(names: readonly string[]): Promise<Map<string, TopicMetadata>> {
    const untilMs = performance.now() + createTimeoutMs
    for (;;) {
      const found = await this.#look(names)
      const isReady = names.every((name) => {
        const topic = found.get(name)
        const isLed = topic?.partitions.every(({ leader }) => leader >= 0) === true
        return topic?.error === 0 && topic.partitions.length > 0 && isLed
      })
      if (isReady) return found
      if (performance.now() > untilMs) {
        const message = `The new topics ${names.join(', ')} have no leaders yet`
        throw new RetriableError('MILLRACE_KAFKA_LEADERLESS', message)
      }
      await sleep(pollMs, this.#cluster.signal)
    }
  }

  #checkPartitions(
    requirement: TopicRequirement,
    found: ReadonlyMap<string, TopicMetadata>
  ): TopicFault[] {
    const { name, partitions } = requirement
    const count = found.get(name)?.partitions.length ?? 0
    if (partitions === undefined || count === partitions) return []
    return [this.#mending.partitions(requirement, partitions, count)]
  }

  /** Those of the topics that are written to; of the others nothing is asked. */
  async #checkSettings(requirements: readonly TopicRequirement[]): Promise<TopicFault[]> {
    const written = requirements.filter(({ role }) => role !== 'source')
    if (written.length === 0) return []
    const request = { topics: written.map(({ name }) => name), names: describedSettings }
    const options = { deadlineMs: createTimeoutMs }
    const described = await this.#cluster.retrying('DescribeConfigs', options, async () => {
      const answer = await this.#cluster.any(describeConfigs, request)
      // One that was just made is not known to every broker yet.
      const late = answer.find(({ error }) => isTransient(error))
      if (late !== undefined) throw kafkaError(late.error, `DescribeConfigs of ${late.topic}`)
      return answer
    })
    const byTopic = new Map(described.map((topic) => [topic.topic, topic]))
    return written.flatMap((requirement) =>
      this.#checkTopic(requirement, byTopic.get(requirement.name))
    )
  }

  #checkTopic(requirement: TopicRequirement, topic: DescribedTopic | undefined): TopicFault[] {
    const { name, role, config = {} } = requirement
    if (topic === undefined || topic.error !== 0) {
      const isChecked = checkedSettings.some((setting) => config[setting] !== undefined)
      return isChecked ? [this.#mending.unreadable(name, topic)] : []
    }
    if (role !== 'changelog') this.limits.set(name, limitsOf(topic.config))
    return settingFaults(requirement, topic.config).flatMap((fault) => {
      const mended = this.#mending.setting(name, fault)
      if (!fault.isOwnersChoice) return [mended]
      const { logger } = this.#cluster
      logger.warn('A topic keeps less than it would if it had been created here', {
        topic: name,
        setting: sentenceOf(fault),
        mendedBy: mended.command,
      })
      return []
    })
  }
}

function isMissing(topic: TopicMetadata | undefined): boolean {
  return topic === undefined || topic.error === errorCodes.UNKNOWN_TOPIC_OR_PARTITION
}
