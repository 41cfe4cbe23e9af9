/**
 * What waits to be written to one partition, in order, and what of it is under way.
 *
 *   pending   [ oldest · · · | · · · · · newest ]
 *               in flight      not sent (again)
 *
 * - A batch gets its sequence when it is first sent, and is re-sent with the same bytes until the
 *   broker has answered for it: that is how the broker knows a duplicate.
 * - A failure stops the partition until nothing of it is under way; then it goes on with the
 *   oldest. What was sent behind a failed batch could not be appended: its sequence left a gap.
 * - Until the broker has taken a first batch it knows no sequence of this producer, and would take
 *   any: one batch at a time until then.
 * - Sequences are given anew only behind a batch that surely was not appended, and only when
 *   nothing is under way.
 */
import { assert } from '../assert.ts'
import type { Offset, TopicPartition } from '../ids.ts'
import { stampBatch } from './record-batch.ts'
import type { SealedBatch } from './record-batch-chain.ts'
import { splitBatch } from './record-batch-chain.ts'

/** Brokers remember as many, per producer and partition. */
const inFlightMax = 5
const sequenceLimit = 2 ** 31

export interface ProducerIdentity {
  readonly producerId: number
  readonly epoch: number
}

export interface Receiver {
  resolve(baseOffset: Offset): void
  reject(error: Error): void
}

export interface PendingBatch extends SealedBatch {
  readonly receivers: Receiver
  readonly deadlineMs: number
  /** Undefined until it is first sent. */
  sequence: number | undefined
  isInFlight: boolean
  /** Sent at least once without an answer that rules out that it was appended. */
  mayBeWritten: boolean
}

export class PartitionQueue implements TopicPartition {
  readonly topic: string
  readonly partition: number
  /** Undefined: batches wait until there is one. */
  identity: ProducerIdentity | undefined
  /** Whether somebody is getting one. */
  isIdentifying = false
  /** Not before this wall-clock time. */
  retryAtMs = 0
  attempts = 0
  #pending: PendingBatch[] = []
  #inFlight = 0
  #isDraining = false
  #hasBeenTaken = false
  #nextSequence = 0
  readonly #isTransactional: boolean

  constructor({ topic, partition }: TopicPartition, isTransactional: boolean) {
    this.topic = topic
    this.partition = partition
    this.#isTransactional = isTransactional
  }

  get isEmpty(): boolean {
    return this.#pending.length === 0
  }

  get oldest(): PendingBatch | undefined {
    return this.#pending[0]
  }

  add(batch: PendingBatch): void {
    this.#pending.push(batch)
  }

  holds(batch: PendingBatch): boolean {
    return this.#pending.includes(batch)
  }

  /** The batch to send next, stamped; undefined if none may be sent now. */
  take(): PendingBatch | undefined {
    if (this.identity === undefined || this.isEmpty) return undefined
    if (this.#isDraining && this.#inFlight > 0) return undefined
    this.#isDraining = false
    if (this.#inFlight >= (this.#hasBeenTaken ? inFlightMax : 1)) return undefined
    const batch = this.#pending.find(({ isInFlight }) => !isInFlight)
    if (batch === undefined) return undefined
    if (batch.sequence === undefined) {
      batch.sequence = this.#nextSequence
      const isTransactional = this.#isTransactional
      stampBatch(batch.bytes, { ...this.identity, sequence: batch.sequence, isTransactional })
      this.#nextSequence = (this.#nextSequence + batch.records) % sequenceLimit
    }
    batch.isInFlight = true
    this.#inFlight++
    return batch
  }

  /** An answer, or none, came for what `take` gave; tell what it means afterwards. */
  returned(batch: PendingBatch): void {
    assert(this.#inFlight > 0 && batch.isInFlight, 'the batch was under way')
    batch.isInFlight = false
    this.#inFlight--
  }

  acknowledged(batch: PendingBatch): void {
    this.#remove(batch)
    this.#hasBeenTaken = true
    this.attempts = 0
    this.retryAtMs = 0
  }

  /** All that is unacknowledged goes out again, in order, when nothing is under way. */
  stop(): void {
    this.#isDraining = true
  }

  /** The batch was refused and not appended: it leaves, and what is behind it moves up. */
  refused(batch: PendingBatch): void {
    this.#renumberFrom(batch)
    this.#remove(batch)
    this.stop()
  }

  /**
   * The batch was too large and not appended: halves take its place. The answer is how many bytes
   * more they are; undefined: it is only one record.
   */
  split(batch: PendingBatch): number | undefined {
    const halves = splitBatch(batch.bytes)
    if (halves === undefined) return undefined
    this.#renumberFrom(batch)
    const { receivers, deadlineMs } = batch
    let base: Offset = -1
    // Whoever waits wants the first offset, but only when both halves are written.
    const opening: Receiver = {
      resolve: (offset) => {
        base = offset
      },
      reject: receivers.reject,
    }
    const closing: Receiver = { resolve: () => receivers.resolve(base), reject: receivers.reject }
    const unsent = { deadlineMs, sequence: undefined, isInFlight: false, mayBeWritten: false }
    const [first, second] = halves
    this.#pending.splice(
      this.#pending.indexOf(batch),
      1,
      { ...unsent, ...first, receivers: opening },
      { ...unsent, ...second, receivers: closing }
    )
    this.stop()
    return first.bytes.length + second.bytes.length - batch.bytes.length
  }

  /**
   * Gives everything up. What is under way is no longer this queue's: answers for it mean nothing.
   * A new identity may be used at once; brokers refuse the epoch of an older one.
   */
  clear(): readonly PendingBatch[] {
    const given = this.#pending
    this.#pending = []
    this.identity = undefined
    this.#inFlight = 0
    this.#isDraining = false
    this.#hasBeenTaken = false
    this.#nextSequence = 0
    this.attempts = 0
    this.retryAtMs = 0
    return given
  }

  #renumberFrom(batch: PendingBatch): void {
    const index = this.#pending.indexOf(batch)
    assert(index >= 0, 'a pending batch is renumbered')
    // Renumbered already, from a batch further up.
    if (batch.sequence === undefined) return
    this.#nextSequence = batch.sequence
    // What is under way still carries the old number: it keeps its bytes until it is back.
    for (const later of this.#pending.slice(index)) later.sequence = undefined
  }

  #remove(batch: PendingBatch): void {
    const index = this.#pending.indexOf(batch)
    assert(index >= 0, 'the batch is pending')
    this.#pending.splice(index, 1)
  }
}
