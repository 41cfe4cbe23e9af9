/**
 * What a transaction asks of its coordinator and of the coordinator of its group. Each call repeats
 * what can be repeated with the same epoch, which is all of it, and throws what cannot.
 *
 *   version 1   add partitions ─▶ records ─▶ add offsets ─▶ offsets ─▶ end     the epoch stays
 *   version 2                     records ─────────────────▶ offsets ─▶ end     the epoch ends, too
 *
 * Invariant: nothing that a cut connection has left behind of one transaction can reach the next.
 * In version 2 (KIP-890) its epoch is over; in version 1 the next begins with a fresh one.
 */
import { AbortedError, type MillraceError } from '../errors.ts'
import type { TopicPartition } from '../ids.ts'
import type { BackoffOptions } from './backoff.ts'
import type { CallOptions, Cluster, CoordinatorKind } from './cluster.ts'
import {
  ConnectionError,
  errorClassOf,
  errorCodes,
  isTransient,
  kafkaError,
  stumbled,
  UnknownOutcomeError,
} from './kafka-errors.ts'
import type { ProducerIdentity } from './partition-queue.ts'
import type { Rpc } from './protocol.ts'
import type { PartitionError } from './requests/by-topic.ts'
import type { GroupIdentity, OffsetToCommit } from './requests/offsets.ts'
import {
  addOffsetsToTxn,
  addPartitionsToTxn,
  endTxn,
  endTxnAndEpoch,
  initProducerId,
  txnOffsetCommit,
  txnOffsetCommitInto,
} from './requests/transactions.ts'

export interface TransactionClientOptions {
  readonly cluster: Cluster
  readonly transactionalId: string
  /** After which the broker aborts an open transaction by itself. */
  readonly transactionTimeoutMs: number
  /** How long one step is tried. */
  readonly stepTimeoutMs: number
  readonly signal?: AbortSignal
}

/** The markers of the transaction before are on their way: a matter of milliseconds. */
const backoff: BackoffOptions = { firstMs: 10, maxMs: 200 }

/** The code of an answer, and what it speaks of where the question was about something else. */
interface Failure {
  readonly error: number
  readonly topic?: string
  readonly groupId?: string
}

export class TransactionClient {
  readonly #options: TransactionClientOptions
  #version = 1
  /** Whether a request went unanswered since the epoch began: it may be carried out much later. */
  #hasLeftBehind = false

  constructor(options: TransactionClientOptions) {
    this.#options = options
  }

  /** Whether records and offsets join the transaction by themselves, and each has its epoch. */
  get isSecondVersion(): boolean {
    return this.#version >= 2
  }

