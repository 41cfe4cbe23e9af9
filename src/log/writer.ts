/**
 * The only way into the log: one batch at a time, and whatever waits meanwhile goes into the next.
 *
 *     commit ──┐
 *     append ──┼──▶ waiting ──▶ one atomic, synced batch ──▶ published ──▶ promises resolve
 *     upkeep ──┘
 *
 * Invariants: offsets are given when the batch is made, so that they have no holes; nothing is
 * published or acknowledged before the batch is durable; after a failed write nothing is written
 * any more, because LevelDB may then have half a record in its file: the next start finds out what
 * happened, which is all of the batch or nothing.
 *
 * Every batch is synced, commits too. LevelDB does not sync its old file when it begins a new one:
 * an unsynced commit could vanish in a loss of power although a synced append after it survived.
 */
import { present } from '../assert.ts'
import type { Clock } from '../clock.ts'
import { FatalError, type MillraceError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import type { Chunk, ChunkBuilder } from './chunk.ts'
import { keys, seal } from './layout.ts'
import type { EmbeddedBatch } from './output-batch.ts'
import type { Partition } from './partition.ts'
import type { BatchWriter, Storage } from './storage.ts'
import type { Topic } from './topic.ts'

export type EndOffsets = ReadonlyMap<Partition, Offset>

export interface PartitionChange {
  readonly partition: Partition
  readonly bytes: number
}

export interface WriteJob {
  readonly batch?: EmbeddedBatch
  /** Partitions whose entry is to be stored anew, and by how much their chunks change in bytes. */
  readonly changes?: readonly PartitionChange[]
  /** Further keys of the same atomic batch. */
  readonly fill?: (batch: BatchWriter) => void
  /** Follows in memory what is durable now; runs before the promise resolves. */
  readonly onStored?: () => void
}

interface WaitingJob extends WriteJob {
  readonly resolve: (ends: EndOffsets) => void
  readonly reject: (error: MillraceError) => void
}

export interface WriterOptions {
  readonly storage: Storage
  readonly clock: Clock
  readonly topic: (name: string) => Topic | undefined
  /** Number of the batch written last. */
  readonly batches: number
  /** Called once, when writing has become impossible. */
  readonly onBroken: (error: FatalError) => void
}

export class Writer {
  readonly #options: WriterOptions
  #waiting: WaitingJob[] = []
  #running: Promise<void> | undefined
  #batches: number
  #broken: FatalError | undefined

  constructor(options: WriterOptions) {
    this.#options = options
    this.#batches = options.batches
  }

  get broken(): FatalError | undefined {
    return this.#broken
  }

  get batches(): number {
    return this.#batches
  }

  /** Resolves when the job is durable, with the offsets one past its records. */
  write(job: WriteJob): Promise<EndOffsets> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken)
    const fault = this.#refusal(job.batch)
    if (fault !== undefined) return Promise.reject(fault)
    job.batch?.seal()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...job, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when all jobs that are waiting now are decided. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  /** Nothing is written from here on. */
  stop(error: FatalError): void {
    this.#broken ??= error
  }

  async #run(): Promise<void> {
    // A turn of the microtask queue lets appends made together go into one batch.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const jobs = this.#waiting
      this.#waiting = []
      await this.#writeTogether(jobs)
    }
    this.#running = undefined
  }

  async #writeTogether(jobs: readonly WaitingJob[]): Promise<void> {
    const round = new Round(this.#options.clock.now(), this.#options.topic)
    const ends = jobs.map((job) => {
      for (const change of job.changes ?? []) round.change(change)
      return round.place(job.batch)
    })
    const number = this.#batches + 1
    try {
      if (this.#broken !== undefined) throw this.#broken
      await this.#options.storage.write((batch) => {
        round.store(batch)
        for (const job of jobs) job.fill?.(batch)
        batch.put(keys.slot(number), seal(number))
      })
    } catch (cause) {
      const error = this.#break(cause)
      for (const job of jobs) job.reject(error)
      return
    }
    this.#batches = number
    round.publish()
    for (const [i, job] of jobs.entries()) {
      job.onStored?.()
      job.resolve(present(ends[i], 'the ends of a job'))
    }
    round.announce()
  }

  #break(cause: unknown): FatalError {
    if (this.#broken !== undefined) return this.#broken
    const { path } = this.#options.storage
    const reason = cause instanceof Error ? cause.message : String(cause)
    const error = new FatalError(
      'MILLRACE_LOG_UNWRITABLE',
      `Writing to the embedded log in ${path ?? 'memory'} failed: ${reason}. Nothing of this ` +
        'write was acknowledged. Mend the disk (space, permissions), then start again.',
      { cause }
    )
    this.#broken = error
    this.#options.onBroken(error)
    return error
  }

  /** What a broker would refuse. */
  #refusal(batch: EmbeddedBatch | undefined): FatalError | undefined {
    for (const { topic: name, partition, value } of batch?.partitions.entries() ?? []) {
      const topic = this.#options.topic(name)
      if (topic === undefined || partition >= topic.partitions.length) {
        const found = topic === undefined ? 'does not exist' : `has ${topic.partitions.length}`
        return new FatalError(
          'MILLRACE_TOPIC_MISSING',
          `Cannot write to partition ${partition} of topic ${name}: the topic ${found}. ` +
            'Declare it as a sink of the topology.'
        )
      }
      if (value.keyless && topic.settings.compact) {
        return new FatalError(
          'MILLRACE_RECORD_KEYLESS',
          `A record for ${name}-${partition} has no key, and the topic is compacted by key. ` +
            'Give it a key, or take compact out of its cleanup.policy.'
        )
      }
    }
    return undefined
  }
}

