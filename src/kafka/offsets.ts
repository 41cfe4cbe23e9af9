/** Committed offsets: read when nothing is pending on them, and written without a transaction. */
import { assert } from '../assert.ts'
import { RetriableError } from '../errors.ts'
import type { TopicPartition } from '../ids.ts'
import { partitionName } from '../ids.ts'
import type { CommittedOffset, OffsetCommit } from '../runtime/ports.ts'
import type { Cluster } from './cluster.ts'
import { errorCodes, isTransient, kafkaError } from './kafka-errors.ts'
import { type GroupIdentity, offsetCommit, offsetFetch } from './requests/offsets.ts'
import type { ThrottledLog } from './throttled-log.ts'

/** A dead predecessor's transaction is given up by the broker after its timeout; then we go on. */
const stableDeadlineMs = 120_000

/** 0 and no topic: all are committed. */
export interface CommitAnswer {
  readonly error: number
  readonly topic?: string
}

export class Offsets {
  readonly #cluster: Cluster
  readonly #groupId: string
  readonly #log: ThrottledLog

  constructor(cluster: Cluster, groupId: string, log: ThrottledLog) {
    this.#cluster = cluster
    this.#groupId = groupId
    this.#log = log
  }

  /** In the order asked for. Waits until no transaction is pending on any of them. */
  async committed(partitions: readonly TopicPartition[]): Promise<readonly CommittedOffset[]> {
    if (partitions.length === 0) return []
    const request = { groupId: this.#groupId, partitions, requireStable: true }
    const what = `OffsetFetch of ${this.#groupId}`
    const { offsets } = await this.#cluster.retrying(
      what,
      { deadlineMs: stableDeadlineMs },
      async () => {
        const response = await this.#cluster.callCoordinator(
          'group',
          this.#groupId,
          offsetFetch,
          request,
          ({ error }) => error
        )
        const failed = [response, ...response.offsets].find(({ error }) => error !== 0)
        if (failed === undefined) return response
        if (failed.error === errorCodes.UNSTABLE_OFFSET_COMMIT) {
          this.#log.warn('Waiting for the transaction of a predecessor to end')
        }
        const topic = 'topic' in failed ? failed.topic : this.#groupId
        throw kafkaError(failed.error, what, null, topic)
      }
    )
    const found = new Map(offsets.map((entry) => [partitionName(entry), entry]))
    return partitions.map(({ topic, partition }) => {
      const entry = found.get(partitionName({ topic, partition }))
      const place = { topic, partition }
      if (entry === undefined || entry.offset < 0) {
        return { ...place, offset: undefined, metadata: '' }
      }
      const { offset, leaderEpoch, metadata } = entry
      return { ...place, offset, metadata, ...(leaderEpoch >= 0 && { leaderEpoch }) }
    })
  }

  /**
   * One attempt under this identity; answers with the first that failed. Repeating is safe.
   * Rejects with a RetriableError if the coordinator cannot be reached.
   */
  async commit(identity: GroupIdentity, offsets: readonly OffsetCommit[]): Promise<CommitAnswer> {
    // Generation −1 is accepted from anybody, and overwrites what the owner has committed.
    const isMember = identity.generation >= 0 && identity.memberId !== ''
    assert(isMember, 'offsets come from a member of the group')
    return this.#cluster.retrying(`OffsetCommit of ${this.#groupId}`, {}, async () => {
      const response = await this.#cluster.callCoordinator(
        'group',
        this.#groupId,
        offsetCommit,
        { ...identity, offsets },
        (results) => results.find(({ error }) => error !== 0)?.error ?? 0
      )
      const failed = response.find(({ error }) => error !== 0) ?? { error: 0 }
      const code = failed.error
      const isPassing = isTransient(code) && code !== errorCodes.REBALANCE_IN_PROGRESS
      if (isPassing) throw new RetriableError('MILLRACE_KAFKA_BUSY', `OffsetCommit: code ${code}`)
      return failed
    })
  }
}
