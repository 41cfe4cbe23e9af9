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

export class KafkaOutputBatch implements OutputBatch {
  readonly #options: OutputBatchOptions
  readonly #chains: PartitionMap<BatchChain>
  #bytes = 0
  #records = 0

  constructor(options: OutputBatchOptions) {
    this.#options = options
    this.#chains = new PartitionMap(() => new BatchChain(options))
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
    const limits = this.#options.limits?.get(topic)
    if (limits !== undefined) this.#check(limits, timestamp, key, value, headers)
    const chain = this.#chains.of(topic, partition)
    const before = chain.bytes
    chain.append(timestamp, key, value, headers)
    this.#bytes += chain.bytes - before
    this.#records++
  }

  /** Refuses what the broker would refuse, alone and at once. */
  #check(
    limits: TopicLimits,
    timestamp: Timestamp,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: RecordHeaders | undefined
  ): void {
    const { clock = systemClock } = this.#options
    const reason = refusalOf(limits, key, timestamp, clock)
    if (reason !== undefined) throw new RejectedRecordError(reason)
    if (headerBytes + recordBytesMax(key, value, headers) <= limits.bytesMax) return
    // What counts is its size as it is sent: it may be compressed.
    const alone = new BatchChain(this.#options)
    alone.append(timestamp, key, value, headers)
    const [batch] = alone.take()
    if ((batch?.bytes.length ?? 0) > limits.bytesMax) throw new RejectedRecordError('too_large')
  }

  /** All of it; the batch is empty afterwards. */
  take(): readonly PartitionBatches[] {
    const all = [...this.#chains.entries()].map(({ topic, partition, value: chain }) => {
      return { topic, partition, batches: chain.take() }
    })
    this.#chains.clear()
    this.#bytes = 0
    this.#records = 0
    return all
  }
}
