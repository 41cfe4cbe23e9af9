/** Record batches in and out, and the offsets that partitions begin and end with. */
import type { Offset, Timestamp, TopicPartition } from '../../ids.ts'
import type { Rpc } from '../protocol.ts'
import { apis, secondTransactionApis } from '../protocol.ts'
import { readByTopic, writeByTopic } from './by-topic.ts'

export interface ProducePartition extends TopicPartition {
  /** One encoded record batch; it is not copied, so it must not change until the answer. */
  readonly batch: Uint8Array
}

export interface ProduceRequest {
  readonly transactionalId: string | null
  readonly timeoutMs: number
  readonly partitions: readonly ProducePartition[]
}

export interface ProduceResult extends TopicPartition {
  readonly error: number
  /** −1 for a duplicate the broker no longer remembers. */
  readonly baseOffset: Offset
  readonly message: string | null
}

const allInSync = -1

export const produce: Rpc<ProduceRequest, readonly ProduceResult[]> = {
  api: apis.produce,
  encode(writer, request) {
    writer.string(request.transactionalId).int16(allInSync).int32(request.timeoutMs)
    writeByTopic(writer, request.partitions, ({ partition, batch }) => {
      writer.int32(partition).bytes(batch).end()
    })
    writer.end()
  },
  decode(reader) {
    const results = readByTopic(reader, (topic) => {
      const partition = reader.int32()
      const error = reader.int16()
      const baseOffset = reader.int64()
      reader.int64()
      reader.int64()
      const details = reader.array(() => {
        reader.int32()
        const text = reader.nullableString()
        reader.end()
        return text
      })
      const message = reader.nullableString() ?? details.find((text) => text !== null) ?? null
      return { topic, partition, error, baseOffset, message }
    })
    reader.throttle()
    return results
  },
}

/** Adds each partition to the open transaction by itself. */
export const produceInto: typeof produce = { ...produce, api: secondTransactionApis.produce }

export type Isolation = 'committed' | 'uncommitted'

export interface FetchPartition extends TopicPartition {
  readonly offset: Offset
  /** −1 if unknown; otherwise a broker that is behind, or was deposed, refuses. */
  readonly leaderEpoch: number
  /** Of the batch before `offset`; the default −1: unknown. Whether this is the log read so far. */
  readonly lastEpoch?: number
  readonly bytesMax: number
}

export interface FetchRequest {
  readonly waitMs: number
  readonly bytesMin: number
  readonly bytesMax: number
  readonly isolation: Isolation
  readonly partitions: readonly FetchPartition[]
}

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: Offset
}

export interface FetchedPartition extends TopicPartition {
  readonly error: number
  readonly highWatermark: Offset
  readonly lastStableOffset: Offset
  readonly logStart: Offset
  /** In no particular order. */
  readonly aborted: readonly AbortedTransaction[]
  /** Record batches, the last one possibly cut off; a view into the answer. */
  readonly records: Buffer
  /** What was read from here on is not in this log any more; undefined: all of it is. */
  readonly divergesAt: Offset | undefined
}

export interface FetchResponse {
  readonly error: number
  readonly partitions: readonly FetchedPartition[]
}

const divergingEpoch = 0

type Writable<T> = { -readonly [Name in keyof T]: T[Name] }

export const fetch: Rpc<FetchRequest, FetchResponse> = {
  api: apis.fetch,
  encode(writer, request) {
    // No replica, no fetch session, no preferred rack.
    writer.int32(-1).int32(request.waitMs).int32(request.bytesMin).int32(request.bytesMax)
    writer.int8(isolationCode(request.isolation)).int32(0).int32(-1)
    writeByTopic(writer, request.partitions, (entry) => {
      writer.int32(entry.partition).int32(entry.leaderEpoch).int64(entry.offset)
      writer
        .int32(entry.lastEpoch ?? -1)
        .int64(-1)
        .int32(entry.bytesMax)
        .end()
    })
    writer.array([], () => undefined)
    writer.string('').end()
  },
  decode(reader) {
    reader.throttle()
    const error = reader.int16()
    reader.int32()
    const read = (topic: string): Writable<FetchedPartition> => {
      const head = {
        topic,
        partition: reader.int32(),
        error: reader.int16(),
        highWatermark: reader.int64(),
        lastStableOffset: reader.int64(),
        logStart: reader.int64(),
        aborted: reader.array(() => {
          const entry = { producerId: reader.int64(), firstOffset: reader.int64() }
          reader.end()
          return entry
        }),
      }
      reader.int32()
      return { ...head, records: reader.bytes(), divergesAt: undefined }
    }
    const partitions = readByTopic(reader, read, (partition, tag) => {
      if (tag !== divergingEpoch) return
      reader.int32()
      partition.divergesAt = reader.int64()
    })
    return { error, partitions }
  },
}

