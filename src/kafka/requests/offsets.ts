/** Committed offsets of a group, outside transactions; inside: `transactions.ts`. */
import type { Offset, TopicPartition } from '../../ids.ts'
import type { Rpc } from '../protocol.ts'
import { apis } from '../protocol.ts'
import type { PartitionError } from './by-topic.ts'
import { readByTopic, readPartitionErrors, writeByTopic } from './by-topic.ts'

/** Who commits: the group, and the membership that entitles to it. */
export interface GroupIdentity {
  readonly groupId: string
  readonly generation: number
  readonly memberId: string
  readonly instanceId: string | null
}

export interface OffsetToCommit extends TopicPartition {
  readonly offset: Offset
  /** Default −1: unknown. */
  readonly leaderEpoch?: number
  readonly metadata: string
}

export interface OffsetCommitRequest extends GroupIdentity {
  readonly offsets: readonly OffsetToCommit[]
}

export const offsetCommit: Rpc<OffsetCommitRequest, readonly PartitionError[]> = {
  api: apis.offsetCommit,
  encode(writer, request) {
    writer.string(request.groupId).int32(request.generation)
    writer.string(request.memberId).string(request.instanceId)
    writeByTopic(writer, request.offsets, ({ partition, offset, leaderEpoch = -1, metadata }) => {
      writer.int32(partition).int64(offset).int32(leaderEpoch).string(metadata).end()
    })
    writer.end()
  },
  decode(reader) {
    reader.throttle()
    return readPartitionErrors(reader)
  },
}

export interface OffsetFetchRequest {
  readonly groupId: string
  readonly partitions: readonly TopicPartition[]
  /** Refused with UNSTABLE_OFFSET_COMMIT while a transaction holds newer offsets. */
  readonly requireStable: boolean
}

export interface FetchedOffset extends TopicPartition {
  readonly error: number
  /** −1: nothing was ever committed. */
  readonly offset: Offset
  readonly leaderEpoch: number
  readonly metadata: string
}

export interface OffsetFetchResponse {
  readonly error: number
  readonly offsets: readonly FetchedOffset[]
}

export const offsetFetch: Rpc<OffsetFetchRequest, OffsetFetchResponse> = {
  api: apis.offsetFetch,
  encode(writer, request) {
    writer.string(request.groupId)
    const topics = new Map<string, number[]>()
    for (const { topic, partition } of request.partitions) {
      topics.set(topic, [...(topics.get(topic) ?? []), partition])
    }
    writer.array([...topics], ([topic, partitions]) => {
      writer.string(topic)
      writer.array(partitions, (partition) => writer.int32(partition))
      writer.end()
    })
    writer.boolean(request.requireStable).end()
  },
  decode(reader) {
    reader.throttle()
    const offsets = readByTopic(reader, (topic) => ({
      topic,
      partition: reader.int32(),
      offset: reader.int64(),
      leaderEpoch: reader.int32(),
      metadata: reader.string(),
      error: reader.int16(),
    }))
    return { error: reader.int16(), offsets }
  },
}
