/**
 * Kafka behind the port of the runtime: where the parts of this room come together.
 *
 *     connect ─▶ prepare ─▶ join ─▶ committed, restore, read, commit, purge … ─▶ close
 *
 * What a broker does wrong for a while is waited for inside; what cannot be waited for has a code.
 */
import { assert } from '../assert.ts'
import { type Clock, systemClock } from '../clock.ts'
import { FatalError, RetriableError } from '../errors.ts'
import { type Offset, partitionName, type TopicPartition } from '../ids.ts'
import type {
  AppendRecord,
  AssignmentListener,
  CommitReceipt,
  CommitRequest,
  CommittedOffset,
  GroupPlan,
  Log,
  LogHealth,
  Membership,
  OutputBatch,
  ReaderOptions,
  RestoreOptions,
  SourceReader,
  TopicRequirement,
} from '../runtime/ports.ts'
import { steadyOf } from '../steady-clock.ts'
import { Appender } from './appender.ts'
import { AtLeastOnceCommitter } from './at-least-once.ts'
import { Cluster } from './cluster.ts'
import type { Committer } from './committer.ts'
import type { Codec } from './compression.ts'
import { ensureCodec } from './compression.ts'
import { ExactlyOnceCommitter } from './exactly-once.ts'
import { Fetcher } from './fetcher.ts'
import { Group } from './group.ts'
import type { GroupTimes } from './group-times.ts'
import { isTransient, kafkaError } from './kafka-errors.ts'
import type { KafkaOptions } from './link-options.ts'
import { type MemberSource, MemberThreads } from './member-threads.ts'
import { Offsets } from './offsets.ts'
import { KafkaOutputBatch } from './output-batch.ts'
import { deleteRecords, offsetForLeaderEpoch } from './requests/records.ts'
import { restore } from './restore.ts'
import { PartitionReader } from './source-reader.ts'
import { WatchedMembership } from './source-watch.ts'
import { ThrottledLog } from './throttled-log.ts'
import { Topics } from './topics.ts'
import { fenceTransactionalId } from './transaction-client.ts'
import {
  leftTransactionalIds,
  producerFile,
  removeTransactionalId,
  transactionalIdOf,
  writeTransactionalId,
} from './transactional-id.ts'

export interface KafkaLogOptions extends KafkaOptions {
  /** The group, and the prefix of the transactional id. */
  readonly applicationId: string
  /** Of this process and run. */
  readonly instance: string
  /** Default 'exactly_once'. */
  readonly guarantee?: 'exactly_once' | 'at_least_once'
  /**
   * Where the name of the producer outlives a killed process; lock it before. Without it a
   * transaction that was left open holds its successor up until it times out.
   */
  readonly stateDirectory?: string
  /**
   * Of several threads that share the state directory, the number of this one, from 1 on: whoever
   * starts them calls `endLeftTransactions` before. Default: it has the directory for itself.
   */
  readonly thread?: number
  /** For the times of fetch answers. Default: the system's. */
  readonly clock?: Clock
  readonly group?: GroupTimes
  /**
   * Kafka's `group.instance.id`, of this process and its successors alone: who comes back with it
   * within the session timeout has its tasks again, and the others notice nothing. Up to 180
   * letters, digits, `.`, `_`, `-`. Default: none, every run is a new member.
   */
  readonly instanceId?: string
  /** Whether closing gives the tasks to the others at once. Default: unless `instanceId` is set. */
  readonly leaveOnClose?: boolean
  /** After which a broker aborts a transaction whose producer is silent. Default 10,000. */
  readonly transactionTimeoutMs?: number
  /** How long one step of a commit is tried before the commit is given up. Default 30,000. */
  readonly stepTimeoutMs?: number
  /** How long a broker holds a fetch that finds nothing. Default 250. */
  readonly fetchWaitMs?: number
  /** How long added partitions may go unseen; then the application ends. Default 60,000. */
  readonly metadataMaxAgeMs?: number
  /** Of what is written. Default 'none'. */
  readonly compression?: Codec
  /** How long to look for a broker at the start. Default 60,000. */
  readonly connectMs?: number
  /** Ends `connect`, which rejects then, and nothing after it. */
  readonly signal?: AbortSignal
}

const purgeMs = 10_000
/** At the end of one changelog a fetch must not park: the next task may be waiting to be read. */
const restoreWaitMs = 20

export class KafkaLog implements Log {
  readonly kind = 'kafka'
  readonly #options: KafkaLogOptions
  readonly #cluster: Cluster
  readonly #members: MemberSource
  readonly #log: ThrottledLog
  readonly #topics: Topics
  readonly #offsets: Offsets
  readonly #committer: Committer
  readonly #appender: Appender
  readonly #fetcher: Fetcher
  readonly #restorer: Fetcher
  readonly #transactionalId: string | null
  readonly #nameFile: string | undefined
  #group: Group | undefined