/** The chunks of one batch, and where they go. */
class Round {
  readonly #now: number
  readonly #topic: (name: string) => Topic | undefined
  readonly #placed = new Map<Partition, Chunk[]>()
  readonly #changed = new Map<Partition, number>()

  constructor(now: number, topic: (name: string) => Topic | undefined) {
    this.#now = now
    this.#topic = topic
  }

  place(batch: EmbeddedBatch | undefined): EndOffsets {
    const ends = new Map<Partition, Offset>()
    for (const { topic: name, partition: index, value } of batch?.partitions.entries() ?? []) {
      const topic = present(this.#topic(name), `topic ${name}`)
      const partition = present(topic.partitions[index], `${name}-${index}`)
      ends.set(partition, this.#append(partition, value.builders, topic.settings.appendTime))
    }
    return ends
  }

  change({ partition, bytes }: PartitionChange): void {
    this.#changed.set(partition, (this.#changed.get(partition) ?? 0) + bytes)
  }

  /** One entry for each partition, whatever happens to it in this batch. */
  store(batch: BatchWriter): void {
    for (const partition of new Set([...this.#placed.keys(), ...this.#changed.keys()])) {
      const { topicId, index } = partition
      const chunks = this.#placed.get(partition) ?? []
      let bytes = partition.bytes + (this.#changed.get(partition) ?? 0)
      for (const chunk of chunks) {
        batch.put(keys.chunk(topicId, index, chunk.base), chunk.bytes)
        bytes += chunk.bytes.length
      }
      const entry = partition.entry(chunks.at(-1)?.end, bytes)
      batch.put(keys.partition(topicId, index), seal(entry))
    }
  }

  publish(): void {
    for (const [partition, bytes] of this.#changed) partition.bytes += bytes
    for (const [partition, chunks] of this.#placed) {
      for (const chunk of chunks) partition.publish(chunk)
    }
  }

  announce(): void {
    for (const partition of this.#placed.keys()) partition.announce()
  }

  #append(partition: Partition, builders: readonly ChunkBuilder[], appendTime: boolean): Offset {
    const chunks = this.#placed.get(partition) ?? []
    this.#placed.set(partition, chunks)
    let end = chunks.at(-1)?.end ?? partition.end
    for (const builder of builders) {
      const place = { base: end, end: end + builder.span, storedAt: this.#now }
      const chunk = builder.finish(appendTime ? { ...place, appendTime: this.#now } : place)
      chunks.push(chunk)
      end = chunk.end
    }
    return end
  }
}
