/**
 * One partition as a cursor over what the fetcher brings.
 *
 *     fetcher ──take()──▶ queue of chunks, bounded in bytes ──▶ cursor ──advance()──▶ records
 *
 * Invariants: `fetchOffset` is behind the last complete batch that came, `position` behind the last
 * record handed out, or behind the whole chunk once nothing in it is left; what was fetched is
 * decoded only when it is asked for; a failure is thrown after all that came before it; `onData` is
 * called from a turn of its own, never from inside `advance()`.
 */
import type { Offset, Timestamp } from '../ids.ts'
import { partitionName, type TopicPartition } from '../ids.ts'
import type { BytesReader, RecordHeaders } from '../record.ts'
import type { FetchAnswer, ReaderOptions, SourceReader } from '../runtime/ports.ts'
import type { FetchTarget, FetchTimes } from './fetch-target.ts'
import type { Fetcher } from './fetcher.ts'
import type { FrameUse } from './frame-buffers.ts'
import { type BatchScan, type EpochStart, ensureCodecs, scanBatches } from './record-batch.ts'
import { BatchCursor } from './record-batch-cursor.ts'
import type { FetchedPartition, Isolation } from './requests/records.ts'

const bufferBytesDefault = 2 * 1024 * 1024
const fetchBytesMax = 1024 * 1024

interface Chunk {
  readonly cursor: BatchCursor
  readonly bytes: number
  readonly use: FrameUse
}

export class PartitionReader implements SourceReader, FetchTarget {
  readonly topic: string
  readonly partition: number
  readonly isolation: Isolation
  readonly bytesMax: number
  readonly #fetcher: Fetcher
  readonly #onData: (() => void) | undefined
  readonly #bufferBytesMax: number
  readonly #queue: Chunk[] = []
  #queuedBytes = 0
  #cursor: BatchCursor
  /** Of the answer that the cursor is in, if it is in one. */
  #use: FrameUse | undefined
  #fetchOffset: Offset | undefined
  #lastEpoch: number
  /** Of what was fetched, in the order of the log; the first speaks of what is before it, too. */
  #epochs: EpochStart[] = []
  #answer: FetchAnswer | undefined
  #failure: Error | undefined
  #isTelling = false
  #isClosed = false

