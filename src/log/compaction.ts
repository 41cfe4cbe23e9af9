/**
 * Compaction: of every key only the latest record stays.
 *
 *     storedFrom ──── clean ──── cleanEnd ──── new ──── limit ──── too young ──── end
 *                                       └─ 1. latest offset of each key ─┘
 *     └────────── 2. chunks are rewritten without what a later offset replaces ──┘
 *
 * Offsets stay; a chunk of fewer records speaks for the same span, and small neighbours are merged.
 *
 * Invariants: chunks are replaced from the start on, in atomic batches, so that a crash leaves a
 * log that is merely less compact; a tombstone goes only when nothing older of its key is left,
 * when it was written delete.retention.ms ago (default 24 h, by the clock), when no reader and no
 * restore is before it, and when the group has read it; `tombstonesGone` then tells restores that
 * start from an older offset that they have missed it.
 */
import type { Offset } from '../ids.ts'
import { type Chunk, ChunkBuilder } from './chunk.ts'
import { ChunkCursor } from './chunk-cursor.ts'
import type { LogEngine } from './engine.ts'
import { keys } from './layout.ts'
import type { Partition } from './partition.ts'
import { loadChunks } from './restore.ts'
import type { Topic, TopicSettings } from './topic.ts'

/** One load is one slice of the event loop: about a millisecond. */
const stepBytes = 64 * 1024
const chunkBytesMax = 64 * 1024
/** Bounds the map of keys: about 100 bytes each. What is beyond waits for the next round. */
const keysMax = 250_000
const dirtyBytesMin = 1024 * 1024
const spanMax = 2 ** 31
/** Chunks replaced by one, however little is left of them: bounds one batch. */
const runMax = 1_000

export interface CompactionRequest {
  readonly engine: LogEngine
  readonly topic: Topic
  readonly partition: Partition
  readonly isStopped: () => boolean
}

export function isWorthCompacting(partition: Partition, settings: TopicSettings): boolean {
  const dirty = partition.bytes - partition.cleanBytes
  return dirty >= dirtyBytesMin && dirty >= partition.bytes * settings.dirtyRatio
}

export async function compact(request: CompactionRequest): Promise<void> {
  const { engine, partition, isStopped } = request
  const latest = new Map<string, Offset>()
  const limit = await gatherKeys(request, latest)
  if (isStopped() || limit <= partition.storedFrom) return
  const rewrite = new Rewrite(request, latest)
  let at = partition.storedFrom
  while (at < limit) {
    if (isStopped()) return
    const chunks = await loadChunks(partition, engine.storage, at, stepBytes, limit)
    for (const chunk of chunks) {
      if (chunk.end <= limit && !rewrite.isBlocked) await rewrite.add(chunk)
    }
    if (rewrite.isBlocked) return
    at = chunks.at(-1)?.end ?? limit
  }
  await rewrite.flush()
  if (rewrite.isBlocked) return
  partition.cleanEnd = limit
  partition.cleanBytes = rewrite.bytes
  await engine.writer.write({ changes: [{ partition, bytes: 0 }] })
}

/** Up to where the latest offset of every key is known. */
async function gatherKeys(
  { engine, topic, partition, isStopped }: CompactionRequest,
  latest: Map<string, Offset>
): Promise<Offset> {
  const youngest = engine.clock.now() - topic.settings.compactionLagMs
  const cursor = new ChunkCursor()
  const { end } = partition
  let at = Math.max(partition.cleanEnd, partition.logStart)
  while (at < end && latest.size < keysMax && !isStopped()) {
    const chunks = await loadChunks(partition, engine.storage, at, stepBytes, end)
    for (const chunk of chunks) {
      if (chunk.storedAt > youngest) return at
      cursor.open(chunk)
      while (cursor.next()) {
        const key = cursor.keyText
        if (key !== null) latest.set(key, cursor.offset)
      }
      at = chunk.end
    }
  }
  return at
}

/** Replaces runs of chunks by one chunk each. */
class Rewrite {
  readonly #request: CompactionRequest
  readonly #latest: ReadonlyMap<string, Offset>
  readonly #cursor = new ChunkCursor()
  readonly #tombstonesBefore: number
  #run: Chunk[] = []
  #builder = new ChunkBuilder()
  #dropped = 0
  /** One past the last tombstone that the open run has dropped. */
  #tombstonesEnd: Offset = 0
  #isBlocked = false
  #bytes = 0

  constructor(request: CompactionRequest, latest: ReadonlyMap<string, Offset>) {
    this.#request = request
    this.#latest = latest
    this.#tombstonesBefore = request.engine.clock.now() - request.topic.settings.tombstoneMs
  }

