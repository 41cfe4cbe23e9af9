/**
 * An application's brokers as whoever looks after it sees them: its group and offsets, its topics.
 * It joins no group and produces nothing.
 */
import type { Offset, Timestamp, TopicPartition } from '../ids.ts'
import { partitionName } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { CommittedOffset } from '../runtime/ports.ts'
import { Cluster } from './cluster.ts'
import { errorCodes, isTransient, kafkaError } from './kafka-errors.ts'
import type { KafkaSettings } from './kafka-settings.ts'
import type { Rpc } from './protocol.ts'
import { deleteGroup, describeGroup, fetchAllOffsets, type GroupMember } from './requests/admin.ts'
import { offsetCommit } from './requests/offsets.ts'
import { type ListOffsetsPartition, listOffsets } from './requests/records.ts'
import { deleteTopics } from './requests/topics.ts'

export interface PartitionBounds extends TopicPartition {
  readonly start: number
  /** One past the last record, committed or not. */
  readonly end: number
}

/** For a person who waits. */
const deadlineMs = 15_000

export class KafkaAdmin {
  readonly #cluster: Cluster
  readonly #groupId: string

  /** Rejects if no broker answers within fifteen seconds, or logging in is refused. */
  static async connect(
    settings: KafkaSettings,
    applicationId: string,
    logger: Logger
  ): Promise<KafkaAdmin> {
    const cluster = new Cluster({ clientId: applicationId, ...settings, logger })
    try {
      await cluster.retrying('Connecting', { deadlineMs }, () => cluster.metadata([]))
      return new KafkaAdmin(cluster, applicationId)
    } catch (error) {
      cluster.close()
      throw error
    }
  }

  private constructor(cluster: Cluster, groupId: string) {
    this.#cluster = cluster
    this.#groupId = groupId
  }

