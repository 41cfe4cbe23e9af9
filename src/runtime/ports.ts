/**
 * What the runtime needs of a log: topics, partitions, offsets, a group that hands out tasks, and
 * an atomic commit of (output records, changelog records, input offsets). `src/kafka` and
 * `src/log` implement it; one suite of port tests runs against both.
 */
import type { Offset, TaskId, Timestamp, TopicPartition } from '../ids.ts'
import type { RecordCursor, RecordHeaders } from '../record.ts'

/** What the latest answered fetch said of a partition; the times are of the injected clock. */
export interface FetchAnswer {
  readonly sentAt: Timestamp
  readonly answeredAt: Timestamp
  readonly logStart: Offset
  /** One past the last record written, committed or not. */
  readonly highWatermark: Offset
}

/**
 * Committed records of one partition, in order. It fetches ahead of need, bounded in bytes.
 * An offset out of range, a failed checksum or a lost topic is thrown by `advance()`, never
 * skipped.
 */
export interface SourceReader extends RecordCursor {
  readonly topic: string
  readonly partition: number
  /** Moves to the next record; false: none is here at the moment (`onData` tells when). */
  advance(): boolean
  /**
   * Where to resume if the current record, and all before it, are done. When nothing is buffered it
   * has moved past everything that yields no record: markers, aborted and compacted ones.
   */
  readonly position: Offset
  readonly answer: FetchAnswer | undefined
  /**
   * Of the leader that took what is before `offset`, which is `position`, or that of the current
   * record: whether a log is still the one that was read. Undefined: unknown.
   */
  epochAt?(offset: Offset): number | undefined
  close(): void
}

export interface ReaderOptions {
  /** Called when records, or a new answer, have come; never from inside `advance()`. */
  readonly onData?: () => void
  /** Default 'committed'. */
  readonly isolation?: 'committed' | 'uncommitted'
  /** Fetch-ahead bound in bytes. Default: the log's own. */
  readonly bufferBytesMax?: number
  /** What `epochAt` said of `from`: a log that is not the one which was read is refused then. */
  readonly leaderEpoch?: number | undefined
}

/**
 * Records on their way into one commit. `append` copies or encodes at once: buffers can be reused.
 */
export interface OutputBatch {
  readonly bytes: number
  readonly records: number
  /** Throws RejectedRecordError, and appends nothing, if the topic does not take such a record. */
  append(
    topic: string,
    partition: number,
    timestamp: Timestamp,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers?: RecordHeaders
  ): void
}

export interface OffsetCommit extends TopicPartition {
  readonly task: TaskId
  /** The next offset to read. */
  readonly offset: Offset
  /** Of what was read last, if the log has leaders. */
  readonly leaderEpoch?: number
  /** At most 4,096 bytes of UTF-8; it holds the commit number and the watermarks. */
  readonly metadata: string
}

export interface CommitReceipt {
  /** One past the last record that this commit appended there; undefined if it appended none. */
  endOffset(topic: string, partition: number): Offset | undefined
  /**
   * Of the leader that has appended there, or of a later one; only of changelogs, and only if it is
   * known by now.
   */
  leaderEpoch?(topic: string, partition: number): number | undefined
}

export interface CommittedOffset extends TopicPartition {
  /** Undefined: nothing was ever committed. */
  readonly offset: Offset | undefined
  readonly leaderEpoch?: number
  readonly metadata: string
}

export interface CommitRequest {
  readonly batch: OutputBatch
  /** For every task of the process that the commit touches, whether its input moved or not. */
  readonly offsets: readonly OffsetCommit[]
  /**
   * Counts the commits of this process. What decides whether an unanswered commit happened is the
   * metadata: each task's has a number of its own, greater by one in every commit it is part of.
   */
  readonly number: number
}

export type TopicRole = 'source' | 'sink' | 'repartition' | 'changelog'

export interface TopicRequirement {
  readonly name: string
  readonly role: TopicRole
  /** For internal topics, and for sinks to be created. Absent for sources: they are as they are. */
  readonly partitions?: number
  /**
   * Kafka's names, such as `cleanup.policy`: settings of a topic that is created, checked on one
   * that exists.
   */
  readonly config?: Readonly<Record<string, string>>
  /** Whether a missing one may be created; sources never are. */
  readonly create: boolean
}

/** A task and the partitions it reads. */
export interface TaskPlan {
  readonly id: TaskId
  readonly sources: readonly TopicPartition[]
}

