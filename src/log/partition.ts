/**
 * One partition in memory: where it starts and ends, and its latest chunks.
 *
 *     logStart ─────────── tail[0].base ─────────────── end
 *     │  only in storage   │  in memory (and in storage) │  the next record goes here
 *
 * Invariants: the tail is contiguous and ends at `end`; only what is stored is published, so a
 * reader never sees a record that a crash could take back.
 */
import { assert } from '../assert.ts'
import type { Offset } from '../ids.ts'
import type { Chunk } from './chunk.ts'
import { chunkAt } from './chunk-cursor.ts'
import type { PartitionEntry, TopicEntry } from './layout.ts'

/** Who wants to know of new records. */
export interface PartitionListener {
  /** The offset it reads next. */
  readonly position: Offset
  onPublished(): void
}

export class Partition {
  readonly topic: string
  readonly topicId: number
  readonly index: number
  readonly listeners = new Set<PartitionListener>()
  logStart: Offset = 0
  end: Offset = 0
  bytes = 0
  cleanEnd: Offset = 0
  cleanBytes = 0
  tombstonesGone: Offset = 0
  /** Where the first stored chunk begins: at or before the log start. */
  storedFrom: Offset = 0
  /** While compaction removes tombstones: who starts to read from the beginning waits for it. */
  removing: Promise<void> | undefined
  readonly #tailBytesMax: number
  #tail: Chunk[] = []
  #tailBytes = 0

  constructor(topic: TopicEntry, index: number, tailBytesMax: number) {
    this.topic = topic.name
    this.topicId = topic.id
    this.index = index
    this.#tailBytesMax = tailBytesMax
  }

  /** `topic-3`, for messages. */
  get name(): string {
    return `${this.topic}-${this.index}`
  }

  get tail(): readonly Chunk[] {
    return this.#tail
  }

  recover(entry: PartitionEntry, storedFrom: Offset): void {
    this.storedFrom = storedFrom
    this.logStart = entry.logStart
    this.end = entry.end
    this.bytes = entry.bytes
    this.cleanEnd = entry.cleanEnd
    this.cleanBytes = entry.cleanBytes
    this.tombstonesGone = entry.tombstonesGone
  }

  /** What is to be stored beside chunks that move the end and the size. */
  entry(end = this.end, bytes = this.bytes): PartitionEntry {
    const { topicId, index, logStart, cleanEnd, cleanBytes, tombstonesGone } = this
    const place = { topic: topicId, partition: index }
    return { ...place, logStart, end, bytes, cleanEnd, cleanBytes, tombstonesGone }
  }

  /** The least offset that somebody reads next; Infinity if nobody reads. */
  get leastRead(): Offset {
    let least = Number.POSITIVE_INFINITY
    for (const { position } of this.listeners) if (position < least) least = position
    return least
  }

  /** Makes a stored chunk visible. */
  publish(chunk: Chunk): void {
    assert(chunk.base === this.end, `${this.name} has no hole at ${this.end}`)
    this.end = chunk.end
    this.bytes += chunk.bytes.length
    this.#tail.push(chunk)
    this.#tailBytes += heldBytes(chunk)
    // The newest stays whatever its size: live readers are about to ask for it.
    while (this.#tailBytes > this.#tailBytesMax && this.#tail.length > 1) this.#dropOldest()
  }

  announce(): void {
    for (const listener of this.listeners) listener.onPublished()
  }

  /** The chunk that holds the offset, if it is in memory. */
  tailAt(offset: Offset): Chunk | undefined {
    const first = this.#tail[0]
    if (first === undefined || offset < first.base || offset >= this.end) return undefined
    const at = chunkAt(this.#tail, offset)
    return at === undefined ? undefined : this.#tail[at]
  }

  /** Chunks in memory from this offset on; undefined if its chunk is only in storage. */
  tailFrom(offset: Offset, bytesMax: number): readonly Chunk[] | undefined {
    const first = chunkAt(this.#tail, offset)
    if (first === undefined) return undefined
    let last = first
    let bytes = 0
    while (last < this.#tail.length && bytes < bytesMax) {
      bytes += this.#tail[last]?.bytes.length ?? 0
      last++
    }
    return this.#tail.slice(first, last)
  }

  /** Forgets chunks that end at or before this offset. */
  trimTail(before: Offset): void {
    while (this.#tail[0] !== undefined && this.#tail[0].end <= before) this.#dropOldest()
  }

  /** Puts a compacted chunk in the place of those it was made of, if all of them are here. */
  replaceTail(chunk: Chunk): void {
    const first = chunkAt(this.#tail, chunk.base)
    const last = chunkAt(this.#tail, chunk.end - 1)
    if (first === undefined || last === undefined) return
    const removed = this.#tail.splice(first, last - first + 1, chunk)
    for (const gone of removed) this.#tailBytes -= heldBytes(gone)
    this.#tailBytes += heldBytes(chunk)
  }

  #dropOldest(): void {
    const chunk = this.#tail.shift()
    if (chunk !== undefined) this.#tailBytes -= heldBytes(chunk)
  }
}

/** With what holds it: of a quiet topic, whose chunks are a record each, that is most of it. */
function heldBytes({ bytes }: Chunk): number {
  return bytes.length + 500
}
