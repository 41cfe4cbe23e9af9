/**
 * Writes batches outside transactions: each once and in order, as long as the promise of `send`
 * resolves. Partitions fail one by one; what fails on one leaves the others alone.
 */
import { FatalError, RetriableError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import { BatchSender } from './batch-sender.ts'
import type { Cluster } from './cluster.ts'
import { kafkaError } from './kafka-errors.ts'
import type { PartitionQueue, ProducerIdentity } from './partition-queue.ts'
import type { SealedBatch } from './record-batch-chain.ts'
import { initProducerId } from './requests/transactions.ts'

export interface IdempotentProducerOptions {
  readonly cluster: Cluster
  /** How long a batch is tried. Default 60,000. */
  readonly deliveryTimeoutMs?: number
  /** Of batches that are not acknowledged; who comes later waits for room. Default 64 MiB. */
  readonly bufferBytesMax?: number
}

export class IdempotentProducer {
  readonly #cluster: Cluster
  readonly #sender: BatchSender
  readonly #deliveryTimeoutMs: number
  #identity: Promise<ProducerIdentity> | undefined

  constructor(options: IdempotentProducerOptions) {
    const { cluster, deliveryTimeoutMs = 60_000, bufferBytesMax = 64 * 1024 * 1024 } = options
    this.#cluster = cluster
    this.#deliveryTimeoutMs = deliveryTimeoutMs
    this.#sender = new BatchSender({
      cluster,
      transactionalId: null,
      deliveryTimeoutMs,
      bufferBytesMax,
      isAllOrNothing: false,
      isAdmitted: () => true,
      onIdentityNeeded: (queue) => void this.#identify(queue),
      // Its sequences are of no use any more: the next batches go out under a new id.
      onBroken: () => {
        this.#identity = undefined
      },
    })
  }

  /**
   * Resolves with the offset of the first record, or −1 if the broker no longer knew it. Rejects
   * with an UnknownOutcomeError if it may have been written, with any other error if it was not.
   */
  send(topic: string, partition: number, batch: SealedBatch): Promise<Offset> {
    return this.#sender.enqueue(topic, partition, batch)
  }

  /** Resolves when all that was sent is acknowledged or has failed. */
  flush(): Promise<void> {
    return this.#sender.idle()
  }

  /** Gives up what is not acknowledged: `flush` first. */
  close(): void {
    this.#sender.close(new RetriableError('MILLRACE_KAFKA_CLOSED', 'The producer was closed'))
  }

  async #identify(queue: PartitionQueue): Promise<void> {
    try {
      this.#identity ??= this.#initialize()
      this.#sender.identify(queue, await this.#identity)
    } catch (error) {
      this.#identity = undefined
      if (error instanceof FatalError) return this.#sender.giveUp(queue, error)
      this.#sender.giveUp(
        queue,
        new RetriableError('MILLRACE_KAFKA_NO_PRODUCER_ID', 'No broker gave out a producer id', {
          cause: error,
        })
      )
    }
  }

  #initialize(): Promise<ProducerIdentity> {
    const options = { deadlineMs: this.#deliveryTimeoutMs }
    return this.#cluster.retrying('InitProducerId', options, async () => {
      const request = {
        transactionalId: null,
        transactionTimeoutMs: 0,
        producerId: -1,
        epoch: -1,
      }
      const response = await this.#cluster.any(initProducerId, request)
      const { error, producerId, epoch } = response
      if (error !== 0) throw kafkaError(error, 'InitProducerId')
      return { producerId, epoch }
    })
  }
}
