/** What the log needs of the place where its bytes lie; in memory nothing has to lie anywhere. */
import { AssertionError } from '../assert.ts'
import type { Offset } from '../ids.ts'
import type { Chunk } from './chunk.ts'
import type { OffsetEntry, PartitionEntry, TopicEntry } from './layout.ts'

export interface StoredPartition {
  readonly entry: PartitionEntry
  /** Where its first chunk begins. */
  readonly storedFrom: Offset
}

export interface StoredEntries {
  readonly topics: readonly TopicEntry[]
  readonly partitions: readonly StoredPartition[]
  readonly offsets: readonly OffsetEntry[]
}

/** Puts copy their bytes at once. */
export interface BatchWriter {
  put(key: Buffer, value: Buffer): void
  del(key: Buffer): void
}

export interface Storage {
  /** A directory; undefined in memory. */
  readonly path: string | undefined
  /** All of the batch is durable, also over a loss of power, when this resolves. One at a time. */
  write(fill: (batch: BatchWriter) => void): Promise<void>
  /** Chunks of the partition from the one that holds `from` on: about `bytesMax`, at least one. */
  load(topic: number, partition: number, from: Offset, bytesMax: number): Promise<readonly Chunk[]>
  /** Base offsets of all chunks of the partition. */
  bases(topic: number, partition: number): Promise<readonly Offset[]>
  /** Gives the space of deleted chunks below this offset back. */
  reclaim(topic: number, partition: number, before: Offset): Promise<void>
  close(): Promise<void>
}

/** The partitions' own memory is all there is. */
export const memoryStorage: Storage = {
  path: undefined,
  write: async () => {},
  load: async () => {
    throw new AssertionError('Broken invariant: in memory every chunk is in the tail')
  },
  bases: async () => [],
  reclaim: async () => {},
  close: async () => {},
}
