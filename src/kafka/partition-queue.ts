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
 * - A broker remembers the last five batches: no more are sent, from the oldest unacknowledged on.
 * - Until the broker has taken a first batch it knows no sequence of this producer, and would take
 *   any: one batch at a time until then.
 * - What a cut connection has left behind may be appended long after. So sequences are never given
 *   to other records: what moves up behind a refused batch goes out under another producer id.
 */
import { assert } from '../assert.ts'
import type { MillraceError } from '../errors.ts'
import type { Offset, TopicPartition } from '../ids.ts'
import { stampBatch } from './record-batch.ts'
import type { SealedBatch } from './record-batch-chain.ts'
import { splitBatch } from './record-batch-chain.ts'

/** Brokers remember as many batches, per producer and partition: what is older is no duplicate. */
const spanMax = 5
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
  /** How many were sent before it; only of meaning with a sequence. */
  ordinal: number
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
  /** What the broker met with at the latest attempt, and could not name. */
  stumble: MillraceError | undefined
  #pending: PendingBatch[] = []
  #inFlight = 0
  #isDraining = false
  #hasBeenTaken = false
  /** One at a time until this one is acknowledged. */
  #carefulUntil: PendingBatch | undefined
  #nextSequence = 0
  #nextOrdinal = 0
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
    const batch = this.#pending.find(({ isInFlight }) => !isInFlight)
    if (batch === undefined || !this.#isInSpan(batch)) return undefined
    if (batch.sequence === undefined) {
      batch.sequence = this.#nextSequence
      batch.ordinal = this.#nextOrdinal++
      this.#stamp(batch, this.identity)
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
    this.stumble = undefined
    this.attempts = 0
    this.retryAtMs = 0
  }

  /** All that is unacknowledged goes out again, in order, when nothing is under way. */
  stop(): void {
    this.#isDraining = true
  }

  /** The oldest batch was refused and not appended: it leaves, and what is behind it moves up. */
  refused(batch: PendingBatch): void {
    assert(batch === this.oldest, 'nothing that may be appended is in front')
    this.#remove(batch)
    for (const later of this.#pending) later.sequence = undefined
    this.#restart()
    this.stop()
  }

  /**
   * The batch was too large and not appended: halves take its place. The answer is how many bytes
   * more they are; undefined: it is only one record.
   */
  split(batch: PendingBatch): number | undefined {
    const { identity } = this
    const halves = splitBatch(batch.bytes)
    if (halves === undefined) return undefined
    assert(batch.sequence !== undefined && identity !== undefined, 'a sent batch is split')
    const [first, second] = halves
    const [opening, closing] = splitReceivers(batch.receivers)
    const lead: PendingBatch = { ...batch, ...first, receivers: opening }
    const sequence = (batch.sequence + first.records) % sequenceLimit
    const rest: PendingBatch = { ...batch, ...second, receivers: closing, sequence }
    for (const half of [lead, rest]) this.#stamp(half, identity)
    const index = this.#pending.indexOf(batch)
    this.#pending.splice(index, 1, lead, rest)
    // There are more batches now than a broker remembers, should the late ones turn up as well.
    this.#carefulUntil = this.#pending.at(-1)
    this.stop()
    return first.bytes.length + second.bytes.length - batch.bytes.length
  }

  /**
   * All is written, and the next batches go out under this epoch, from sequence 0. The broker knows
   * the producer from the last one, and takes nothing but 0 first.
   */
  renew(identity: ProducerIdentity): void {
    assert(this.isEmpty, 'what is not acknowledged keeps its epoch')
    const isKnown = this.#hasBeenTaken && this.identity?.producerId === identity.producerId
    this.#restart()
    this.identity = identity
    this.#hasBeenTaken = isKnown
  }

  /**
   * Gives everything up. What is under way is no longer this queue's: answers for it mean nothing.
   * A new identity may be used at once; brokers refuse the epoch of an older one.
   */
  clear(): readonly PendingBatch[] {
    const given = this.#pending
    this.#pending = []
    this.#inFlight = 0
    this.#isDraining = false
    this.attempts = 0
    this.retryAtMs = 0
    this.#restart()
    return given
  }

  /** No identity, so no sequences: both begin anew. */
  #restart(): void {
    this.identity = undefined
    this.#nextSequence = 0
    this.#nextOrdinal = 0
    this.#hasBeenTaken = false
    this.#carefulUntil = undefined
  }

  /** Counted from the oldest: those behind it that are acknowledged push it out of memory, too. */
  #isInSpan(batch: PendingBatch): boolean {
    const { oldest } = this
    if (oldest === undefined || oldest === batch) return true
    if (!this.#hasBeenTaken || this.#carefulUntil !== undefined) return false
    const ordinal = batch.sequence === undefined ? this.#nextOrdinal : batch.ordinal
    return ordinal - oldest.ordinal < spanMax
  }

  #stamp(batch: PendingBatch, identity: ProducerIdentity): void {
    assert(batch.sequence !== undefined, 'a stamped batch has a sequence')
    const { sequence } = batch
    stampBatch(batch.bytes, { ...identity, sequence, isTransactional: this.#isTransactional })
  }

  #remove(batch: PendingBatch): void {
    const index = this.#pending.indexOf(batch)
    assert(index >= 0, 'the batch is pending')
    this.#pending.splice(index, 1)
    if (this.#carefulUntil === batch) this.#carefulUntil = undefined
  }
}

/** Whoever waits wants the first offset, and only when both halves are written, in either order. */
function splitReceivers({ resolve, reject }: Receiver): readonly [Receiver, Receiver] {
  let base: Offset = -1
  let left = 2
  const half = (isFirst: boolean): Receiver => ({
    resolve: (offset) => {
      if (isFirst) base = offset
      if (--left === 0) resolve(base)
    },
    reject,
  })
  return [half(true), half(false)]
}
