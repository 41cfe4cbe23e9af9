/** Reads a changelog up to its end as of now, as fast as its reader can take it. */
import { CorruptedError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import type { RestoreOptions } from '../runtime/ports.ts'
import type { Chunk } from './chunk.ts'
import { ChunkCursor } from './chunk-cursor.ts'
import type { Partition, PartitionListener } from './partition.ts'
import type { Storage } from './storage.ts'

const loadBytesMax = 256 * 1024

export async function restorePartition(
  partition: Partition,
  storage: Storage,
  from: Offset | 'earliest',
  options: RestoreOptions
): Promise<Offset> {
  const { signal, apply, flush, onProgress } = options
  while (partition.removing !== undefined) await partition.removing
  const end = partition.end
  options.onBounds?.(partition.logStart, end)
  const start = from === 'earliest' ? partition.logStart : from
  checkRange(partition, start, from)
  const place = { position: start, onPublished: () => {} } satisfies PartitionListener
  // Registered like a reader: compaction leaves the tombstones that it has still to see.
  partition.listeners.add(place)
  const cursor = new ChunkCursor()
  try {
    let loading = loadChunks(partition, storage, place.position, loadBytesMax, end)
    while (place.position < end) {
      signal.throwIfAborted()
      const chunks = await loading
      const reached = Math.min(end, chunks.at(-1)?.end ?? end)
      // The next load runs while this one is applied and written.
      if (reached < end) loading = loadChunks(partition, storage, reached, loadBytesMax, end)
      loading.catch(() => {})
      signal.throwIfAborted()
      for (const chunk of chunks) {
        cursor.open(chunk)
        while (cursor.next()) {
          if (cursor.offset >= place.position && cursor.offset < end) apply(cursor)
        }
      }
      await flush(reached)
      place.position = reached
      onProgress?.(reached, end)
    }
    signal.throwIfAborted()
    return end
  } finally {
    partition.listeners.delete(place)
  }
}

/** From memory if it is there; in both cases a turn of the event loop passes. */
export async function loadChunks(
  partition: Partition,
  storage: Storage,
  from: Offset,
  bytesMax: number,
  end: Offset
): Promise<readonly Chunk[]> {
  if (from >= end) return []
  const tail = partition.tailFrom(from, bytesMax)
  if (tail === undefined) return storage.load(partition.topicId, partition.index, from, bytesMax)
  await new Promise((resolve) => setImmediate(resolve))
  return tail
}

function checkRange(partition: Partition, start: Offset, from: Offset | 'earliest'): void {
  const { logStart, end, name, tombstonesGone } = partition
  if (start < logStart || start > end) {
    throw new CorruptedError(
      'MILLRACE_CHANGELOG_TRUNCATED',
      `State at offset ${start} of ${name} cannot be continued: the log holds ` +
        `[${logStart}, ${end}). Rebuild it from the beginning.`
    )
  }
  if (from !== 'earliest' && start > logStart && start < tombstonesGone) {
    throw new CorruptedError(
      'MILLRACE_CHANGELOG_TRUNCATED',
      `State at offset ${start} of ${name} has missed deletions up to ${tombstonesGone}, which ` +
        'compaction has removed since. Rebuild it from the beginning.'
    )
  }
}
