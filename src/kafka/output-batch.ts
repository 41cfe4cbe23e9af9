/** Records on their way into one commit, encoded as they come: batches per topic and partition. */
import { type Clock, systemClock } from '../clock.ts'
import { RejectedRecordError } from '../errors.ts'
import type { Timestamp, TopicPartition } from '../ids.ts'
import { PartitionMap } from '../partition-map.ts'
import type { RecordHeaders } from '../record.ts'
import type { OutputBatch } from '../runtime/ports.ts'
import { headerBytes } from './record-batch.ts'
import { BatchChain, type BatchChainOptions, type SealedBatch } from './record-batch-chain.ts'
import { recordBytesMax } from './record-batch-encoder.ts'
import { refusalOf, type TopicLimits } from './topic-limits.ts'

export interface PartitionBatches extends TopicPartition {
  readonly batches: readonly SealedBatch[]
}

export interface OutputBatchOptions extends BatchChainOptions {
  /** By topic; what is not in it takes everything. Default: nothing is. */
  readonly limits?: ReadonlyMap<string, TopicLimits>
  /** To compare dates with. Default: the system's. */
  readonly clock?: Clock
}

/** Where the records of one partition go, and what may not. */
interface Lane {
  readonly chain: BatchChain
  readonly limits: TopicLimits | undefined
}

export class KafkaOutputBatch implements OutputBatch {
  readonly #options: OutputBatchOptions
  readonly #lanes: PartitionMap<Lane>
  #bytes = 0
  #records = 0
  /** What the clock showed when it was last asked. */
  #seenAt: Timestamp = Number.NEGATIVE_INFINITY

  constructor(options: OutputBatchOptions) {
    this.#options = options
    const { limits } = options
    this.#lanes = new PartitionMap((topic) => {
      return { chain: new BatchChain(options), limits: limits?.get(topic) }
    })
  }

  get bytes(): number {
    return this.#bytes
  }

  get records(): number {
    return this.#records
  }

  append(
    topic: string,
    partition: number,
    timestamp: Timestamp,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers?: RecordHeaders
  ): void {
    const { chain, limits } = this.#lanes.of(topic, partition)
    const recordBytes = recordBytesMax(key, value, headers)
    if (limits !== undefined) this.#check(limits, recordBytes, timestamp, key, value, headers)
    const before = chain.bytes
    chain.append(timestamp, key, value, headers, recordBytes)
    this.#bytes += chain.bytes - before
    this.#records++
  }

  /** Refuses what the broker would refuse, alone and at once. */
  #check(
    limits: TopicLimits,
    recordBytes: number,
    timestamp: Timestamp,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: RecordHeaders | undefined
  ): void {
    const reason = this.#refusal(limits, timestamp, key)
    if (reason !== undefined) throw new RejectedRecordError(reason)
    if (headerBytes + recordBytes <= limits.bytesMax) return
    // What counts is its size as it is sent: it may be compressed.
    const alone = new BatchChain(this.#options)
    alone.append(timestamp, key, value, headers)
    const [batch] = alone.take()
    if ((batch?.bytes.length ?? 0) > limits.bytesMax) throw new RejectedRecordError('too_large')
  }

  #refusal(limits: TopicLimits, timestamp: Timestamp, key: Uint8Array | null): string | undefined {
    const { needsKey, agoMaxMs, aheadMaxMs } = limits
    // What was not ahead of the clock before is not ahead of it now: it need not be asked again.
    const isInTime = agoMaxMs === Infinity && timestamp - aheadMaxMs <= this.#seenAt
    if (isInTime) return needsKey && key === null ? 'null_key' : undefined
    const { clock = systemClock } = this.#options
    const reason = refusalOf(limits, key, timestamp, clock)
    if (reason === undefined) this.#seenAt = clock.now()
    return reason
  }

  /** All of it; the batch is empty afterwards. */
  take(): readonly PartitionBatches[] {
    const all = [...this.#lanes.entries()].map(({ topic, partition, value: { chain } }) => {
      return { topic, partition, batches: chain.take() }
    })
    this.#lanes.clear()
    this.#bytes = 0
    this.#records = 0
    // A lane whose only records were refused has none.
    return all.filter(({ batches }) => batches.length > 0)
  }
}