  /**
   * Whether a reader came to stand before a tombstone that was to go. Then nothing more may change:
   * what that run still holds must not lose its tombstones further on. The next round tries again.
   */
  get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** Of all chunks that were added, as they are now. */
  get bytes(): number {
    return this.#bytes
  }

  async add(chunk: Chunk): Promise<void> {
    const first = this.#run[0]
    if (first !== undefined && !this.#isFitting(first, chunk)) await this.flush()
    const base = this.#run[0]?.base ?? chunk.base
    this.#run.push(chunk)
    this.#cursor.open(chunk)
    while (this.#cursor.next()) this.#take(base, chunk)
    if (this.#builder.bytes >= chunkBytesMax) await this.flush()
  }

  /** Replaces what has been gathered. */
  async flush(): Promise<void> {
    const [first] = this.#run
    const last = this.#run.at(-1)
    if (first === undefined || last === undefined) return
    const run = this.#run
    const builder = this.#builder
    const isSame = run.length === 1 && this.#dropped === 0
    const tombstonesEnd = this.#tombstonesEnd
    this.#run = []
    this.#builder = new ChunkBuilder()
    this.#dropped = 0
    this.#tombstonesEnd = 0
    const oldBytes = run.reduce((sum, chunk) => sum + chunk.bytes.length, 0)
    // A reader that has come meanwhile has yet to see what this run would forget.
    if (tombstonesEnd > this.#readUpTo()) this.#isBlocked = true
    if (isSame || this.#isBlocked) {
      this.#bytes += oldBytes
      return
    }
    const storedAt = Math.max(...run.map((chunk) => chunk.storedAt))
    const chunk = builder.finish({ base: first.base, end: last.end, storedAt })
    this.#bytes += chunk.bytes.length
    await this.#replace(run, chunk, chunk.bytes.length - oldBytes, tombstonesEnd)
  }

  #isFitting(first: Chunk, chunk: Chunk): boolean {
    return (
      this.#run.length < runMax &&
      this.#builder.bytes + chunk.bytes.length <= chunkBytesMax * 1.5 &&
      chunk.end - first.base <= spanMax &&
      this.#ageOf(chunk) === this.#ageOf(first)
    )
  }

  /**
   * Only chunks of like age are merged: the result is as old as its youngest part, and tombstones
   * must not become younger again and again.
   */
  #ageOf({ storedAt }: Chunk): number {
    if (storedAt <= this.#tombstonesBefore) return -1
    return Math.floor((storedAt * 4) / Math.max(1, this.#request.topic.settings.tombstoneMs))
  }

  #take(base: Offset, chunk: Chunk): void {
    const { offset } = this.#cursor
    if (this.#isReplaced(this.#cursor.keyText, offset)) {
      this.#dropped++
      return
    }
    const { timestamp, key, value, headers } = this.#cursor
    if (value === null && this.#mayForget(chunk, offset)) {
      this.#dropped++
      this.#tombstonesEnd = offset + 1
      return
    }
    const gap = offset - base - this.#builder.span
    this.#builder.append(timestamp, key, value, headers, gap)
  }

  #isReplaced(key: string | null, offset: Offset): boolean {
    if (offset < this.#request.partition.logStart) return true
    return key !== null && offset < (this.#latest.get(key) ?? 0)
  }

  #mayForget(chunk: Chunk, offset: Offset): boolean {
    if (chunk.storedAt > this.#tombstonesBefore) return false
    return offset < this.#readUpTo()
  }

  /** Everything below has been read by all who read here. */
  #readUpTo(): Offset {
    const { engine, topic, partition } = this.#request
    const committed = topic.entry.consumed ? engine.leastCommitted(partition) : Infinity
    return Math.min(committed, partition.leastRead)
  }

  async #replace(
    run: readonly Chunk[],
    chunk: Chunk,
    bytes: number,
    tombstonesEnd: Offset
  ): Promise<void> {
    const { engine, partition } = this.#request
    const { topicId, index } = partition
    partition.tombstonesGone = Math.max(partition.tombstonesGone, tombstonesEnd)
    const written = engine.writer.write({
      changes: [{ partition, bytes }],
      fill: (batch) => {
        for (const { base } of run) batch.del(keys.chunk(topicId, index, base))
        batch.put(keys.chunk(topicId, index, chunk.base), chunk.bytes)
      },
      onStored: () => partition.replaceTail(chunk),
    })
    const removing = written.then(
      () => {},
      () => {}
    )
    if (tombstonesEnd > 0) partition.removing = removing
    try {
      await written
    } finally {
      partition.removing = undefined
    }
  }
}
