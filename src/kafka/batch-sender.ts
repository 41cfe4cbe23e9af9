/**
 * Writes sealed batches, each exactly once and in the order of its partition, whatever happens to
 * connections and leaders meanwhile.
 *
 *   enqueue ──► queue per partition ──► one request per leader, one batch per partition ──► answers
 *      ▲ room (bytes bounded)   ▲                                                            │
 *      └────────────────────────┴── acknowledged · again after a pause · given up ◄──────────┘
 *
 * - Every partition of a request is accounted for: one that an answer lacks goes out again.
 * - A broker that stumbled (UNKNOWN_SERVER_ERROR) may have written: the same bytes go out again.
 * - A duplicate is a success. Out of sequence behind a failed batch means again; on the oldest
 *   batch the broker has lost track of this producer, and the owner must begin anew.
 * - What is given up after it may have been written is told apart from what surely was not.
 */
import { type MillraceError, RetriableError } from '../errors.ts'
import type { Offset, TopicPartition } from '../ids.ts'
import { partitionName } from '../ids.ts'
import { backoffMs } from './backoff.ts'
import type { Cluster } from './cluster.ts'
import {
  ConnectionError,
  errorClassOf,
  errorCodes,
  isTransient,
  kafkaError,
  UnknownOutcomeError,
} from './kafka-errors.ts'
import type { PendingBatch, ProducerIdentity } from './partition-queue.ts'
import { PartitionQueue } from './partition-queue.ts'
import type { Sent } from './produce-round.ts'
import { ProduceRound } from './produce-round.ts'
import type { SealedBatch } from './record-batch-chain.ts'
import type { ProduceResult } from './requests/records.ts'
import { produce } from './requests/records.ts'
import { SendBuffer } from './send-buffer.ts'
import { Alarm } from './waiting.ts'

export interface BatchSenderOptions {
  readonly cluster: Cluster
  /** Null: only idempotent. */
  readonly transactionalId: string | null
  /** How long a batch is tried. */
  readonly deliveryTimeoutMs: number
  /** Of batches that are not acknowledged; who comes later waits for room. */
  readonly bufferBytesMax: number
  /** Whether batches for this partition may go out now; `pump` again when they may. */
  readonly isAdmitted: (queue: PartitionQueue) => boolean
  /** The queue has batches and no identity: `identify` it, or give it up. */
  readonly onIdentityNeeded: (queue: PartitionQueue) => void
  /** The next identity must be a fresh one: sequences of the last are of no more use there. */
  readonly onBroken: (error: MillraceError) => void
  /** Whether one refused batch is the end for all: it is in a transaction. */
  readonly isAllOrNothing: boolean
  /** How batches are sent at present. Default: `produce`. */
  readonly rpc?: () => typeof produce
}

const ackTimeoutMs = 8_000
const answerTimeoutMs = 10_000

export class BatchSender {
  readonly #options: BatchSenderOptions
  readonly #queues = new Map<string, PartitionQueue>()
  #identity: ProducerIdentity | undefined
  #isPumping = false
  readonly #alarm = new Alarm(() => this.pump())
  readonly #buffer: SendBuffer

