/**
 * The log without a broker: topics in one directory, or in memory, behind the port of the runtime.
 *
 *     client ─┐                       ┌─ writer ──▶ LevelDB in <path>, or nothing in memory
 *     client ─┼─▶ engine: topics, ────┼─ partitions with their latest chunks ──▶ readers
 *     client ─┘   offsets, groups     └─ upkeep: retention and compaction, between records
 *
 * The object that `open` or `inMemory` answers with is a client itself, and enough for one instance
 * of an application; `client()` makes more, which share everything but membership and readers.
 *
 * Invariants: a commit is one atomic, synced batch of records, offsets and metadata, so after a
 * `kill -9` or a loss of power it is there whole or not at all; only the owner of a task commits
 * for it; what is acknowledged is durable. It is not a broker: no network, no replicas, and one
 * process at a time.
 */
import { type Clock, systemClock } from '../clock.ts'
import { AbortedError, FatalError, FencedError } from '../errors.ts'
import type { Offset, TopicPartition } from '../ids.ts'
import { type Logger, silentLogger } from '../log.ts'
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
import { partitionForKey } from '../serde/murmur2.ts'
import { steadyOf } from '../steady-clock.ts'
import { LogEngine, type LogReset } from './engine.ts'
import type { CommitFault, LogFaults } from './faults.ts'
import { fenced, type GroupMember } from './group.ts'
import { inspectLog, type LogInspection } from './inspect.ts'
import { Janitor } from './janitor.ts'
import type { OffsetEntry } from './layout.ts'
import { openLevelStorage } from './level-storage.ts'
import { EmbeddedBatch } from './output-batch.ts'
import { PartitionReader } from './reader.ts'
import { restorePartition } from './restore.ts'
import { memoryStorage } from './storage.ts'
import type { EndOffsets } from './writer.ts'

export interface MemoryLogOptions {
  readonly clock: Clock
  readonly logger?: Logger
  /** Consumer group whose offsets are committed. Default 'default'. */
  readonly group?: string
}

export interface DurableLogOptions {
  /** A directory of its own; created if it is missing. */
  readonly path: string
  /** Default: the system's clock. */
  readonly clock?: Clock
  readonly logger?: Logger
  /** Consumer group whose offsets are committed. Default 'default'. */
  readonly group?: string
  /** What each partition keeps in memory behind its end. Default 1 MiB. */
  readonly tailBytesMax?: number
  /** How often retention and compaction look around. Default one minute. */
  readonly upkeepEveryMs?: number
  /** How often readers without news are told of a new answer. Default 250 ms. */
  readonly answerEveryMs?: number
}

const metadataBytesMax = 4_096
/** What one append stores in one batch: more is several batches, so that commits get a turn. */
const appendBytesMax = 4 * 1024 * 1024

export class EmbeddedLog implements Log {
  readonly kind = 'embedded'
  readonly #engine: LogEngine
  readonly #janitor: Janitor
  readonly #group: string
  /** Closes what all clients share; only the first client does. */
  readonly #shutDown: (() => Promise<void>) | undefined
  readonly #readers = new Set<PartitionReader>()
  #member: GroupMember | undefined
  #gone: FatalError | undefined
  #closing: Promise<void> | undefined
  #roundRobin = 0

  private constructor(
    engine: LogEngine,
    janitor: Janitor,
    group: string,
    shutDown?: () => Promise<void>
  ) {
    this.#engine = engine
    this.#janitor = janitor
    this.#group = group
    this.#shutDown = shutDown
  }

  /**
   * Opens the log in a directory, or creates it. Rejects with a FatalError: MILLRACE_LOG_LOCKED if
   * another process holds it, MILLRACE_LOG_DAMAGED, or MILLRACE_LOG_UNUSABLE (permissions, space).
   */
  static async open(options: DurableLogOptions): Promise<EmbeddedLog> {
    const { clock = systemClock, logger = silentLogger, tailBytesMax = 1024 * 1024 } = options
    const { storage, entries, batches } = await openLevelStorage(options.path)
    const engine = new LogEngine({ storage, clock, logger, tailBytesMax, entries, batches })
    const janitor = new Janitor(engine, { trimDelayMs: 1_000 })
    janitor.start(options.upkeepEveryMs ?? 60_000, options.answerEveryMs ?? 250)
    return new EmbeddedLog(engine, janitor, options.group ?? 'default', async () => {
      await janitor.stop()
      await engine.writer.settled()
      engine.writer.stop(closedError())
      await storage.close()
    })
  }

