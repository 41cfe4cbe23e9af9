/** Ends what other producers left open: the broker aborts a transaction when its name comes anew. */
import { RetriableError } from '../errors.ts'
import type { Cluster } from './cluster.ts'
import { isTransient, kafkaError } from './kafka-errors.ts'
import { initProducerId } from './requests/transactions.ts'
import type { ThrottledLog } from './throttled-log.ts'

/** Of the fresh producer that nobody will use; any valid one does. */
const transactionTimeoutMs = 10_000

export class Fencing {
  readonly #cluster: Cluster
  readonly #log: ThrottledLog

  constructor(cluster: Cluster, log: ThrottledLog) {
    this.#cluster = cluster
    this.#log = log
  }

  /** Resolves when nothing of this producer is open any more; tries for as long as it is given. */
  async fence(transactionalId: string, deadlineMs: number): Promise<void> {
    const request = { transactionalId, transactionTimeoutMs, producerId: -1, epoch: -1 }
    const what = `InitProducerId of ${transactionalId}`
    await this.#cluster.retrying(what, { deadlineMs }, async () => {
      const { error } = await this.#cluster.callCoordinator(
        'transaction',
        transactionalId,
        initProducerId,
        request,
        (response) => response.error,
        { deadlineMs }
      )
      if (error === 0) return
      // Most of all CONCURRENT_TRANSACTIONS: the abort has begun and is not done.
      if (isTransient(error)) throw new RetriableError('MILLRACE_KAFKA_BUSY', `${what}: ${error}`)
      throw kafkaError(error, what)
    })
  }

  /** All of them, side by side; answers with those that could not be fenced in time. */
  async fenceAll(ids: readonly string[], deadlineMs: number): Promise<readonly string[]> {
    const results = await Promise.allSettled(ids.map((id) => this.fence(id, deadlineMs)))
    const failures = results.flatMap((result, i) =>
      result.status === 'rejected' ? [{ id: ids[i] ?? '', reason: result.reason as unknown }] : []
    )
    const [first] = failures
    if (first !== undefined) {
      const error = first.reason
      this.#log.warn('Producers of members that are gone could not be fenced', { error })
    }
    return failures.map(({ id }) => id)
  }
}
