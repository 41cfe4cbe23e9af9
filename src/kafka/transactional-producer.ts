/**
 * Transactions, one at a time: records and offsets that become visible together or not at all.
 *
 *   new ──initTransactions──► ready ──begin──► open ──commit──► ready, or new
 *                              ▲                │ any error
 *                              └─────abort──── failed ◄┘
 *
 * - After an error only `abort` goes on: it takes a fresh epoch, which ends whatever the
 *   coordinator still holds, and nothing of the old epoch can be written after that.
 * - After a commit whose requests were not all answered at once, the next transaction may need a
 *   fresh epoch as well: `isReady` tells.
 * - Records first, then offsets, then the end: an offset that is committed without its records
 *   would lose them.
 * - Offsets carry the generation of the group: that is what fences a process which lost its tasks.
 *   Generation −1 is accepted from anyone, and therefore refused here.
 */
import { assert } from '../assert.ts'
import { AbortedError, FatalError, MillraceError, RetriableError } from '../errors.ts'
import type { Offset, TopicPartition } from '../ids.ts'
import { partitionName } from '../ids.ts'
import { BatchSender } from './batch-sender.ts'
import type { Cluster } from './cluster.ts'
import type { ProducerIdentity } from './partition-queue.ts'
import type { SealedBatch } from './record-batch-chain.ts'
import type { GroupIdentity, OffsetToCommit } from './requests/offsets.ts'
import { produce, produceInto } from './requests/records.ts'
import { TransactionClient } from './transaction-client.ts'

export interface TransactionalProducerOptions {
  readonly cluster: Cluster
  /** Of this process alone: at random. */
  readonly transactionalId: string
  /** After which the broker aborts an open transaction by itself. Default 10,000. */
  readonly transactionTimeoutMs?: number
  /** How long a batch, or another step, is tried. Default 30,000. */
  readonly stepTimeoutMs?: number
  /** Of batches that are not acknowledged; who comes later waits for room. Default 64 MiB. */
  readonly bufferBytesMax?: number
}

/** The membership that takes the place of one that was refused; undefined: none. */
type Overtaken = (refused: GroupIdentity, error: unknown) => Promise<GroupIdentity | undefined>

type State = 'new' | 'ready' | 'open' | 'failed'

export class TransactionalProducer {
  readonly transactionalId: string
  readonly #client: TransactionClient
  readonly #sender: BatchSender
  #state: State = 'new'
  #failure: MillraceError | undefined
  #identity: ProducerIdentity | undefined
  readonly #added = new Set<string>()
  readonly #toAdd = new Map<string, TopicPartition>()
  #isAdding = false
  #isEmpty = true

