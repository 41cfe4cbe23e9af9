/** What is wrong with a topic: expected, found, and the command that mends it. */
import { FatalError } from '../errors.ts'
import type { TopicRequirement } from '../runtime/ports.ts'
import { errorCodes, errorNameOf } from './kafka-errors.ts'
import { grantCommand } from './missing-right.ts'
import type { TopicResult } from './requests/topics.ts'
import { type SettingFault, sentenceOf } from './topic-settings.ts'

export interface TopicFault {
  readonly topic: string
  readonly text: string
  readonly command: string
}

/** All of them in one. */
export function topicsInvalid(faults: readonly TopicFault[]): FatalError {
  const lines = faults.map(({ topic, text, command }) => `  ${topic}: ${text}; run ${command}`)
  const message = `The topics are not as the application needs them:\n${lines.join('\n')}`
  return new FatalError('MILLRACE_TOPICS_INVALID', message)
}

/** Writes the commands, for a cluster and a group. */
export class TopicMending {
  readonly #bootstrap: string
  readonly #groupId: string

  constructor(bootstrap: string, groupId: string) {
    this.#bootstrap = bootstrap
    this.#groupId = groupId
  }

  missing({ name, partitions, config = {} }: TopicRequirement, error: number): TopicFault {
    if (error === errorCodes.TOPIC_AUTHORIZATION_FAILED) return this.forbidden(name, 'Describe')
    if (error !== errorCodes.UNKNOWN_TOPIC_OR_PARTITION) {
      const text = `expected a topic, found ${errorNameOf(error)}`
      return { topic: name, text, command: this.#topics(`--describe --topic ${name}`) }
    }
    return {
      topic: name,
      text: 'expected it to exist, found no such topic',
      command: this.#create(name, partitions ?? 'N', config),
    }
  }

  notCreated(result: TopicResult, { partitions = 1, config = {} }: TopicRequirement): TopicFault {
    const { topic, error, message } = result
    const isForbidden =
      error === errorCodes.TOPIC_AUTHORIZATION_FAILED ||
      error === errorCodes.CLUSTER_AUTHORIZATION_FAILED
    if (isForbidden) return this.forbidden(topic, 'Create')
    const isOld =
      error === errorCodes.INVALID_CONFIG && message?.includes('message.timestamp.') === true
    const detail = message ? ` (${message})` : ''
    const hint = isOld ? '. Brokers before Kafka 3.6 do not know it: update them' : ''
    return {
      topic,
      text: `expected to create it, found ${errorNameOf(error)}${detail}${hint}`,
      command: this.#create(topic, partitions, config),
    }
  }

  partitions({ name, role }: TopicRequirement, expected: number, found: number): TopicFault {
    const text = `expected ${expected} partitions, found ${found}`
    const isInternal = role === 'changelog' || role === 'repartition'
    if (!isInternal && expected > found) {
      const command = this.#topics(`--alter --topic ${name} --partitions ${expected}`)
      return { topic: name, text, command }
    }
    const remove = this.#topics(`--delete --topic ${name}`)
    if (!isInternal) return { topic: name, text, command: remove }
    // Without the offsets it would go on in mid-input, with the state of that topic lost.
    const group = `--bootstrap-server ${this.#bootstrap} --delete --group ${this.#groupId}`
    const all = this.#topics(`--delete --topic '${this.#groupId}-.*-(changelog|repartition)'`)
    const command =
      `the application under another APPLICATION_ID, or begin this one anew: stop it, then ` +
      `kafka-consumer-groups.sh ${group} and ${all}`
    return { topic: name, text, command }
  }

  setting(topic: string, fault: SettingFault): TopicFault {
    const { setting, wanted } = fault
    const value = wanted.includes(',') ? `[${wanted}]` : wanted
    const what = `--alter --entity-type topics --entity-name ${topic}`
    const change = `${what} --add-config ${setting}=${value}`
    const command = `kafka-configs.sh --bootstrap-server ${this.#bootstrap} ${change}`
    return { topic, text: sentenceOf(fault), command }
  }

  unreadable(topic: string, result: TopicResult | undefined): TopicFault {
    if (result?.error === errorCodes.TOPIC_AUTHORIZATION_FAILED) {
      return this.forbidden(topic, 'DescribeConfigs')
    }
    const found = result === undefined ? 'no answer' : errorNameOf(result.error)
    const text = `expected to read its settings, found ${found}`
    return { topic, text, command: this.#topics(`--describe --topic ${topic}`) }
  }

  forbidden(topic: string, operation: string): TopicFault {
    return {
      topic,
      text: `expected the right to ${operation}, found none`,
      command: grantCommand(operation, 'topic', topic, this.#bootstrap),
    }
  }

  #create(
    topic: string,
    partitions: number | string,
    config: Readonly<Record<string, string>>
  ): string {
    const settings = Object.entries(config).map(([name, value]) => ` --config ${name}=${value}`)
    return this.#topics(`--create --topic ${topic} --partitions ${partitions}${settings.join('')}`)
  }

  #topics(rest: string): string {
    return `kafka-topics.sh --bootstrap-server ${this.#bootstrap} ${rest}`
  }
}