export interface ListOffsetsPartition extends TopicPartition {
  /** A time, or where the log ends ('latest') or begins ('earliest'). */
  readonly at: Timestamp | 'latest' | 'earliest'
  readonly leaderEpoch?: number
}

export interface ListOffsetsRequest {
  /** Committed: 'latest' is the last stable offset; uncommitted: the high watermark. */
  readonly isolation: Isolation
  readonly partitions: readonly ListOffsetsPartition[]
}

export interface ListedOffset extends TopicPartition {
  readonly error: number
  /** −1 if no record is that young. */
  readonly offset: Offset
  readonly timestamp: Timestamp
  readonly leaderEpoch: number
}

export const listOffsets: Rpc<ListOffsetsRequest, readonly ListedOffset[]> = {
  api: apis.listOffsets,
  encode(writer, request) {
    writer.int32(-1).int8(isolationCode(request.isolation))
    writeByTopic(writer, request.partitions, ({ partition, at, leaderEpoch = -1 }) => {
      writer.int32(partition).int32(leaderEpoch)
      writer.int64(at === 'latest' ? -1 : at === 'earliest' ? -2 : at).end()
    })
    writer.end()
  },
  decode(reader) {
    reader.throttle()
    return readByTopic(reader, (topic) => ({
      topic,
      partition: reader.int32(),
      error: reader.int16(),
      timestamp: reader.int64(),
      offset: reader.int64(),
      leaderEpoch: reader.int32(),
    }))
  },
}

export interface EpochEndPartition extends TopicPartition {
  /** −1 if unknown; otherwise a broker that is behind, or was deposed, refuses. */
  readonly currentEpoch: number
  readonly leaderEpoch: number
}

export interface EpochEnd extends TopicPartition {
  readonly error: number
  /** The latest up to the one that was asked for that the log has; −1: none. */
  readonly leaderEpoch: number
  /** Where the next one begins, or the log ends; −1: nothing is known of that epoch. */
  readonly end: Offset
}

export const offsetForLeaderEpoch: Rpc<readonly EpochEndPartition[], readonly EpochEnd[]> = {
  api: apis.offsetForLeaderEpoch,
  encode(writer, partitions) {
    writer.int32(-1)
    writeByTopic(writer, partitions, ({ partition, currentEpoch, leaderEpoch }) => {
      writer.int32(partition).int32(currentEpoch).int32(leaderEpoch).end()
    })
  },
  decode(reader) {
    reader.throttle()
    return readByTopic(reader, (topic) => ({
      topic,
      error: reader.int16(),
      partition: reader.int32(),
      leaderEpoch: reader.int32(),
      end: reader.int64(),
    }))
  },
}

export interface DeleteRecordsRequest {
  readonly timeoutMs: number
  readonly partitions: readonly (TopicPartition & { readonly before: Offset })[]
}

export interface DeletedRecords extends TopicPartition {
  readonly error: number
  readonly logStart: Offset
}

export const deleteRecords: Rpc<DeleteRecordsRequest, readonly DeletedRecords[]> = {
  api: apis.deleteRecords,
  encode(writer, request) {
    writeByTopic(writer, request.partitions, ({ partition, before }) => {
      writer.int32(partition).int64(before).end()
    })
    writer.int32(request.timeoutMs).end()
  },
  decode(reader) {
    reader.throttle()
    return readByTopic(reader, (topic) => {
      const partition = reader.int32()
      const logStart = reader.int64()
      return { topic, partition, logStart, error: reader.int16() }
    })
  },
}

function isolationCode(isolation: Isolation): number {
  return isolation === 'committed' ? 1 : 0
}