  constructor(options: TransactionalProducerOptions) {
    const { cluster, transactionalId, transactionTimeoutMs = 10_000 } = options
    const { stepTimeoutMs = 30_000, bufferBytesMax = 64 * 1024 * 1024 } = options
    this.transactionalId = transactionalId
    this.#client = new TransactionClient({
      cluster,
      transactionalId,
      transactionTimeoutMs,
      stepTimeoutMs,
    })
    this.#sender = new BatchSender({
      cluster,
      transactionalId,
      deliveryTimeoutMs: stepTimeoutMs,
      bufferBytesMax,
      isAllOrNothing: true,
      isAdmitted: (queue) => this.#isAdmitted(partitionName(queue)),
      rpc: () => (this.#client.isSecondVersion ? produceInto : produce),
      onIdentityNeeded: () => undefined,
      onBroken: (error) => this.#fail(error),
    })
  }

  /** Whether a transaction can begin; `initTransactions` otherwise. */
  get isReady(): boolean {
    return this.#state === 'ready'
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Fences who had this transactional id before, and ends its open transaction. */
  async initTransactions(): Promise<void> {
    const why = new AbortedError('MILLRACE_TRANSACTION_ABORTED', 'The transaction was aborted')
    this.#state = 'failed'
    this.#sender.reset(undefined, why)
    this.#forget()
    const identity = await this.#client.initialize()
    this.#identity = identity
    this.#sender.reset(identity, why)
    this.#failure = undefined
    this.#state = 'ready'
  }

  begin(): void {
    assert(this.#state === 'ready', `a transaction begins when ready, not when ${this.#state}`)
    this.#state = 'open'
  }

  /**
   * Resolves with the offset of the first record, or −1 if the broker no longer knew it. Rejects,
   * as everything in this transaction does from then on, with what went wrong first.
   */
  send(topic: string, partition: number, batch: SealedBatch): Promise<Offset> {
    if (this.#failure) return Promise.reject(this.#failure)
    assert(this.#state === 'open', `records are sent in an open transaction, not ${this.#state}`)
    const name = partitionName({ topic, partition })
    this.#isEmpty = false
    if (!this.#isAdmitted(name)) {
      this.#toAdd.set(name, { topic, partition })
      if (!this.#isAdding) {
        this.#isAdding = true
        void this.#addSoon(this.#identity)
      }
    }
    const written = this.#sender.enqueue(topic, partition, batch)
    // Failures also come out of `sendOffsets` and `commit`: not to wait for each send is legal.
    written.catch(() => undefined)
    return written
  }

  /**
   * Waits for the records, then adds the offsets. The membership must be a real one. After an error
   * `overtaken` may name another that they are to be sent under; the transaction is the same.
   */
  async sendOffsets(
    group: GroupIdentity,
    offsets: readonly OffsetToCommit[],
    overtaken: Overtaken = async () => undefined
  ): Promise<void> {
    assert(
      group.generation >= 0 && group.memberId !== '',
      'offsets come from a member of the group'
    )
    await this.#step(async (identity) => {
      this.#isEmpty = false
      for (let member: GroupIdentity | undefined = group; member !== undefined; ) {
        member = await this.#tryOffsets(identity, member, offsets, overtaken)
      }
    })
  }

  /**
   * Resolves when the transaction is decided. Rejects with an UnknownOutcomeError if nobody can
   * tell: `abort`, then compare with the committed offsets.
   */
  async commit(): Promise<void> {
    const next = await this.#step((identity) =>
      this.#isEmpty ? Promise.resolve(identity) : this.#client.end(identity, true)
    )
    this.#added.clear()
    this.#isEmpty = true
    this.#state = next === undefined ? 'new' : 'ready'
    if (next === undefined || next === this.#identity) return
    this.#identity = next
    this.#sender.renew(next)
  }

  /** Ends the transaction, if there is one, without its records; then all is ready for the next. */
  async abort(): Promise<void> {
    if (this.#state === 'ready') return
    await this.initTransactions()
  }

  /** Leaves an open transaction to its timeout, or to whoever fences it: `abort` first. */
  close(): void {
    this.#state = 'failed'
    this.#failure ??= new AbortedError('MILLRACE_KAFKA_CLOSED', 'The producer was closed')
    this.#sender.close(this.#failure)
  }

  async #step<T>(run: (identity: ProducerIdentity) => Promise<T>): Promise<T> {
    if (this.#failure) throw this.#failure
    assert(this.#state === 'open', `a step of an open transaction, not when ${this.#state}`)
    await this.#sender.idle()
    if (this.#failure) throw this.#failure
    try {
      assert(this.#identity !== undefined, 'an open transaction has an identity')
      return await run(this.#identity)
    } catch (error) {
      throw this.#fail(error)
    }
  }

  /** Undefined: done. Otherwise it is to be tried again, under this membership. */
  async #tryOffsets(
    identity: ProducerIdentity,
    member: GroupIdentity,
    offsets: readonly OffsetToCommit[],
    overtaken: Overtaken
  ): Promise<GroupIdentity | undefined> {
    try {
      await this.#client.commitOffsets(identity, member, offsets)
      return undefined
    } catch (error) {
      const next = await overtaken(member, error)
      if (next === undefined) throw error
      return next
    }
  }

  #isAdmitted(name: string): boolean {
    return this.#client.isSecondVersion || this.#added.has(name)
  }

  async #addSoon(identity: ProducerIdentity | undefined): Promise<void> {
    // All partitions of one synchronous stretch of work share a request.
    await Promise.resolve()
    try {
      while (identity !== undefined && this.#identity === identity && this.#toAdd.size > 0) {
        const partitions = [...this.#toAdd.values()]
        this.#toAdd.clear()
        await this.#client.addPartitions(identity, partitions)
        // An answer for an epoch that was given up must not count for the next.
        if (this.#identity !== identity) return
        for (const partition of partitions) this.#added.add(partitionName(partition))
        this.#sender.pump()
      }
      if (this.#identity === identity) this.#isAdding = false
    } catch (error) {
      if (this.#identity === identity) this.#fail(error)
    }
  }

  #forget(): void {
    this.#identity = undefined
    this.#added.clear()
    this.#toAdd.clear()
    this.#isAdding = false
    this.#isEmpty = true
  }

  #fail(error: unknown): MillraceError {
    if (this.#failure) return this.#failure
    this.#failure = asFailure(error)
    this.#state = 'failed'
    this.#forget()
    this.#sender.reset(undefined, this.#failure)
    return this.#failure
  }
}

/** What could be tried no longer means for a transaction that it does not happen. */
function asFailure(error: unknown): MillraceError {
  if (error instanceof RetriableError) {
    return new AbortedError(error.code, error.message, { cause: error })
  }
  if (error instanceof MillraceError) return error
  return new FatalError('MILLRACE_KAFKA_UNEXPECTED', String(error), { cause: error })
}
