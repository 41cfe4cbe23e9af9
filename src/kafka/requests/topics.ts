/** Topics: made, removed, described, and their settings changed one by one. */
import type { Rpc } from '../protocol.ts'
import { apis } from '../protocol.ts'

export interface NewTopic {
  readonly topic: string
  readonly partitions: number
  /** −1: the default of the broker. */
  readonly replicationFactor: number
  readonly config: Readonly<Record<string, string>>
}

export interface TopicResult {
  readonly topic: string
  readonly error: number
  readonly message: string | null
}

export interface CreateTopicsRequest {
  readonly topics: readonly NewTopic[]
  readonly timeoutMs: number
}

export const createTopics: Rpc<CreateTopicsRequest, readonly TopicResult[]> = {
  api: apis.createTopics,
  encode(writer, request) {
    writer.array(request.topics, ({ topic, partitions, replicationFactor, config }) => {
      writer.string(topic).int32(partitions).int16(replicationFactor)
      writer.array([], () => undefined)
      writer.array(Object.entries(config), ([name, value]) => writer.string(name).string(value))
    })
    writer.int32(request.timeoutMs).boolean(false)
  },
  decode(reader) {
    reader.throttle()
    return reader.array(() => ({
      topic: reader.string(),
      error: reader.int16(),
      message: reader.nullableString(),
    }))
  },
}

export interface DeleteTopicsRequest {
  readonly topics: readonly string[]
  readonly timeoutMs: number
}

export const deleteTopics: Rpc<DeleteTopicsRequest, readonly TopicResult[]> = {
  api: apis.deleteTopics,
  encode(writer, request) {
    writer.array(request.topics, (topic) => writer.string(topic)).int32(request.timeoutMs)
  },
  decode(reader) {
    reader.throttle()
    return reader.array(() => ({ topic: reader.string(), error: reader.int16(), message: null }))
  },
}

const topicResource = 2

export interface DescribeConfigsRequest {
  readonly topics: readonly string[]
  /** Null: all settings. */
  readonly names: readonly string[] | null
}

export interface DescribedTopic extends TopicResult {
  readonly config: ReadonlyMap<string, string | null>
}

export const describeConfigs: Rpc<DescribeConfigsRequest, readonly DescribedTopic[]> = {
  api: apis.describeConfigs,
  encode(writer, request) {
    writer.array(request.topics, (topic) => {
      writer.int8(topicResource).string(topic)
      writer.array(request.names, (name) => writer.string(name))
    })
    writer.boolean(false)
  },
  decode(reader) {
    reader.throttle()
    return reader.array(() => {
      const error = reader.int16()
      const message = reader.nullableString()
      reader.int8()
      const topic = reader.string()
      const entries = reader.array(() => {
        const entry = [reader.string(), reader.nullableString()] as const
        reader.boolean()
        reader.int8()
        reader.boolean()
        reader.array(() => {
          reader.string()
          reader.nullableString()
          reader.int8()
        })
        return entry
      })
      return { topic, error, message, config: new Map(entries) }
    })
  },
}

export interface AlterConfigsRequest {
  readonly topics: readonly {
    readonly topic: string
    /** Null takes a setting back to its default. */
    readonly config: Readonly<Record<string, string | null>>
  }[]
}

const setOperation = 0
const deleteOperation = 1

export const incrementalAlterConfigs: Rpc<AlterConfigsRequest, readonly TopicResult[]> = {
  api: apis.incrementalAlterConfigs,
  encode(writer, request) {
    writer.array(request.topics, ({ topic, config }) => {
      writer.int8(topicResource).string(topic)
      writer.array(Object.entries(config), ([name, value]) => {
        writer.string(name).int8(value === null ? deleteOperation : setOperation)
        writer.string(value).end()
      })
      writer.end()
    })
    writer.boolean(false).end()
  },
  decode(reader) {
    reader.throttle()
    const results = reader.array(() => {
      const error = reader.int16()
      const message = reader.nullableString()
      reader.int8()
      const topic = reader.string()
      reader.end()
      return { topic, error, message }
    })
    return results
  },
}