  constructor(
    fetcher: Fetcher,
    { topic, partition }: TopicPartition,
    from: Offset | 'earliest',
    options: ReaderOptions = {}
  ) {
    this.topic = topic
    this.partition = partition
    this.isolation = options.isolation ?? 'committed'
    this.#fetcher = fetcher
    this.#onData = options.onData
    this.#bufferBytesMax = options.bufferBytesMax ?? bufferBytesDefault
    this.bytesMax = Math.min(fetchBytesMax, this.#bufferBytesMax)
    this.#lastEpoch = options.leaderEpoch ?? -1
    if (this.#lastEpoch >= 0) this.#epochs.push({ epoch: this.#lastEpoch, start: -1 })
    this.#fetchOffset = from === 'earliest' ? undefined : from
    this.#cursor = this.#emptyAt(from === 'earliest' ? 0 : from)
    fetcher.add(this)
  }

  get offset(): Offset {
    return this.#cursor.offset
  }

  get timestamp(): Timestamp {
    return this.#cursor.timestamp
  }

  get key(): Uint8Array | null {
    return this.#cursor.key
  }

  get value(): Uint8Array | null {
    return this.#cursor.value
  }

  get headers(): RecordHeaders {
    return this.#cursor.headers
  }

  get keyLength(): number {
    return this.#cursor.keyLength
  }

  get valueLength(): number {
    return this.#cursor.valueLength
  }

  readKey<T>(read: BytesReader<T>): T {
    return this.#cursor.readKey(read)
  }

  readValue<T>(read: BytesReader<T>): T {
    return this.#cursor.readValue(read)
  }

  readHeader<T>(name: Uint8Array, read: BytesReader<T>): T | undefined {
    return this.#cursor.readHeader(name, read)
  }

  get position(): Offset {
    return this.#cursor.position
  }

  get answer(): FetchAnswer | undefined {
    return this.#answer
  }

  epochAt(offset: Offset): number | undefined {
    const index = this.#epochs.findLastIndex(({ start }) => start < offset)
    // Nobody asks for what is behind.
    if (index > 0) this.#epochs = this.#epochs.slice(index)
    return index < 0 ? undefined : this.#epochs[0]?.epoch
  }

  advance(): boolean {
    if (this.#isClosed) return false
    for (;;) {
      if (this.#cursor.advance()) return true
      const next = this.#queue.shift()
      if (next === undefined) break
      this.#letGo()
      this.#cursor = next.cursor
      this.#use = next.use
      const hadRoom = this.hasRoom
      this.#queuedBytes -= next.bytes
      if (!hadRoom && this.hasRoom) this.#fetcher.wake(this)
    }
    if (this.#failure !== undefined) throw this.#failure
    // A view of a record keeps a whole answer in memory: a quiet partition lets go of it.
    if (this.#use !== undefined) {
      this.#letGo()
      this.#cursor = this.#emptyAt(this.#cursor.position)
    }
    return false
  }

  /** The cursor is through: its answer may be overwritten, unless views of it are about. */
  #letGo(): void {
    if (!this.#cursor.isViewed) this.#use?.release()
    this.#use = undefined
  }

  close(): void {
    this.#isClosed = true
    this.#queue.length = 0
    this.#fetcher.remove(this)
  }

  get fetchOffset(): Offset | undefined {
    return this.#fetchOffset
  }

  get lastEpoch(): number {
    return this.#lastEpoch
  }

  get hasRoom(): boolean {
    return this.#queuedBytes < this.#bufferBytesMax
  }

  begin(earliest: Offset): void {
    this.#fetchOffset = earliest
    this.#cursor = this.#emptyAt(earliest)
  }

  take(fetched: FetchedPartition, times: FetchTimes, use: FrameUse): Promise<void> | void {
    const scan = scanBatches(fetched.records, this.#fetchOffset ?? 0)
    if (scan.missing.length === 0) return this.#accept(fetched, times, use, scan)
    return ensureCodecs(scan).then(() => this.#accept(fetched, times, use, scan))
  }

  fail(error: Error): void {
    this.#failure = error
    this.#tell()
  }

  #accept(
    fetched: FetchedPartition,
    times: FetchTimes,
    use: FrameUse,
    { position, lastEpoch, epochs }: BatchScan
  ): void {
    if (this.#isClosed) return
    const from = this.#fetchOffset ?? 0
    const { records, aborted, logStart, highWatermark } = fetched
    if (position > from) {
      const partition = partitionName(this)
      const filter = this.isolation === 'committed' ? { aborted } : {}
      const cursor = new BatchCursor(records, { from, partition, ...filter })
      this.#queue.push({ cursor, bytes: records.length, use })
      this.#queuedBytes += records.length
    } else use.release()
    this.#fetchOffset = position
    for (const start of epochs) {
      if (start.epoch !== this.#epochs.at(-1)?.epoch) this.#epochs.push(start)
    }
    if (lastEpoch >= 0) this.#lastEpoch = lastEpoch
    this.#answer = { ...times, logStart, highWatermark }
    this.#tell()
  }

  #tell(): void {
    if (this.#isTelling || this.#onData === undefined) return
    this.#isTelling = true
    // A turn later: the next fetch leaves first.
    setImmediate(() => {
      this.#isTelling = false
      if (!this.#isClosed) this.#onData?.()
    })
  }

  #emptyAt(from: Offset): BatchCursor {
    return new BatchCursor(Buffer.alloc(0), { from, partition: partitionName(this) })
  }
}
