/**
 * Upkeep beside processing, so that the log does not grow for ever.
 *
 *     retention   a topic with cleanup.policy delete loses chunks from its start: those whose
 *                 records are all older than retention.ms (default 7 days, by record time against
 *                 the clock; -1: never), and those in excess of retention.bytes (default: none);
 *                 what tasks read is kept in any case until the group has committed it
 *     purge       chunks below an offset that nobody needs any more
 *     compaction  see compaction.ts
 *
 * Invariants: the log start moves in memory before anything is deleted, so a reader that finds a
 * hole there knows why; one step at a time, each a few hundred kilobytes, with the event loop free
 * between them.
 */
import type { Offset } from '../ids.ts'
import { compact, isWorthCompacting } from './compaction.ts'
import type { LogEngine } from './engine.ts'
import { keys } from './layout.ts'
import type { Partition } from './partition.ts'
import { loadChunks } from './restore.ts'
import type { Topic } from './topic.ts'

const stepBytes = 256 * 1024
/** From so many deleted bytes on, the storage is asked to give space back. */
const reclaimBytes = 32 * 1024 * 1024

export interface JanitorOptions {
  /** Purges wait so long for others; 0: none waits. */
  readonly trimDelayMs: number
}

export class Janitor {
  readonly #engine: LogEngine
  readonly #trimDelayMs: number
  readonly #purged = new Set<Partition>()
  readonly #timers: NodeJS.Timeout[] = []
  #trimTimer: NodeJS.Timeout | undefined
  #work: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(engine: LogEngine, { trimDelayMs }: JanitorOptions) {
    this.#engine = engine
    this.#trimDelayMs = trimDelayMs
  }

  start(upkeepEveryMs: number, answerEveryMs: number): void {
    let isRunning = false
    const upkeep = (): void => {
      if (isRunning) return
      isRunning = true
      void this.run(false).finally(() => (isRunning = false))
    }
    this.#timers.push(setInterval(upkeep, upkeepEveryMs), setInterval(this.#answer, answerEveryMs))
    for (const timer of this.#timers) timer.unref()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    for (const timer of this.#timers) clearInterval(timer)
    clearTimeout(this.#trimTimer)
    await this.#work
  }

  /** Moves the log start at once; the chunks go later. */
  purge(partition: Partition, before: Offset): void {
    const start = Math.min(before, partition.end)
    if (start <= partition.logStart) return
    partition.logStart = start
    this.#purged.add(partition)
    if (this.#trimDelayMs === 0) void this.#enqueue(() => this.#trimPurged())
    else this.#trimTimer ??= setTimeout(() => this.#trimLater(), this.#trimDelayMs).unref()
  }

  /** One round over all partitions. */
  run(force: boolean): Promise<void> {
    return this.#enqueue(async () => {
      await this.#trimPurged()
      for (const topic of this.#engine.topics.values()) {
        for (const partition of topic.partitions) {
          if (!this.#isStopped) await this.#attend(topic, partition, force)
        }
      }
    })
  }

  readonly #answer = (): void => {
    for (const topic of this.#engine.topics.values()) {
      for (const partition of topic.partitions) partition.announce()
    }
  }

  #trimLater(): void {
    this.#trimTimer = undefined
    void this.#enqueue(() => this.#trimPurged())
  }

  /** A failure is logged and ends this piece of work, not the next. */
  #enqueue(step: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(step).catch((error: unknown) => {
      if (this.#engine.writer.broken !== undefined) return
      this.#engine.logger.error('Upkeep of the embedded log failed', { error })
    })
    return this.#work
  }

  async #attend(topic: Topic, partition: Partition, force: boolean): Promise<void> {
    if (topic.settings.delete) await this.#expire(topic, partition)
    if (!topic.settings.compact || this.#isStopped) return
    if (!force && !isWorthCompacting(partition, topic.settings)) return
    const isStopped = (): boolean => this.#isStopped
    await compact({ engine: this.#engine, topic, partition, isStopped })
  }

  async #expire(topic: Topic, partition: Partition): Promise<void> {
    const { retentionMs, retentionBytes } = topic.settings
    const { storage, clock } = this.#engine
    const before = clock.now() - retentionMs
    const { end } = partition
    const bound = topic.entry.consumed ? this.#engine.leastCommitted(partition) : end
    let keep = partition.logStart
    let bytes = partition.bytes
    scan: while (keep < bound && !this.#isStopped) {
      const chunks = await loadChunks(partition, storage, keep, stepBytes, end)
      for (const chunk of chunks) {
        const isOld = retentionMs >= 0 && chunk.maxTimestamp < before
        const isTooMuch = retentionBytes >= 0 && bytes > retentionBytes
        if (chunk.end > bound || !(isOld || isTooMuch)) break scan
        keep = chunk.end
        bytes -= chunk.bytes.length
      }
    }
    if (keep <= partition.logStart) return
    partition.logStart = keep
    await this.#trim(partition)
  }

  async #trimPurged(): Promise<void> {
    for (const partition of [...this.#purged]) {
      if (this.#isStopped) return
      this.#purged.delete(partition)
      await this.#trim(partition)
    }
  }

  /** Deletes the chunks that lie wholly below the log start. */
  async #trim(partition: Partition): Promise<void> {
    const { storage, writer } = this.#engine
    const { topicId, index } = partition
    let deleted = 0
    while (!this.#isStopped && partition.storedFrom < partition.logStart) {
      const from = partition.storedFrom
      const chunks = await loadChunks(partition, storage, from, stepBytes, partition.end)
      const doomed = chunks.filter(({ end }) => end <= partition.logStart)
      const last = doomed.at(-1)
      if (last === undefined) break
      const bytes = doomed.reduce((sum, chunk) => sum + chunk.bytes.length, 0)
      deleted += bytes
      await writer.write({
        changes: [{ partition, bytes: -bytes }],
        fill: (batch) => {
          for (const { base } of doomed) batch.del(keys.chunk(topicId, index, base))
        },
        onStored: () => {
          partition.storedFrom = last.end
          partition.cleanBytes = Math.max(0, partition.cleanBytes - bytes)
          partition.trimTail(last.end)
        },
      })
    }
    if (deleted >= reclaimBytes) await storage.reclaim(topicId, index, partition.storedFrom)
  }
}
