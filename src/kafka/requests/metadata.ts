/** Where things are: brokers, leaders with their epochs, coordinators. */
import type { Rpc } from '../protocol.ts'
import { apis } from '../protocol.ts'
import type { WireReader } from '../wire.ts'

export interface MetadataRequest {
  /** Null asks for all topics. */
  readonly topics: readonly string[] | null
}

export interface BrokerMetadata {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

export interface PartitionMetadata {
  readonly error: number
  readonly partition: number
  /** −1: no leader at present. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
}

export interface TopicMetadata {
  readonly error: number
  readonly topic: string
  /** Another one whenever the topic is made anew; zeros if there is no such topic. */
  readonly topicId: string
  readonly partitions: readonly PartitionMetadata[]
}

export interface MetadataResponse {
  readonly brokers: readonly BrokerMetadata[]
  readonly clusterId: string | null
  readonly controllerId: number
  readonly topics: readonly TopicMetadata[]
}

export const metadata: Rpc<MetadataRequest, MetadataResponse> = {
  api: apis.metadata,
  encode(writer, request) {
    writer.array(request.topics, (topic) => writer.raw(noTopicId).string(topic).end())
    // Never create topics by asking for them: a misspelt name would come to life.
    writer.boolean(false).boolean(false).boolean(false).end()
  },
  decode(reader) {
    reader.throttle()
    const brokers = reader.array(() => {
      const broker = { nodeId: reader.int32(), host: reader.string(), port: reader.int32() }
      reader.nullableString()
      reader.end()
      return broker
    })
    const clusterId = reader.nullableString()
    const controllerId = reader.int32()
    const topics = reader.array(() => {
      const error = reader.int16()
      const topic = reader.string()
      const topicId = readTopicId(reader)
      reader.boolean()
      const partitions = reader.array(() => {
        const partition = {
          error: reader.int16(),
          partition: reader.int32(),
          leader: reader.int32(),
          leaderEpoch: reader.int32(),
          replicas: reader.array(() => reader.int32()),
          inSync: reader.array(() => reader.int32()),
        }
        reader.array(() => reader.int32())
        reader.end()
        return partition
      })
      reader.int32()
      reader.end()
      return { error, topic, topicId, partitions }
    })
    return { brokers, clusterId, controllerId, topics }
  },
}

/** Topics are asked for by name. */
const noTopicId = Buffer.alloc(16)

function readTopicId(reader: WireReader): string {
  const words = Array.from({ length: 4 }, () => reader.int32() >>> 0)
  return words.map((word) => word.toString(16).padStart(8, '0')).join('')
}

export interface FindCoordinatorRequest {
  readonly kind: 'group' | 'transaction'
  /** The group id, or the transactional id. */
  readonly key: string
}

export interface FindCoordinatorResponse extends BrokerMetadata {
  readonly error: number
  readonly message: string | null
}

export const findCoordinator: Rpc<FindCoordinatorRequest, FindCoordinatorResponse> = {
  api: apis.findCoordinator,
  encode(writer, request) {
    writer.string(request.key).int8(request.kind === 'group' ? 0 : 1)
  },
  decode(reader) {
    reader.throttle()
    return {
      error: reader.int16(),
      message: reader.nullableString(),
      nodeId: reader.int32(),
      host: reader.string(),
      port: reader.int32(),
    }
  },
}