  /** Who is in the group at the moment. */
  async members(): Promise<readonly GroupMember[]> {
    const request = { groupId: this.#groupId }
    const errorOf = ({ error }: { readonly error: number }): number => error
    const { error, members } = await this.#coordinator(describeGroup, request, errorOf)
    if (error === errorCodes.GROUP_ID_NOT_FOUND) return []
    if (error !== 0) throw this.#groupError('DescribeGroups', error)
    return members
  }

  /** Every offset that the group has committed, in no order. */
  async committed(): Promise<readonly CommittedOffset[]> {
    const request = { groupId: this.#groupId }
    const errorOf = ({ error }: { readonly error: number }): number => error
    const { error, offsets } = await this.#coordinator(fetchAllOffsets, request, errorOf)
    const failed = error !== 0 ? error : (offsets.find((one) => one.error !== 0)?.error ?? 0)
    if (failed !== 0) throw this.#groupError('OffsetFetch', failed)
    return offsets
      .filter(({ offset }) => offset >= 0)
      .map(({ topic, partition, offset, metadata }) => ({ topic, partition, offset, metadata }))
  }

  /** Partition counts of those of the topics that are there. */
  async partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const what = 'Metadata'
    const response = await this.#cluster.retrying(what, { deadlineMs }, async () => {
      const answer = await this.#cluster.metadata(topics)
      const late = answer.topics.find(({ error }) => isTransient(error) && !isMissing(error))
      if (late !== undefined) throw kafkaError(late.error, `${what} of ${late.topic}`)
      return answer
    })
    const refused = response.topics.find(({ error }) => error !== 0 && !isMissing(error))
    if (refused !== undefined) {
      throw kafkaError(refused.error, `${what} of ${refused.topic}`, null, refused.topic)
    }
    const found = response.topics.filter(({ error }) => error === 0)
    return new Map(found.map(({ topic, partitions }) => [topic, partitions.length]))
  }

  /** In the order asked for. */
  async bounds(places: readonly TopicPartition[]): Promise<readonly PartitionBounds[]> {
    const [starts, ends] = [
      await this.#offsetsAt(places, 'earliest'),
      await this.#offsetsAt(places, 'latest'),
    ]
    return places.map(({ topic, partition }) => {
      const name = partitionName({ topic, partition })
      return { topic, partition, start: starts.get(name) ?? 0, end: ends.get(name) ?? 0 }
    })
  }

  /**
   * Where records of this time, or later ones, begin; where there are none, the end. In the order
   * asked for.
   */
  async offsetsAt(
    places: readonly TopicPartition[],
    time: Timestamp
  ): Promise<readonly (TopicPartition & { readonly offset: Offset })[]> {
    const [found, ends] = [
      await this.#offsetsAt(places, time),
      await this.#offsetsAt(places, 'latest'),
    ]
    return places.map(({ topic, partition }) => {
      const name = partitionName({ topic, partition })
      const offset = found.get(name) ?? -1
      return { topic, partition, offset: offset < 0 ? (ends.get(name) ?? 0) : offset }
    })
  }

  /** Names of all topics that this user may see. */
  async topics(): Promise<readonly string[]> {
    const { topics } = await this.#cluster.metadata(null)
    return topics.filter(({ error }) => error === 0).map(({ topic }) => topic)
  }

  /** With all its offsets. Rejects with `MILLRACE_KAFKA_NON_EMPTY_GROUP` if somebody is in it. */
  async deleteGroup(): Promise<void> {
    const request = { groupId: this.#groupId }
    const { error } = await this.#coordinator(deleteGroup, request, (answer) => answer.error)
    if (error !== 0 && error !== errorCodes.GROUP_ID_NOT_FOUND) {
      throw this.#groupError('DeleteGroups', error)
    }
  }

  /** Resolves when no broker asked knows them any more; those that are not there are none. */
  async deleteTopics(names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    await this.#cluster.retrying('DeleteTopics', { deadlineMs }, async () => {
      const controller = await this.#cluster.controller()
      const request = { topics: names, timeoutMs: deadlineMs }
      const results = await this.#cluster.send(controller, deleteTopics, request)
      const failed = results.find(({ error }) => error !== 0 && !isMissing(error))
      if (failed === undefined) return
      await this.#cluster.metadata([])
      throw kafkaError(failed.error, `DeleteTopics of ${failed.topic}`, null, failed.topic)
    })
    await this.#cluster.retrying('DeleteTopics', { deadlineMs }, async () => {
      const { size } = await this.partitions(names)
      if (size > 0) throw kafkaError(errorCodes.REQUEST_TIMED_OUT, 'DeleteTopics')
    })
  }

  /** Of a group that nobody is in. */
  async setOffsets(
    offsets: readonly (TopicPartition & { readonly offset: Offset })[]
  ): Promise<void> {
    if (offsets.length === 0) return
    const identity = { groupId: this.#groupId, generation: -1, memberId: '', instanceId: null }
    const request = { ...identity, offsets: offsets.map((one) => ({ ...one, metadata: '' })) }
    const errorOf = (results: readonly { readonly error: number }[]): number =>
      results.find(({ error }) => error !== 0)?.error ?? 0
    const results = await this.#coordinator(offsetCommit, request, errorOf)
    const failed = errorOf(results)
    if (failed !== 0) throw this.#groupError('OffsetCommit', failed)
  }

  async #offsetsAt(
    places: readonly TopicPartition[],
    at: ListOffsetsPartition['at']
  ): Promise<ReadonlyMap<string, number>> {
    const what = 'ListOffsets'
    const entries = places.map(({ topic, partition }) => ({ topic, partition, at }))
    const ask = (address: string, partitions: readonly ListOffsetsPartition[]) =>
      this.#cluster.send(address, listOffsets, { isolation: 'uncommitted', partitions })
    const found = await this.#cluster.callLeaders(what, entries, ask, { deadlineMs })
    const failed = found.find(({ error }) => error !== 0)
    if (failed !== undefined) {
      const where = `${what} of ${partitionName(failed)}`
      throw kafkaError(failed.error, where, null, failed.topic)
    }
    return new Map(found.map((entry) => [partitionName(entry), entry.offset]))
  }

  close(): void {
    this.#cluster.close()
  }

  #coordinator<Request, Response>(
    rpc: Rpc<Request, Response>,
    request: Request,
    errorOf: (response: Response) => number
  ): Promise<Response> {
    const options = { deadlineMs }
    return this.#cluster.callCoordinator('group', this.#groupId, rpc, request, errorOf, options)
  }

  #groupError(what: string, error: number): Error {
    return kafkaError(error, `${what} of ${this.#groupId}`, null, this.#groupId)
  }
}

function isMissing(error: number): boolean {
  return error === errorCodes.UNKNOWN_TOPIC_OR_PARTITION
}