/** What a member has on disk of a task; assignment follows the state. */
export interface HeldTask {
  readonly id: TaskId
  /** Changelog records applied here: the more, the less there is to restore. */
  readonly restored: number
}

export interface GroupPlan {
  readonly tasks: readonly TaskPlan[]
  held(): readonly HeldTask[]
}

/** The calls come one at a time; the next waits for the promise of the last. */
export interface AssignmentListener {
  /** These came in addition. Return soon: restoring goes on beside. */
  onAssigned(tasks: readonly TaskId[]): Promise<void>
  /** These leave: commit, close, then resolve. The others keep running meanwhile. */
  onRevoked(tasks: readonly TaskId[]): Promise<void>
  /** All are gone already, to others: drop what is not committed. */
  onLost(): Promise<void>
}

export interface Membership {
  /** Leaves the group. Commit and close the tasks first. */
  leave(): Promise<void>
  /** Rejects with a FatalError if membership ended for good; never resolves before `leave`. */
  readonly ended: Promise<void>
  readonly memberId: string
  readonly rebalances: number
  /** The listener has what is ours: not before the first call to it, nor while all is lost. */
  readonly isAssigned: boolean
  /** Asks whether it still is: false means that others may have the task, and the loss is told. */
  stillHas(task: TaskId): Promise<boolean>
}

export interface RestoreOptions {
  readonly signal: AbortSignal
  /** Called with each record of the changelog, in order. */
  readonly apply: (record: RecordCursor) => void
  /** Awaited after each fetched batch: write what `apply` has gathered. The epoch: `epochAt`. */
  readonly flush: (position: Offset, leaderEpoch?: number) => Promise<void> | void
  readonly onProgress?: (position: Offset, end: Offset) => void
  /** Called first, before `from` is looked at; what it throws is what the restore rejects with. */
  readonly onBounds?: (start: Offset, end: Offset) => void
}

export interface AppendRecord {
  readonly partition?: number
  readonly timestamp: Timestamp
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: RecordHeaders
}

export interface LogHealth {
  /** Whether the log answers at present. */
  readonly ok: boolean
  readonly reason?: string
}

export interface Log {
  readonly kind: 'embedded' | 'kafka'
  /**
   * Creates what is missing, checks what is there, and answers with the number of partitions of
   * each. Rejects with one FatalError that lists every fault: expected, found, and the command
   * that mends it.
   */
  prepare(topics: readonly TopicRequirement[]): Promise<ReadonlyMap<string, number>>
  /** Partition counts of topics that must exist; rejects like `prepare`. */
  partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** A `join` will follow: what takes its time may begin. */
  expectJoin?(): void
  join(plan: GroupPlan, listener: AssignmentListener): Promise<Membership>
  /** Waits until no transaction of a predecessor is pending on them. */
  committed(partitions: readonly TopicPartition[]): Promise<readonly CommittedOffset[]>
  read(partition: TopicPartition, from: Offset | 'earliest', options?: ReaderOptions): SourceReader
  createBatch(): OutputBatch
  /**
   * Resolves when it happened, all of it. Rejects when it did not, none of it, with AbortedError
   * (rewind and go on), FencedError (the tasks are lost) or FatalError. Unknown outcomes are
   * resolved inside. One at a time.
   */
  commit(request: CommitRequest): Promise<CommitReceipt>
  /**
   * Committed records from `from` to the end as of now; call it after `committed()`. Resolves with
   * the position reached. Rejects with CorruptedError if `from` is no longer, or not yet, in the
   * log.
   */
  restore(
    partition: TopicPartition,
    from: Offset | 'earliest',
    options: RestoreOptions
  ): Promise<Offset>
  /**
   * Where a partition that once held all before `offset`, the last of it taken by a leader of this
   * epoch or by one before, parts from what it held; undefined: it does not.
   */
  divergence(
    partition: TopicPartition,
    offset: Offset,
    leaderEpoch: number,
    signal?: AbortSignal
  ): Promise<Offset | undefined>
  /** Records before these offsets are not needed any more (repartition topics). */
  purge(partitions: readonly (TopicPartition & { readonly before: Offset })[]): Promise<void>
  /** Adds records from outside any task; resolves when they are durable. */
  append(topic: string, records: readonly AppendRecord[]): Promise<void>
  health(): LogHealth
  close(): Promise<void>
}
