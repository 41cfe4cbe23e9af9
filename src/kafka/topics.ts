/**
 * Topics before the start: what is missing is created, what is there is checked, and everything
 * that is wrong is said at once, with the command that mends it.
 */
import { FatalError, RetriableError } from '../errors.ts'
import type { TopicRequirement } from '../runtime/ports.ts'
import { sleep } from './backoff.ts'
import type { Cluster } from './cluster.ts'
import { errorCodes, errorNameOf, isTransient, kafkaError } from './kafka-errors.ts'
import type { TopicMetadata } from './requests/metadata.ts'
import { createTopics, describeConfigs, type TopicResult } from './requests/topics.ts'

/** Settings that must be right for the state to be right; others may be tuned by hand. */
const checkedSettings = ['cleanup.policy', 'message.timestamp.type'] as const
const createTimeoutMs = 30_000
const pollMs = 100
const defaultReplication = -1

export interface TopicsOptions {
  readonly cluster: Cluster
  /** For the commands in messages. */
  readonly bootstrap: string
  readonly onCreated: (topic: string) => void
}

interface Fault {
  readonly topic: string
  readonly text: string
  readonly command: string
}

export class Topics {
  readonly #cluster: Cluster
  readonly #bootstrap: string
  readonly #onCreated: (topic: string) => void

  constructor(options: TopicsOptions) {
    this.#cluster = options.cluster
    this.#bootstrap = options.bootstrap
    this.#onCreated = options.onCreated
  }