  /** A log that lives as long as this object; nothing expires unless `maintain` is called. */
  static inMemory(options: MemoryLogOptions): EmbeddedLog {
    const engine = new LogEngine({
      storage: memoryStorage,
      clock: options.clock,
      logger: options.logger ?? silentLogger,
      tailBytesMax: Number.POSITIVE_INFINITY,
      entries: { topics: [], partitions: [], offsets: [] },
      batches: 0,
    })
    const janitor = new Janitor(engine, { trimDelayMs: 0 })
    return new EmbeddedLog(engine, janitor, options.group ?? 'default', async () => {
      await janitor.stop()
      engine.writer.stop(closedError())
    })
  }

  /** Another client of the same log, such as a second instance of the application. */
  client(group = this.#group): EmbeddedLog {
    return new EmbeddedLog(this.#engine, this.#janitor, group)
  }

  /** Faults that strike the next calls of any client: for tests. */
  get faults(): LogFaults {
    return this.#engine.faults
  }

  prepare(topics: readonly TopicRequirement[]): Promise<ReadonlyMap<string, number>> {
    return this.#alive(() => this.#engine.prepare(topics))
  }

  partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#alive(async () => this.#engine.partitionCounts(topics))
  }

  join(plan: GroupPlan, listener: AssignmentListener): Promise<Membership> {
    return this.#alive(async () => {
      this.#member?.drop()
      this.#member = this.#engine.group(this.#group).join(plan, listener)
      return this.#member.membership
    })
  }

  committed(partitions: readonly TopicPartition[]): Promise<readonly CommittedOffset[]> {
    return this.#alive(async () => {
      await this.#engine.writer.settled()
      return partitions.map(({ topic, partition }) => {
        const entry = this.#engine.topics.has(topic)
          ? this.#engine.offset(this.#group, this.#engine.partition({ topic, partition }))
          : undefined
        return { topic, partition, offset: entry?.offset, metadata: entry?.metadata ?? '' }
      })
    })
  }

  /** All records here are committed, so the isolation makes no difference. */
  read(
    partition: TopicPartition,
    from: Offset | 'earliest',
    options: ReaderOptions = {}
  ): SourceReader {
    if (this.#gone !== undefined) throw this.#gone
    const source = this.#engine.partition(partition)
    const { storage } = this.#engine
    const clock = steadyOf(this.#engine.clock)
    const onClosed = (): void => void this.#readers.delete(reader)
    const reader = new PartitionReader(source, from, { storage, clock, onClosed }, options)
    this.#readers.add(reader)
    return reader
  }

  createBatch(): OutputBatch {
    return new EmbeddedBatch()
  }

  commit(request: CommitRequest): Promise<CommitReceipt> {
    return this.#alive(async () => {
      const { batch, offsets } = request
      if (!(batch instanceof EmbeddedBatch)) {
        throw new TypeError('A commit takes a batch made by `createBatch` of this log')
      }
      const fault = this.#engine.faults.takeCommit()
      if (fault !== undefined && fault !== 'crash-after') throw this.#strike(fault)
      const { memberId } = this.#member?.membership ?? {}
      const foreign = offsets.find(({ task }) => this.#member?.owns(task) !== true)
      if (foreign !== undefined) throw fenced(foreign.task, memberId)
      const entries = offsets.map((offset) => this.#offsetEntry(offset))
      const ends = await this.#engine.writer.write({
        batch,
        fill: (into) => this.#engine.storeOffsets(into, entries),
        onStored: () => this.#engine.keepOffsets(entries),
      })
      if (fault === 'crash-after') throw this.#strike(fault)
      if (this.#gone !== undefined) throw this.#gone
      return new Receipt(this.#engine, ends)
    })
  }

  /** What was durable once is durable: there is one copy, and it is cut only by hand. */
  divergence(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  restore(
    partition: TopicPartition,
    from: Offset | 'earliest',
    options: RestoreOptions
  ): Promise<Offset> {
    return this.#alive(async () => {
      await this.#engine.writer.settled()
      const source = this.#engine.partition(partition)
      return restorePartition(source, this.#engine.storage, from, options)
    })
  }

  purge(partitions: readonly (TopicPartition & { readonly before: Offset })[]): Promise<void> {
    return this.#alive(async () => {
      for (const place of partitions) {
        this.#janitor.purge(this.#engine.partition(place), place.before)
      }
    })
  }

  append(topic: string, records: readonly AppendRecord[]): Promise<void> {
    return this.#alive(async () => {
      const count = this.#engine.partitionCounts([topic]).get(topic) ?? 0
      if (this.#engine.faults.takeAppend()) throw struck('append', 'abort')
      let batch = new EmbeddedBatch()
      const written: Promise<EndOffsets>[] = []
      for (const { partition, timestamp, key, value, headers } of records) {
        const chosen = partition ?? this.#choose(key, count)
        batch.append(topic, chosen, timestamp, key, value, headers)
        if (batch.bytes < appendBytesMax) continue
        await this.#engine.writer.write({ batch })
        batch = new EmbeddedBatch()
      }
      if (batch.records > 0) written.push(this.#engine.writer.write({ batch }))
      await Promise.all(written)
    })
  }

  health(): LogHealth {
    const failure = this.#gone ?? this.#engine.writer.broken
    return failure === undefined ? { ok: true } : { ok: false, reason: failure.message }
  }

  /** Ends this client; the first client ends the log with it. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#end(closedError())
      await this.#shutDown?.()
    })()
    return this.#closing
  }

  /**
   * Ends this client as the death of its process would: no revocation, no commit, readers gone,
   * every later call rejected. A commit that was handed over before is still decided by the log,
   * which lives on: `client()` makes the successor.
   */
  crash(): void {
    this.#end(new FatalError('MILLRACE_CLIENT_CRASHED', 'This client of the log has crashed.'))
  }

  /** As if this client had been frozen past its session timeout: others own its tasks now. */
  freeze(): void {
    this.#member?.expel()
  }

  /** The frozen one wakes up: it learns that its tasks are lost, and joins again. */
  async thaw(): Promise<void> {
    await this.#member?.rejoin()
  }

  /** Resolves when all members have got the tasks they are to have. */
  async balanced(): Promise<void> {
    await this.#engine.group(this.#group).settled()
  }

  /** Retention and compaction now, whatever is due; `compact`: also what would not pay yet. */
  maintain(options: { readonly compact?: boolean } = {}): Promise<void> {
    return this.#janitor.run(options.compact ?? false)
  }

  /**
   * Takes topics away, and every offset of the group, which has the given ones then: all or
   * nothing. Only while no client reads or has joined.
   */
  reset(change: LogReset): Promise<void> {
    return this.#alive(() => this.#engine.reset(this.#group, change))
  }

  /** Copies of what is in the log, for tests and tools; a large topic is large here too. */
  inspect(): LogInspection {
    return inspectLog(this.#engine, this.#group)
  }

  async #alive<T>(call: () => Promise<T>): Promise<T> {
    if (this.#gone !== undefined) throw this.#gone
    return call()
  }

  #end(error: FatalError): void {
    this.#gone ??= error
    this.#member?.drop()
    for (const reader of [...this.#readers]) reader.close()
  }

  #strike(fault: CommitFault): FatalError | AbortedError | FencedError {
    if (fault === 'crash-before' || fault === 'crash-after') this.crash()
    return this.#gone ?? struck('commit', fault)
  }

  #offsetEntry(commit: CommitRequest['offsets'][number]): OffsetEntry {
    const { topicId, index } = this.#engine.partition(commit)
    const { offset, metadata } = commit
    if (Buffer.byteLength(metadata) > metadataBytesMax) {
      throw new FatalError(
        'MILLRACE_OFFSET_METADATA_TOO_LARGE',
        `The offset metadata of task ${commit.task} has ${Buffer.byteLength(metadata)} bytes; ` +
          `${metadataBytesMax} is the most. Use fewer timed aggregates in one sub-topology.`
      )
    }
    const storedAt = this.#engine.clock.now()
    const place = { group: this.#group, topic: topicId, partition: index }
    return { ...place, offset, metadata, storedAt }
  }

  #choose(key: Uint8Array | null, partitions: number): number {
    return key === null ? this.#roundRobin++ % partitions : partitionForKey(key, partitions)
  }
}

class Receipt implements CommitReceipt {
  readonly #engine: LogEngine
  readonly #ends: EndOffsets

  constructor(engine: LogEngine, ends: EndOffsets) {
    this.#engine = engine
    this.#ends = ends
  }

  endOffset(topic: string, partition: number): Offset | undefined {
    const place = this.#engine.topics.get(topic)?.partitions[partition]
    return place === undefined ? undefined : this.#ends.get(place)
  }
}

function closedError(): FatalError {
  return new FatalError('MILLRACE_LOG_CLOSED', 'The embedded log is closed.')
}

function struck(
  what: 'append' | 'commit',
  fault: CommitFault
): AbortedError | FencedError | FatalError {
  const message = `This ${what} was refused by a fault on order.`
  if (fault === 'abort') return new AbortedError('MILLRACE_LOG_FAULT', message)
  if (fault === 'fence') return new FencedError('MILLRACE_LOG_FAULT', message)
  return new FatalError('MILLRACE_LOG_FAULT', message)
}
