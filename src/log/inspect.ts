/** A look into the log: copies of records and offsets, for the test driver and for tests. */
import { present } from '../assert.ts'
import type { Offset, Timestamp } from '../ids.ts'
import type { RecordHeaders } from '../record.ts'
import type { CommittedOffset } from '../runtime/ports.ts'
import { ChunkCursor, chunkAt } from './chunk-cursor.ts'
import type { LogEngine } from './engine.ts'
import type { Partition } from './partition.ts'
import { loadChunks } from './restore.ts'
import type { Topic } from './topic.ts'

/** A record as a value of its own. */
export interface StoredRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: Offset
  readonly timestamp: Timestamp
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: RecordHeaders
}

export interface TopicDescription {
  readonly name: string
  readonly partitions: readonly PartitionDescription[]
  readonly config: Readonly<Record<string, string>>
}

export interface PartitionDescription {
  readonly logStart: Offset
  readonly end: Offset
  readonly bytes: number
  /** Below it, compaction has left each key once. */
  readonly cleanEnd: Offset
}

export interface LogInspection {
  topics(): readonly TopicDescription[]
  /** Records of a topic by partition and offset, from these offsets on. */
  records(topic: string, from?: readonly Offset[]): Promise<readonly StoredRecord[]>
  /** The same at once; only what is in memory, which in a log in memory is everything. */
  recordsInMemory(topic: string, from?: readonly Offset[]): readonly StoredRecord[]
  committed(): readonly CommittedOffset[]
}

export function inspectLog(engine: LogEngine, group: string): LogInspection {
  const partitions = (topic: string): readonly Partition[] => {
    engine.partitionCounts([topic])
    return engine.topics.get(topic)?.partitions ?? []
  }
  return {
    topics: () => [...engine.topics.values()].map(describe),
    records: async (topic, from = []) => {
      const found: StoredRecord[] = []
      for (const partition of partitions(topic)) {
        found.push(...(await recordsOf(engine, partition, from[partition.index] ?? 0)))
      }
      return found
    },
    recordsInMemory: (topic, from = []) =>
      partitions(topic).flatMap((partition) => tailRecords(partition, from[partition.index] ?? 0)),
    committed: () =>
      engine.offsetsOf(group).map(({ topic, partition, offset, metadata }) => ({
        topic: engine.topicById(topic).name,
        partition,
        offset,
        metadata,
      })),
  }
}

async function recordsOf(
  engine: LogEngine,
  partition: Partition,
  from: Offset
): Promise<readonly StoredRecord[]> {
  const found: StoredRecord[] = []
  const cursor = new ChunkCursor()
  let at = Math.max(from, partition.logStart)
  const { end } = partition
  while (at < end) {
    const chunks = await loadChunks(partition, engine.storage, at, 1024 * 1024, end)
    for (const chunk of chunks) {
      cursor.open(chunk)
      while (cursor.next()) {
        if (cursor.offset >= at && cursor.offset < end) found.push(copy(cursor, partition))
      }
    }
    at = chunks.at(-1)?.end ?? end
  }
  return found
}

function tailRecords(partition: Partition, from: Offset): readonly StoredRecord[] {
  const found: StoredRecord[] = []
  const cursor = new ChunkCursor()
  const start = Math.max(from, partition.logStart)
  const first = chunkAt(partition.tail, start) ?? (start < partition.end ? 0 : Infinity)
  for (let i = first; i < partition.tail.length; i++) {
    cursor.open(present(partition.tail[i], 'a chunk of the tail'))
    while (cursor.next()) if (cursor.offset >= start) found.push(copy(cursor, partition))
  }
  return found
}

function copy(cursor: ChunkCursor, { topic, index }: Partition): StoredRecord {
  const { offset, timestamp, key, value, headers } = cursor
  return {
    topic,
    partition: index,
    offset,
    timestamp,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: headers.map(([name, bytes]) => [name, bytes === null ? null : Buffer.from(bytes)]),
  }
}

function describe(topic: Topic): TopicDescription {
  return {
    name: topic.name,
    config: topic.entry.config,
    partitions: topic.partitions.map(({ logStart, end, bytes, cleanEnd }) => ({
      logStart,
      end,
      bytes,
      cleanEnd,
    })),
  }
}
