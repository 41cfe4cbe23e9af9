/** Records on their way into one commit, encoded as they come: batches per topic and partition. */
import type { Timestamp, TopicPartition } from '../ids.ts'
import { PartitionMap } from '../partition-map.ts'
import type { RecordHeaders } from '../record.ts'
import type { OutputBatch } from '../runtime/ports.ts'
import { BatchChain, type BatchChainOptions, type SealedBatch } from './record-batch-chain.ts'

export interface PartitionBatches extends TopicPartition {
  readonly batches: readonly SealedBatch[]
}

export class KafkaOutputBatch implements OutputBatch {
  readonly #chains: PartitionMap<BatchChain>
  #bytes = 0
  #records = 0

  constructor(options: BatchChainOptions) {
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
    const chain = this.#chains.of(topic, partition)
    const before = chain.bytes
    chain.append(timestamp, key, value, headers)
    this.#bytes += chain.bytes - before
    this.#records++
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