  constructor(options: BatchSenderOptions) {
    this.#options = options
    this.#buffer = new SendBuffer(options.bufferBytesMax, (admitted) => {
      this.#queue(admitted).add(admitted.batch)
      this.pump()
    })
  }

  get bufferedBytes(): number {
    return this.#buffer.bytes
  }

  /** Resolves with the offset of the first record, −1 if the broker no longer knew it. */
  enqueue(topic: string, partition: number, { bytes, records }: SealedBatch): Promise<Offset> {
    return new Promise((resolve, reject) => {
      const batch: PendingBatch = {
        bytes,
        records,
        receivers: { resolve, reject },
        deadlineMs: Date.now() + this.#options.deliveryTimeoutMs,
        sequence: undefined,
        ordinal: 0,
        isInFlight: false,
        mayBeWritten: false,
      }
      this.#buffer.enter({ topic, partition, batch })
    })
  }

  /** Gives up all batches, and goes on with a new identity, or with none for the time being. */
  reset(identity: ProducerIdentity | undefined, error: MillraceError): void {
    this.#identity = identity
    for (const { batch } of this.#buffer.clearLine()) batch.receivers.reject(error)
    const queues = [...this.#queues.values()]
    this.#queues.clear()
    for (const queue of queues) this.giveUp(queue, error)
  }

  /** Goes on under the next epoch when all is written. */
  renew(identity: ProducerIdentity): void {
    this.#identity = identity
    for (const queue of this.#queues.values()) queue.renew(identity)
  }

  identify(queue: PartitionQueue, identity: ProducerIdentity): void {
    queue.isIdentifying = false
    queue.identity = identity
    this.pump()
  }

  giveUp(queue: PartitionQueue, error: MillraceError): void {
    queue.isIdentifying = false
    for (const batch of queue.clear()) {
      const mayBeWritten = batch.mayBeWritten || batch.isInFlight
      // What is in a transaction that ends like this is not written, whatever the broker did.
      const isUnknown = mayBeWritten && !this.#options.isAllOrNothing
      this.#settle(batch, isUnknown ? unknown(queue, error) : error)
    }
  }

  /** Resolves when nothing is buffered any more, acknowledged or given up. */
  idle(): Promise<void> {
    return this.#buffer.idle()
  }

  /** Sends what may be sent, soon. */
  pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    queueMicrotask(() => {
      this.#isPumping = false
      while (this.#sendRound());
    })
  }

  close(error: MillraceError): void {
    this.reset(undefined, error)
    this.#alarm.stop()
  }

  #queue(at: TopicPartition): PartitionQueue {
    const name = partitionName(at)
    let queue = this.#queues.get(name)
    if (queue === undefined) {
      queue = new PartitionQueue(at, this.#options.transactionalId !== null)
      queue.identity = this.#identity
      this.#queues.set(name, queue)
    }
    return queue
  }

  /** One batch of each partition that may send; true if another round may find more. */
  #sendRound(): boolean {
    const now = Date.now()
    const round = new ProduceRound()
    const lost = new Set<string>()
    for (const queue of this.#queues.values()) {
      if (queue.isEmpty || !this.#mayGo(queue, now)) continue
      const leader = this.#options.cluster.leader(queue)
      const batch = leader && queue.take()
      if (batch) round.add(leader.address, { queue, batch })
      if (leader) continue
      lost.add(queue.topic)
      this.#pause(queue)
    }
    if (lost.size > 0) this.#refresh([...lost])
    for (const { address, sent } of round.requests()) void this.#request(address, sent)
    return !round.isEmpty
  }

  #mayGo(queue: PartitionQueue, now: number): boolean {
    if (this.#isOverdue(queue, now) || !this.#options.isAdmitted(queue)) return false
    if (queue.identity === undefined) {
      if (!queue.isIdentifying) {
        queue.isIdentifying = true
        this.#options.onIdentityNeeded(queue)
      }
      return false
    }
    if (queue.retryAtMs <= now) return true
    this.#alarm.set(queue.retryAtMs)
    return false
  }

  async #request(address: string, sent: readonly Sent[]): Promise<void> {
    const { cluster, transactionalId, rpc = () => produce } = this.#options
    let results: readonly ProduceResult[] = []
    try {
      const partitions = sent.map(({ queue: { topic, partition }, batch }) => {
        return { topic, partition, batch: batch.bytes }
      })
      const request = { transactionalId, timeoutMs: ackTimeoutMs, partitions }
      const how = { role: 'produce', timeoutMs: answerTimeoutMs } as const
      results = await cluster.send(address, rpc(), request, how)
    } catch (error) {
      if (!(error instanceof ConnectionError)) return this.#broken(sent, error as MillraceError)
      cluster.logger.debug('a produce request failed', { address, reason: error.message })
    }
    const byName = new Map(results.map((result) => [partitionName(result), result]))
    const moved = new Set<string>()
    for (const { queue, batch } of sent) {
      if (!queue.holds(batch)) continue
      queue.returned(batch)
      const result = byName.get(partitionName(queue))
      if (result === undefined) batch.mayBeWritten = true
      if (this.#answered(queue, batch, result)) moved.add(queue.topic)
    }
    if (moved.size > 0) this.#refresh([...moved])
    this.pump()
  }

  /** True: another leader may do better. */
  #answered(
    queue: PartitionQueue,
    batch: PendingBatch,
    result: ProduceResult | undefined
  ): boolean {
    const code = result?.error ?? errorCodes.NETWORK_EXCEPTION
    switch (code) {
      case errorCodes.NONE:
      case errorCodes.DUPLICATE_SEQUENCE_NUMBER:
        queue.acknowledged(batch)
        this.#settle(batch, result?.baseOffset ?? -1)
        return false
      case errorCodes.OUT_OF_ORDER_SEQUENCE_NUMBER:
        // Without a sequence: what was in front of it was refused, and it moves up.
        if (queue.oldest === batch && batch.sequence !== undefined) break
        queue.stop()
        return false
      case errorCodes.MESSAGE_TOO_LARGE:
      case errorCodes.RECORD_LIST_TOO_LARGE: {
        const bytesMore = queue.split(batch)
        if (bytesMore === undefined) break
        this.#buffer.grow(bytesMore)
        return false
      }
      case errorCodes.REQUEST_TIMED_OUT:
      case errorCodes.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
      case errorCodes.UNKNOWN_SERVER_ERROR:
        batch.mayBeWritten = true
    }
    const where = `Produce to ${partitionName(queue)}`
    const error = kafkaError(code, where, result?.message, queue.topic)
    const isStumble = code === errorCodes.UNKNOWN_SERVER_ERROR
    queue.stumble = isStumble ? error : undefined
    if (isTransient(code) || isStumble) {
      queue.stop()
      this.#pause(queue)
      return true
    }
    const isRefused = errorClassOf(code) === 'fatal' && !batch.mayBeWritten
    if (!isRefused || this.#options.isAllOrNothing) this.#breakQueue(queue, error)
    else if (queue.oldest === batch) {
      queue.refused(batch)
      this.#options.onBroken(error)
      this.#settle(batch, error)
    } else {
      // First those in front of it, under the identity they were sent with; then it is asked again.
      queue.stop()
    }
    return false
  }

  #isOverdue(queue: PartitionQueue, now: number): boolean {
    const { oldest } = queue
    if (oldest === undefined || oldest.isInFlight || oldest.deadlineMs > now) return false
    const message = `${partitionName(queue)} took nothing for ${this.#options.deliveryTimeoutMs} ms`
    const { reason } = this.#options.cluster.health()
    const text = reason ? `${message}; ${reason}` : message
    const timeout = new RetriableError('MILLRACE_KAFKA_DELIVERY_TIMEOUT', text)
    this.#breakQueue(queue, queue.stumble ?? timeout)
    return true
  }

  #broken(sent: readonly Sent[], error: MillraceError): void {
    for (const { queue, batch } of sent) {
      if (queue.holds(batch)) this.#breakQueue(queue, error)
    }
  }

  #breakQueue(queue: PartitionQueue, error: MillraceError): void {
    this.#options.onBroken(error)
    this.giveUp(queue, error)
  }

  #settle(batch: PendingBatch, outcome: Offset | Error): void {
    if (typeof outcome === 'number') batch.receivers.resolve(outcome)
    else batch.receivers.reject(outcome)
    this.#buffer.release(batch.bytes.length)
  }

  #pause(queue: PartitionQueue): void {
    queue.retryAtMs = Date.now() + backoffMs(queue.attempts++)
    this.#alarm.set(queue.retryAtMs)
  }

  #refresh(topics: readonly string[]): void {
    const { cluster } = this.#options
    cluster.refresh(topics).then(
      () => this.#dropRefused(topics),
      (error: Error) => cluster.logger.debug('no metadata for now', { reason: error.message })
    )
  }

  /** What waits for topics that may not be seen any more. */
  #dropRefused(topics: readonly string[]): void {
    for (const queue of [...this.#queues.values()]) {
      if (queue.isEmpty || !topics.includes(queue.topic)) continue
      const refusal = this.#options.cluster.topicRefusal(queue.topic)
      if (refusal !== undefined) this.#breakQueue(queue, refusal)
    }
  }
}

function unknown(queue: PartitionQueue, cause: Error): UnknownOutcomeError {
  return new UnknownOutcomeError(
    'MILLRACE_KAFKA_WRITE_UNKNOWN',
    `Records for ${partitionName(queue)} may or may not have been written: ${cause.message}`,
    { cause }
  )
}