  /** A fresh epoch, as `fence`, for transactions of the latest version that the cluster has. */
  async initialize(): Promise<ProducerIdentity> {
    const { cluster } = this.#options
    const what = 'Asking for the version of transactions'
    const feature = 'transaction.version'
    this.#version = await cluster.retrying(what, this.#callOptions(), () =>
      cluster.feature(feature)
    )
    const identity = await this.fence()
    this.#hasLeftBehind = false
    return identity
  }

  /**
   * A fresh epoch: whoever used the transactional id before is fenced, and its open transaction
   * aborted, or its half-done commit completed, before this resolves.
   */
  async fence(): Promise<ProducerIdentity> {
    const { transactionalId, transactionTimeoutMs } = this.#options
    const request = { transactionalId, transactionTimeoutMs, producerId: -1, epoch: -1 }
    const { producerId, epoch } = await this.#ask(
      'transaction',
      transactionalId,
      initProducerId,
      request,
      itself
    )
    return { producerId, epoch }
  }

  async addPartitions(
    identity: ProducerIdentity,
    partitions: readonly TopicPartition[]
  ): Promise<void> {
    const { transactionalId } = this.#options
    const request = { transactionalId, ...identity, partitions }
    await this.#ask('transaction', transactionalId, addPartitionsToTxn, request, worst)
  }

  /** Both steps: the offsets join the transaction, then the coordinator of the group takes them. */
  async commitOffsets(
    identity: ProducerIdentity,
    group: GroupIdentity,
    offsets: readonly OffsetToCommit[]
  ): Promise<void> {
    const { transactionalId } = this.#options
    const { groupId } = group
    const request = { transactionalId, ...identity, group, offsets }
    if (this.isSecondVersion) {
      await this.#ask('group', groupId, txnOffsetCommitInto, request, worst)
      return
    }
    const joining = { transactionalId, ...identity, groupId }
    await this.#ask('transaction', transactionalId, addOffsetsToTxn, joining, ({ error }) => {
      return { error, groupId }
    })
    await this.#ask('group', groupId, txnOffsetCommit, request, worst)
  }

  /**
   * Resolves with the identity for the next transaction; undefined: `initialize` first. Rejects
   * with an UnknownOutcomeError if a commit may have happened.
   */
  async end(identity: ProducerIdentity, commit: boolean): Promise<ProducerIdentity | undefined> {
    const { transactionalId } = this.#options
    const request = { transactionalId, ...identity, commit }
    if (this.isSecondVersion) {
      const rpc = endTxnAndEpoch
      const { producerId, epoch } = await this.#ask(
        'transaction',
        transactionalId,
        rpc,
        request,
        itself
      )
      return { producerId, epoch }
    }
    await this.#ask('transaction', transactionalId, endTxn, request, itself)
    return this.#hasLeftBehind ? undefined : identity
  }

  #refusedOn({ error, topic, groupId }: Failure, key: string): string {
    if (error === errorCodes.TRANSACTIONAL_ID_AUTHORIZATION_FAILED) {
      return this.#options.transactionalId
    }
    return topic ?? groupId ?? key
  }

  #callOptions(): CallOptions {
    const { stepTimeoutMs: deadlineMs, signal } = this.#options
    return { deadlineMs, backoff, ...(signal ? { signal } : {}) }
  }

  async #ask<Request, Response>(
    kind: CoordinatorKind,
    key: string,
    rpc: Rpc<Request, Response>,
    request: Request,
    failureOf: (response: Response) => Failure
  ): Promise<Response> {
    const { cluster } = this.#options
    const where = `${rpc.api.name} for ${kind} ${key}`
    let mayHaveHappened = false
    const attempt = async (): Promise<Response> => {
      try {
        const address = await cluster.coordinator(kind, key)
        const response = await cluster.send(address, rpc, request)
        const failure = failureOf(response)
        const { error: code } = failure
        if (code === errorCodes.NONE) return response
        if (errorClassOf(code) === 'coordinator') cluster.forgetCoordinator(kind, key)
        if (code === errorCodes.UNKNOWN_SERVER_ERROR) {
          mayHaveHappened = true
          throw brokerFailed(rpc, where)
        }
        throw kafkaError(code, where, null, this.#refusedOn(failure, key))
      } catch (error) {
        if (error instanceof ConnectionError) {
          cluster.forgetCoordinator(kind, key)
          mayHaveHappened ||= error.code !== 'MILLRACE_KAFKA_UNREACHABLE'
          this.#hasLeftBehind ||= mayHaveHappened
        }
        throw error
      }
    }
    try {
      return await cluster.retrying(where, this.#callOptions(), attempt)
    } catch (error) {
      // A step that is not the last can be repeated or aborted: only the end leaves a question.
      if (rpc.api.key === endTxn.api.key && mayHaveHappened) throw unknownEnd(where, error)
      throw error
    }
  }
}

/**
 * Ends whatever a producer that is gone has left open, and fences it. Resolves when its transaction
 * is aborted (or its half-done commit completed): committed offsets are stable then.
 */
export async function fenceTransactionalId(
  cluster: Cluster,
  transactionalId: string,
  options: { readonly deadlineMs?: number; readonly signal?: AbortSignal } = {}
): Promise<void> {
  const { deadlineMs = 30_000, signal } = options
  const client = new TransactionClient({
    cluster,
    transactionalId,
    transactionTimeoutMs: 10_000,
    stepTimeoutMs: deadlineMs,
    ...(signal ? { signal } : {}),
  })
  await client.fence()
}

/**
 * The coordinator stumbled, as it does now and then when it moves in the middle of a step. A fresh
 * epoch ends whatever it holds of this transaction; asking for one is repeated.
 */
function brokerFailed({ api }: Rpc<never, unknown>, where: string): MillraceError {
  const error = stumbled(where)
  return api.key === initProducerId.api.key ? error : new AbortedError(error.code, error.message)
}

function unknownEnd(where: string, cause: unknown): UnknownOutcomeError {
  const reason = (cause as MillraceError).message
  return new UnknownOutcomeError(
    'MILLRACE_KAFKA_COMMIT_UNKNOWN',
    `${where}: whether the transaction ended that way is not known: ${reason}`,
    { cause }
  )
}

/** An answer about one thing. */
function itself(response: Failure): Failure {
  return response
}

/** What counts of many answers: a final error before a passing one, a reason before its echo. */
function worst(results: readonly PartitionError[]): Failure {
  const failed = results.filter(({ error }) => error !== errorCodes.NONE)
  const reasons = failed.filter(({ error }) => error !== errorCodes.OPERATION_NOT_ATTEMPTED)
  const final = reasons.find(({ error }) => !isTransient(error))
  return final ?? reasons[0] ?? failed[0] ?? { error: errorCodes.NONE }
}
