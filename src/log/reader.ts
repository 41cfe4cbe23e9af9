/**
 * Records of one partition as a cursor: from memory at the live end, from storage behind it.
 *
 *     storage ──load──▶ queue of chunks ──▶ cursor ◀── the partition's tail, without waiting
 *
 * Invariants: the position only grows; what it has passed was handed out or is not there any more;
 * storage is read ahead of need up to a bound in bytes; `onData` is never called from `advance()`.
 */
import type { Clock } from '../clock.ts'
import { FatalError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import type { FetchAnswer, ReaderOptions, SourceReader } from '../runtime/ports.ts'
import type { Chunk } from './chunk.ts'
import { ChunkCursor } from './chunk-cursor.ts'
import type { Partition, PartitionListener } from './partition.ts'
import type { Storage } from './storage.ts'

export const bufferBytesDefault = 1024 * 1024
/** Small, so that checking the checksums of one load does not hold up the event loop. */
const loadBytesMax = 256 * 1024

export interface ReaderContext {
  readonly storage: Storage
  readonly clock: Clock
  readonly onClosed: () => void
}

export class PartitionReader extends ChunkCursor implements SourceReader, PartitionListener {
  readonly topic: string
  readonly partition: number
  readonly #source: Partition
  readonly #context: ReaderContext
  readonly #onData: (() => void) | undefined
  readonly #bufferBytesMax: number
  #queue: Chunk[] = []
  #queuedBytes = 0
  /** Records below are skipped: the start, or what was read before, lies inside the chunk. */
  #from: Offset
  /** Behind the last chunk of the queue. */
  #loadedTo: Offset
  /** Behind the chunk under the cursor. */
  #chunkEnd: Offset
  #loading = false
  #told = false
  #closed = false
  #failure: unknown
  #answer: FetchAnswer | undefined

  constructor(
    source: Partition,
    from: Offset | 'earliest',
    context: ReaderContext,
    options: ReaderOptions = {}
  ) {
    super()
    this.topic = source.topic
    this.partition = source.index
    this.#source = source
    this.#context = context
    this.#onData = options.onData
    this.#bufferBytesMax = options.bufferBytesMax ?? bufferBytesDefault
    this.#from = from === 'earliest' ? source.logStart : from
    this.#loadedTo = this.#from
    this.#chunkEnd = this.#from
    source.listeners.add(this)
    if (this.#behind) this.onPublished()
  }

  get position(): Offset {
    return this.recordsLeft > 0 ? Math.max(this.offset + 1, this.#from) : this.#chunkEnd
  }

  get answer(): FetchAnswer | undefined {
    const { logStart, end } = this.#source
    const now = this.#context.clock.now()
    const last = this.#answer
    if (last?.sentAt === now && last.logStart === logStart && last.highWatermark === end) {
      return last
    }
    this.#answer = { sentAt: now, answeredAt: now, logStart, highWatermark: end }
    return this.#answer
  }

  advance(): boolean {
    while (this.next()) {
      if (this.offset >= this.#from) return true
    }
    return this.#nextChunk()
  }

  close(): void {
    this.#closed = true
    this.#queue = []
    this.#source.listeners.delete(this)
    this.#context.onClosed()
  }

  onPublished(): void {
    if (this.#told || this.#onData === undefined) return
    this.#told = true
    queueMicrotask(() => {
      this.#told = false
      if (!this.#closed) this.#onData?.()
    })
  }

  get #behind(): boolean {
    return this.#chunkEnd !== this.#source.end
  }

  #nextChunk(): boolean {
    for (;;) {
      if (this.#closed) return false
      if (this.#failure !== undefined) throw this.#failure
      const chunk = this.#takeQueued() ?? this.#takeTail()
      this.#readAhead()
      if (chunk === undefined) return false
      // Compaction may have merged it with what was read before.
      this.#from = this.#chunkEnd
      this.#chunkEnd = chunk.end
      this.open(chunk)
      while (this.next()) {
        if (this.offset >= this.#from) return true
      }
    }
  }

  #takeQueued(): Chunk | undefined {
    const chunk = this.#queue.shift()
    if (chunk !== undefined) this.#queuedBytes -= chunk.bytes.length
    return chunk
  }

  #takeTail(): Chunk | undefined {
    if (this.#loading) return undefined
    this.#checkRange()
    const chunk = this.#source.tailAt(this.#chunkEnd)
    if (chunk !== undefined) this.#loadedTo = chunk.end
    return chunk
  }

  #checkRange(): void {
    const { logStart, end, name } = this.#source
    const at = this.#chunkEnd
    if (at >= logStart && at <= end) return
    throw new FatalError(
      'MILLRACE_OFFSET_OUT_OF_RANGE',
      `Offset ${at} of ${name} is not in the log, which holds [${logStart}, ${end}). Reset the ` +
        "application's offsets, or restore the log that they were committed to."
    )
  }

  /** Loads the next piece if memory does not hold it and the queue has room. */
  #readAhead(): void {
    const from = this.#loadedTo
    const source = this.#source
    if (this.#loading || from >= source.end || from < source.logStart) return
    if (this.#queuedBytes > this.#bufferBytesMax / 2 || source.tailAt(from) !== undefined) return
    this.#loading = true
    const bytesMax = Math.min(loadBytesMax, this.#bufferBytesMax)
    this.#context.storage.load(source.topicId, source.index, from, bytesMax).then(
      (chunks) => this.#loaded(chunks),
      (error: unknown) => {
        this.#loading = false
        // Overtaken by a purge: the next advance says so.
        if (from >= source.logStart) this.#failure = error
        this.onPublished()
      }
    )
  }

  #loaded(chunks: readonly Chunk[]): void {
    this.#loading = false
    if (this.#closed) return
    for (const chunk of chunks) {
      this.#queue.push(chunk)
      this.#queuedBytes += chunk.bytes.length
      this.#loadedTo = chunk.end
    }
    this.#readAhead()
    this.onPublished()
  }
}
