/** The requests a transaction is made of: five, or in the second version three. */
import type { TopicPartition } from '../../ids.ts'
import type { Rpc } from '../protocol.ts'
import { apis, secondTransactionApis } from '../protocol.ts'
import type { WireWriter } from '../wire.ts'
import type { PartitionError } from './by-topic.ts'
import { readPartitionErrors, writeByTopic } from './by-topic.ts'
import type { GroupIdentity, OffsetToCommit } from './offsets.ts'

/** The name of a producer, and the id and epoch that the broker gave it. */
export interface TransactionIdentity {
  readonly transactionalId: string
  readonly producerId: number
  readonly epoch: number
}

export interface InitProducerIdRequest {
  /** Null: only idempotent. */
  readonly transactionalId: string | null
  readonly transactionTimeoutMs: number
  /** −1 and −1: a fresh epoch whatever was before; otherwise the next after exactly this one. */
  readonly producerId: number
  readonly epoch: number
}

export interface InitProducerIdResponse {
  readonly error: number
  readonly producerId: number
  readonly epoch: number
}

export const initProducerId: Rpc<InitProducerIdRequest, InitProducerIdResponse> = {
  api: apis.initProducerId,
  encode(writer, request) {
    writer.string(request.transactionalId).int32(request.transactionTimeoutMs)
    writer.int64(request.producerId).int16(request.epoch).end()
  },
  decode(reader) {
    reader.throttle()
    return { error: reader.int16(), producerId: reader.int64(), epoch: reader.int16() }
  },
}

export interface AddPartitionsToTxnRequest extends TransactionIdentity {
  readonly partitions: readonly TopicPartition[]
}

export const addPartitionsToTxn: Rpc<AddPartitionsToTxnRequest, readonly PartitionError[]> = {
  api: apis.addPartitionsToTxn,
  encode(writer, request) {
    writeIdentity(writer, request)
    const topics = new Map<string, number[]>()
    for (const { topic, partition } of request.partitions) {
      topics.set(topic, [...(topics.get(topic) ?? []), partition])
    }
    writer.array([...topics], ([topic, partitions]) => {
      writer.string(topic)
      writer.array(partitions, (partition) => writer.int32(partition))
      writer.end()
    })
    writer.end()
  },
  decode(reader) {
    reader.throttle()
    return readPartitionErrors(reader)
  },
}

export interface AddOffsetsToTxnRequest extends TransactionIdentity {
  readonly groupId: string
}

export const addOffsetsToTxn: Rpc<AddOffsetsToTxnRequest, { readonly error: number }> = {
  api: apis.addOffsetsToTxn,
  encode(writer, request) {
    writeIdentity(writer, request)
    writer.string(request.groupId).end()
  },
  decode(reader) {
    reader.throttle()
    return { error: reader.int16() }
  },
}

export interface TxnOffsetCommitRequest extends TransactionIdentity {
  readonly group: GroupIdentity
  readonly offsets: readonly OffsetToCommit[]
}

export const txnOffsetCommit: Rpc<TxnOffsetCommitRequest, readonly PartitionError[]> = {
  api: apis.txnOffsetCommit,
  encode(writer, request) {
    const { group } = request
    writer.string(request.transactionalId).string(group.groupId)
    writer.int64(request.producerId).int16(request.epoch)
    writer.int32(group.generation).string(group.memberId).string(group.instanceId)
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

/** Adds the offsets to the open transaction by itself. */
export const txnOffsetCommitInto: typeof txnOffsetCommit = {
  ...txnOffsetCommit,
  api: secondTransactionApis.txnOffsetCommit,
}

export interface EndTxnRequest extends TransactionIdentity {
  readonly commit: boolean
}

export const endTxn: Rpc<EndTxnRequest, { readonly error: number }> = {
  api: apis.endTxn,
  encode(writer, request) {
    writeIdentity(writer, request)
    writer.boolean(request.commit).end()
  },
  decode(reader) {
    reader.throttle()
    return { error: reader.int16() }
  },
}

export interface NextEpochResponse {
  readonly error: number
  /** For the next transaction; the id is another one when the epochs of the last are used up. */
  readonly producerId: number
  readonly epoch: number
}

/** Ends the transaction and the epoch: whatever is still under way for them is refused. */
export const endTxnAndEpoch: Rpc<EndTxnRequest, NextEpochResponse> = {
  api: secondTransactionApis.endTxn,
  encode: endTxn.encode,
  decode(reader) {
    reader.throttle()
    return { error: reader.int16(), producerId: reader.int64(), epoch: reader.int16() }
  },
}

function writeIdentity(writer: WireWriter, identity: TransactionIdentity): void {
  writer.string(identity.transactionalId).int64(identity.producerId).int16(identity.epoch)
}