  /** The number of partitions of each; rejects with one FatalError for all faults. */
  async prepare(requirements: readonly TopicRequirement[]): Promise<ReadonlyMap<string, number>> {
    if (requirements.length === 0) return new Map()
    const found = await this.#look(requirements.map(({ name }) => name))
    const missing = requirements.filter(({ name, create }) => create && isMissing(found.get(name)))
    const faults = await this.#create(missing)
    if (missing.length > 0 && faults.length === 0) {
      const made = await this.#untilLed(missing.map(({ name }) => name))
      for (const [name, topic] of made) found.set(name, topic)
    }
    const made = new Set(missing.map(({ name }) => name))
    const present = requirements.filter(({ name }) => found.get(name)?.error === 0)
    const old = present.filter(({ name }) => !made.has(name))
    for (const requirement of requirements) {
      const topic = found.get(requirement.name)
      const isFaulty = topic === undefined || topic.error !== 0
      if (isFaulty && !made.has(requirement.name)) faults.push(this.#missing(requirement, topic))
    }
    faults.push(...old.flatMap((requirement) => this.#checkPartitions(requirement, found)))
    faults.push(...(await this.#checkSettings(old)))
    if (faults.length > 0) throw asError(faults)
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

  async #create(missing: readonly TopicRequirement[]): Promise<Fault[]> {
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
      if (result.error !== 0) return [this.#refused(result, missing)]
      this.#onCreated(result.topic)
      return []
    })
  }

  /** Brokers answer before all of them know the new topic: asks until every partition is led. */
  async #untilLed(names: readonly string[]): Promise<Map<string, TopicMetadata>> {
    const untilMs = Date.now() + createTimeoutMs
    for (;;) {
      const found = await this.#look(names)
      const isReady = names.every((name) => {
        const topic = found.get(name)
        const isLed = topic?.partitions.every(({ leader }) => leader >= 0) === true
        return topic?.error === 0 && topic.partitions.length > 0 && isLed
      })
      if (isReady) return found
      if (Date.now() > untilMs) {
        const message = `The new topics ${names.join(', ')} have no leaders yet`
        throw new RetriableError('MILLRACE_KAFKA_LEADERLESS', message)
      }
      await sleep(pollMs, this.#cluster.signal)
    }
  }

  #checkPartitions(
    { name, role, partitions }: TopicRequirement,
    found: ReadonlyMap<string, TopicMetadata>
  ): Fault[] {
    const count = found.get(name)?.partitions.length ?? 0
    if (partitions === undefined || count === partitions) return []
    const text = `expected ${partitions} partitions, found ${count}`
    const isInternal = role === 'changelog' || role === 'repartition'
    const command = isInternal
      ? `with the application stopped: ${this.#topicsCommand(`--delete --topic ${name}`)}`
      : partitions > count
        ? this.#topicsCommand(`--alter --topic ${name} --partitions ${partitions}`)
        : this.#topicsCommand(`--delete --topic ${name}`)
    return [{ topic: name, text, command }]
  }

  async #checkSettings(requirements: readonly TopicRequirement[]): Promise<Fault[]> {
    const checked = requirements.flatMap(({ name, config = {} }) => {
      const settings = checkedSettings.filter((setting) => config[setting] !== undefined)
      return settings.length > 0 ? [{ name, config, settings }] : []
    })
    if (checked.length === 0) return []
    const request = { topics: checked.map(({ name }) => name), names: checkedSettings }
    const described = await this.#cluster.retrying('DescribeConfigs', {}, () =>
      this.#cluster.any(describeConfigs, request)
    )
    const byTopic = new Map(described.map((topic) => [topic.topic, topic]))
    return checked.flatMap(({ name, config, settings }) => {
      const topic = byTopic.get(name)
      if (topic === undefined || topic.error !== 0) return [this.#unreadable(name, topic)]
      return settings.flatMap((setting) => {
        const [wanted, is] = [config[setting] ?? '', topic.config.get(setting) ?? '']
        if (sorted(wanted) === sorted(is)) return []
        const text = `expected ${setting}=${wanted}, found ${is}`
        const value = wanted.includes(',') ? `[${wanted}]` : wanted
        const command = this.#configsCommand(name, `${setting}=${value}`)
        return [{ topic: name, text, command }]
      })
    })
  }

  #missing(requirement: TopicRequirement, topic: TopicMetadata | undefined): Fault {
    const { name, partitions } = requirement
    const error = topic?.error ?? errorCodes.UNKNOWN_TOPIC_OR_PARTITION
    if (error === errorCodes.TOPIC_AUTHORIZATION_FAILED) return this.#forbidden(name, 'Describe')
    if (error !== errorCodes.UNKNOWN_TOPIC_OR_PARTITION) {
      const text = `expected a topic, found ${errorNameOf(error)}`
      return { topic: name, text, command: this.#topicsCommand(`--describe --topic ${name}`) }
    }
    const count = partitions ?? 'N'
    return {
      topic: name,
      text: 'expected it to exist, found no such topic',
      command: this.#topicsCommand(`--create --topic ${name} --partitions ${count}`),
    }
  }

  #refused({ topic, error, message }: TopicResult, missing: readonly TopicRequirement[]): Fault {
    const { partitions = 1, config = {} } = missing.find(({ name }) => name === topic) ?? {}
    const isForbidden =
      error === errorCodes.TOPIC_AUTHORIZATION_FAILED ||
      error === errorCodes.CLUSTER_AUTHORIZATION_FAILED
    if (isForbidden) return this.#forbidden(topic, 'Create')
    const settings = Object.entries(config).map(([name, value]) => ` --config ${name}=${value}`)
    const create = `--create --topic ${topic} --partitions ${partitions}${settings.join('')}`
    return {
      topic,
      text: `expected to create it, found ${errorNameOf(error)}${message ? ` (${message})` : ''}`,
      command: this.#topicsCommand(create),
    }
  }

  #unreadable(topic: string, result: TopicResult | undefined): Fault {
    if (result?.error === errorCodes.TOPIC_AUTHORIZATION_FAILED) {
      return this.#forbidden(topic, 'DescribeConfigs')
    }
    const found = result === undefined ? 'no answer' : errorNameOf(result.error)
    const text = `expected to read its settings, found ${found}`
    return { topic, text, command: this.#topicsCommand(`--describe --topic ${topic}`) }
  }

  #forbidden(topic: string, operation: string): Fault {
    const rights = `--add --allow-principal User:<name> --operation ${operation} --topic ${topic}`
    return {
      topic,
      text: `expected the right to ${operation}, found none`,
      command: `kafka-acls.sh --bootstrap-server ${this.#bootstrap} ${rights}`,
    }
  }

  #topicsCommand(rest: string): string {
    return `kafka-topics.sh --bootstrap-server ${this.#bootstrap} ${rest}`
  }

  #configsCommand(topic: string, setting: string): string {
    const what = `--alter --entity-type topics --entity-name ${topic} --add-config ${setting}`
    return `kafka-configs.sh --bootstrap-server ${this.#bootstrap} ${what}`
  }
}

function isMissing(topic: TopicMetadata | undefined): boolean {
  return topic === undefined || topic.error === errorCodes.UNKNOWN_TOPIC_OR_PARTITION
}

/** `compact,delete` and `delete,compact` are the same policy. */
function sorted(value: string): string {
  return value
    .split(',')
    .map((part) => part.trim())
    .sort()
    .join(',')
}

function asError(faults: readonly Fault[]): FatalError {
  const lines = faults.map(({ topic, text, command }) => `  ${topic}: ${text}; run ${command}`)
  const message = `The topics are not as the application needs them:\n${lines.join('\n')}`
  return new FatalError('MILLRACE_TOPICS_INVALID', message)
}
