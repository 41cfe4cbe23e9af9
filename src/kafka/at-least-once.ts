/**
 * The commit without a transaction: records, all of them acknowledged, and then the offsets.
 *
 * Invariants: offsets are never committed before the records they stand for; they are committed
 * under a generation of ours or not at all; a failure in between repeats records, and loses none.
 */
import { type MillraceError, RetriableError } from '../errors.ts'
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
import { IdempotentProducer } from './idempotent-producer.ts'
import { errorCodes, kafkaError } from './kafka-errors.ts'
import type { CommitAnswer } from './offsets.ts'
import type { GroupIdentity } from './requests/offsets.ts'

export class AtLeastOnceCommitter implements Committer {
  readonly #options: CommitterOptions
  readonly #guard = new CommitGuard()
  readonly #producer: IdempotentProducer

  constructor(options: CommitterOptions) {
    this.#options = options
    this.#producer = new IdempotentProducer({ cluster: options.cluster })
  }

  commit(request: CommitRequest): Promise<CommitReceipt> {
    return this.#guard.gated(request, {
      group: this.#options.group,
      write: (group, pass) => this.#write(request, group, pass),
    })
  }

  async close(): Promise<boolean> {
    this.#producer.close()
    return true
  }

  async #write(request: CommitRequest, group: Group, pass: CommitPass): Promise<CommitReceipt> {
    try {
      const batches = batchesOf(request.batch)
      const sent = await sendAll(this.#options.cluster, batches, (topic, partition, batch) =>
        this.#producer.send(topic, partition, batch)
      )
      const receipt = withEpochs(this.#options, batches, sent)
      await this.#commitOffsets(group, pass, request.offsets)
      return receipt
    } catch (error) {
      throw await notCommitted(group, error)
    }
  }

  /** Repeated until it is answered: repeating is harmless, and giving up would leave it unknown. */
  async #commitOffsets(
    group: Group,
    pass: CommitPass,
    offsets: readonly OffsetCommit[]
  ): Promise<void> {
    let identity = pass.identity
    for (;;) {
      const { error: code, topic } = await this.#untilAnswered(identity, offsets)
      if (code === 0) return
      const error = refused(code, identity, topic)
      const newer = await overtakenBy(group, pass, identity, error)
      if (newer === undefined) throw error
      identity = newer
    }
  }

  async #untilAnswered(
    identity: GroupIdentity,
    offsets: readonly OffsetCommit[]
  ): Promise<CommitAnswer> {
    for (;;) {
      try {
        return await this.#options.offsets.commit(identity, offsets)
      } catch (error) {
        if (!(error instanceof RetriableError) || this.#options.cluster.signal.aborted) throw error
        this.#options.log.warn('The group coordinator takes no offsets', { error })
      }
    }
  }
}

function refused(code: number, { groupId }: GroupIdentity, topic?: string): MillraceError {
  const isAboutTopic = code === errorCodes.TOPIC_AUTHORIZATION_FAILED
  return kafkaError(code, `OffsetCommit of ${groupId}`, null, isAboutTopic ? topic : groupId)
}
