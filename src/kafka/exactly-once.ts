/**
 * The commit as one transaction.
 *
 *                              overtaken by a rebalance ┌──▶──┐
 *     begin ─▶ records, acknowledged ─▶ offsets, under our generation ─▶ end ─▶ committed
 *       ▲            │ any error: none of it happened                      │ no answer
 *       └─ fresh epoch ◀──────────────────────────────────────────────────┤
 *                    └─ did the offsets with this commit's metadata arrive? ┘
 *
 * Invariants: after any failure the producer gets a fresh epoch before the next commit, which ends
 * whatever the broker still holds; a commit without an answer is decided by the committed offsets,
 * read when no transaction is pending on them, and by nothing else.
 */
import { assert } from '../assert.ts'
import { RetriableError } from '../errors.ts'
import type { CommitReceipt, CommitRequest, OffsetCommit } from '../runtime/ports.ts'
import type { CommitPass } from './commit-gate.ts'
import { CommitGuard } from './commit-guard.ts'
import {
  batchesOf,
  type Committer,
  type CommitterOptions,
  notCommitted,
  overtakenBy,
  sendAll,
  withEpochs,
} from './committer.ts'
import type { Group } from './group.ts'
import { UnknownOutcomeError } from './kafka-errors.ts'
import { TransactionalProducer } from './transactional-producer.ts'

export interface ExactlyOnceOptions extends CommitterOptions {
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  /** How long one step of a transaction is tried. */
  readonly stepTimeoutMs: number
}

export class ExactlyOnceCommitter implements Committer {
  readonly #options: ExactlyOnceOptions
  readonly #guard = new CommitGuard()
  readonly #producer: TransactionalProducer
  #isReady = false
  #recovering: Promise<void> | undefined

  constructor(options: ExactlyOnceOptions) {
    const { cluster, transactionalId, transactionTimeoutMs, stepTimeoutMs } = options
    this.#options = options
    this.#producer = new TransactionalProducer({
      cluster,
      transactionalId,
      transactionTimeoutMs,
      stepTimeoutMs,
    })
  }

  commit(request: CommitRequest): Promise<CommitReceipt> {
    return this.#guard.gated(request, {
      group: this.#options.group,
      ready: async () => {
        if (!this.#isReady) await this.#recover()
      },
      write: (group, pass) => this.#transact(request, group, pass),
    })
  }

  async close(): Promise<boolean> {
    const isClean = !this.#guard.isBusy && this.#recovering === undefined
    this.#producer.close()
    return isClean
  }

  async #transact(request: CommitRequest, group: Group, pass: CommitPass): Promise<CommitReceipt> {
    const producer = this.#producer
    const { cluster } = this.#options
    producer.begin()
    let receipt: CommitReceipt
    try {
      const batches = batchesOf(request.batch)
      const sent = await sendAll(cluster, batches, (topic, partition, batch) =>
        producer.send(topic, partition, batch)
      )
      receipt = withEpochs(this.#options, batches, sent)
      await producer.sendOffsets(pass.identity, request.offsets, (refused, error) =>
        overtakenBy(group, pass, refused, error)
      )
    } catch (error) {
      this.#recoverBeside()
      throw await notCommitted(group, error)
    }
    try {
      await producer.commit()
      if (!producer.isReady) this.#recoverBeside()
      return receipt
    } catch (error) {
      if (await this.#happenedAfterAll(error, request.offsets)) return receipt
      throw await notCommitted(group, error)
    }
  }

  async #happenedAfterAll(error: unknown, offsets: readonly OffsetCommit[]): Promise<boolean> {
    if (!(error instanceof UnknownOutcomeError)) {
      this.#recoverBeside()
      return false
    }
    this.#options.log.warn('A commit was not answered; asking for the committed offsets', { error })
    await this.#recover()
    const [first] = offsets
    assert(first !== undefined, 'a commit carries offsets')
    const { topic, partition } = first
    const [found] = await this.#untilAnswered(() =>
      this.#options.offsets.committed([{ topic, partition }])
    )
    return found?.offset === first.offset && found.metadata === first.metadata
  }

  /** A fresh epoch, however long it takes; the next commit waits for it. */
  #recover(): Promise<void> {
    this.#isReady = false
    this.#recovering ??= this.#untilAnswered(() => this.#producer.initTransactions())
      .then(() => {
        this.#isReady = true
      })
      .finally(() => {
        this.#recovering = undefined
      })
    return this.#recovering
  }

  #recoverBeside(): void {
    // A failure comes up again, and then is awaited, in the next commit.
    this.#recover().catch(() => undefined)
  }

  async #untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if (!(error instanceof RetriableError) || this.#options.cluster.signal.aborted) throw error
        this.#options.log.warn('The transaction coordinator does not answer', { error })
      }
    }
  }
}