  /**
   * Resolves when a broker answers and nothing of this instance's predecessor is open any more.
   * Rejects with a FatalError if logging in is refused, with a RetriableError if no broker answers.
   */
  static async connect(
    options: KafkaLogOptions,
    cluster = new Cluster(options),
    openMember?: MemberSource['open']
  ): Promise<KafkaLog> {
    const members = openMember && { open: openMember }
    const log = new KafkaLog(options, cluster, members ?? new MemberThreads(options))
    const { signal } = options
    const cut = (): void => cluster.close()
    signal?.addEventListener('abort', cut)
    try {
      signal?.throwIfAborted()
      await log.#start()
      return log
    } catch (error) {
      cluster.close()
      throw error
    } finally {
      signal?.removeEventListener('abort', cut)
    }
  }

  private constructor(options: KafkaLogOptions, cluster: Cluster, members: MemberSource) {
    const { applicationId, fetchWaitMs: waitMs = 250 } = options
    const clock = steadyOf(options.clock ?? systemClock)
    const { guarantee = 'exactly_once', transactionTimeoutMs = 10_000 } = options
    const { stepTimeoutMs = 30_000, instanceId = null } = options
    const isExact = guarantee === 'exactly_once'
    this.#options = options
    this.#cluster = cluster
    this.#members = members
    this.#log = new ThrottledLog(options.logger, clock)
    this.#topics = new Topics({
      cluster,
      bootstrap: options.brokers.join(','),
      groupId: applicationId,
      onCreated: (topic) => options.logger.info('Created a topic', { topic }),
    })
    this.#offsets = new Offsets(cluster, applicationId, this.#log)
    this.#transactionalId = isExact ? transactionalIdOf(applicationId, instanceId) : null
    this.#nameFile =
      options.stateDirectory === undefined || !isExact
        ? undefined
        : producerFile(options.stateDirectory, options.thread)
    const { compression: codec = 'none' } = options
    const isChangelog = (topic: string): boolean => this.#topics.changelogs.has(topic)
    const parts = { cluster, offsets: this.#offsets, log: this.#log, isChangelog }
    const group = (): Group => this.#member()
    this.#committer =
      this.#transactionalId === null
        ? new AtLeastOnceCommitter({ ...parts, group })
        : new ExactlyOnceCommitter({
            ...parts,
            group,
            transactionalId: this.#transactionalId,
            transactionTimeoutMs,
            stepTimeoutMs,
          })
    this.#appender = new Appender({ cluster, codec })
    const fetching = { cluster, clock, log: this.#log, waitMs }
    this.#fetcher = new Fetcher({ ...fetching, role: 'fetch' })
    this.#restorer = new Fetcher({ ...fetching, role: 'restore', waitMs: restoreWaitMs })
  }

  prepare(topics: readonly TopicRequirement[]): Promise<ReadonlyMap<string, number>> {
    return this.#topics.prepare(topics)
  }

  partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#topics.partitions(topics)
  }

  expectJoin(): void {
    this.#members.expect?.()
  }

  async join(plan: GroupPlan, listener: AssignmentListener): Promise<Membership> {
    assert(this.#group?.isOver !== false, 'a log is joined once at a time')
    const { applicationId, instance, logger, group: times = {} } = this.#options
    const { instanceId = null, leaveOnClose = instanceId === null } = this.#options
    const group = new Group({
      cluster: this.#cluster,
      groupId: applicationId,
      instance,
      instanceId,
      saysGoodbye: leaveOnClose,
      transactionalId: this.#transactionalId,
      plan,
      listener,
      openMember: this.#members.open,
      logger,
      log: this.#log,
      times,
    })
    // Before it has joined: whoever closes meanwhile ends that too.
    this.#group = group
    await group.joined
    const { metadataMaxAgeMs: everyMs = 60_000 } = this.#options
    return new WatchedMembership(group, {
      cluster: this.#cluster,
      tasks: plan.tasks,
      changelogs: this.#topics.changelogs,
      everyMs,
    })
  }

  committed(partitions: readonly TopicPartition[]): Promise<readonly CommittedOffset[]> {
    return this.#offsets.committed(partitions)
  }

  read(
    partition: TopicPartition,
    from: Offset | 'earliest',
    options: ReaderOptions = {}
  ): SourceReader {
    return new PartitionReader(this.#fetcher, partition, from, options)
  }

  createBatch(): OutputBatch {
    const { compression: codec = 'none', clock = systemClock } = this.#options
    return new KafkaOutputBatch({ codec, limits: this.#topics.limits, clock })
  }

  commit(request: CommitRequest): Promise<CommitReceipt> {
    return this.#committer.commit(request)
  }

  restore(
    partition: TopicPartition,
    from: Offset | 'earliest',
    options: RestoreOptions
  ): Promise<Offset> {
    const context = {
      cluster: this.#cluster,
      read: (partition: TopicPartition, from: Offset, onData: () => void) =>
        new PartitionReader(this.#restorer, partition, from, { onData }),
    }
    return restore(context, partition, from, options)
  }

  async divergence(
    partition: TopicPartition,
    offset: Offset,
    leaderEpoch: number,
    signal?: AbortSignal
  ): Promise<Offset | undefined> {
    const cluster = this.#cluster
    const what = 'OffsetForLeaderEpoch'
    const ask = (address: string, [entry]: readonly TopicPartition[]) => {
      const currentEpoch = (entry && cluster.leader(entry)?.epoch) ?? -1
      const asked = { ...partition, currentEpoch, leaderEpoch }
      return cluster.send(address, offsetForLeaderEpoch, [asked])
    }
    const options = signal === undefined ? {} : { signal }
    const [found] = await cluster.callLeaders(what, [partition], ask, options)
    const where = `${what} of ${partitionName(partition)}`
    if (found?.error !== 0) throw kafkaError(found?.error ?? -1, where, null, partition.topic)
    return found.end < offset ? Math.max(found.end, 0) : undefined
  }

  /** What cannot be deleted now is deleted by a later call: failures are logged, not thrown. */
  async purge(
    partitions: readonly (TopicPartition & { readonly before: Offset })[]
  ): Promise<void> {
    if (partitions.length === 0) return
    try {
      const results = await this.#cluster.callLeaders(
        'DeleteRecords',
        partitions,
        (address, entries) => {
          const request = { timeoutMs: purgeMs, partitions: entries }
          return this.#cluster.send(address, deleteRecords, request)
        },
        { deadlineMs: purgeMs }
      )
      const failed = results.find(({ error }) => error !== 0 && !isTransient(error))
      if (failed !== undefined) this.#log.warn('Records could not be purged', { ...failed })
    } catch (error) {
      if (error instanceof FatalError) throw error
      if (!this.#cluster.signal.aborted) this.#log.warn('Purging was put off', { error })
    }
  }

  append(topic: string, records: readonly AppendRecord[]): Promise<void> {
    return this.#appender.append(topic, records)
  }

  /**
   * Aborts what producers of the process before have left open, by their names in this directory,
   * and forgets those; answers with them. No other producer may have its name there yet.
   */
  async endLeftTransactions(stateDirectory: string): Promise<readonly string[]> {
    const { connectMs: deadlineMs = 60_000 } = this.#options
    const left = await leftTransactionalIds(stateDirectory)
    for (const { id, path } of left) {
      await fenceTransactionalId(this.#cluster, id, { deadlineMs })
      await removeTransactionalId(path)
    }
    return left.map(({ id }) => id)
  }

  health(): LogHealth {
    return this.#cluster.health()
  }

  /** Leaves the group if that was not done. Transactions under way are aborted by the broker. */
  async close(): Promise<void> {
    await this.#group?.leave()
    await this.#members.close?.()
    this.#fetcher.close()
    this.#restorer.close()
    this.#appender.close()
    const isClean = await this.#committer.close()
    this.#cluster.close()
    if (isClean && this.#nameFile !== undefined) await removeTransactionalId(this.#nameFile)
  }

  async #start(): Promise<void> {
    const { compression, connectMs: deadlineMs = 60_000 } = this.#options
    if (compression !== undefined) await ensureCodec(compression)
    await this.#cluster.retrying('Connecting', { deadlineMs }, async () => {
      try {
        await this.#cluster.metadata([])
      } catch (error) {
        const willTryOn = error instanceof RetriableError
        if (willTryOn) this.#log.warn('No broker answers yet; trying on', { error })
        throw error
      }
    })
    const { stateDirectory, thread, instanceId } = this.#options
    const [file, own] = [this.#nameFile, this.#transactionalId]
    if (own === null) return
    const isAlone = stateDirectory !== undefined && thread === undefined
    const ended = isAlone ? await this.endLeftTransactions(stateDirectory) : []
    // The name of a static member is known beforehand: its predecessor may have been elsewhere.
    const isKnown = instanceId !== undefined && !ended.includes(own)
    if (isKnown) await fenceTransactionalId(this.#cluster, own, { deadlineMs })
    if (file !== undefined) await writeTransactionalId(file, own)
  }

  #member(): Group {
    assert(this.#group !== undefined, 'whoever commits has joined before')
    return this.#group
  }
}
