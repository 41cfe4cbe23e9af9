/** Kafka nests partitions in topics on the wire; here they are flat lists. */
import type { TopicPartition } from '../../ids.ts'
import type { WireReader, WireWriter } from '../wire.ts'

/** Writes flat entries the way requests want them: topics, each with an array of partitions. */
export function writeByTopic<T extends TopicPartition>(
  writer: WireWriter,
  entries: readonly T[],
  write: (entry: T) => void
): void {
  const topics = new Map<string, T[]>()
  for (const entry of entries) {
    const partitions = topics.get(entry.topic)
    if (partitions) partitions.push(entry)
    else topics.set(entry.topic, [entry])
  }
  writer.array([...topics], ([topic, partitions]) => {
    writer.string(topic)
    writer.array(partitions, write)
    writer.end()
  })
}

/** Reads the nested answer into a flat list; `readTag` sees the tagged fields of a partition. */
export function readByTopic<T>(
  reader: WireReader,
  read: (topic: string) => T,
  readTag?: (partition: T, tag: number) => void
): T[] {
  const all: T[] = []
  reader.array(() => {
    const topic = reader.string()
    reader.array(() => {
      const partition = read(topic)
      all.push(partition)
      reader.end(readTag && ((tag) => readTag(partition, tag)))
    })
    reader.end()
  })
  return all
}

export interface PartitionError extends TopicPartition {
  readonly error: number
}

export function readPartitionErrors(reader: WireReader): PartitionError[] {
  return readByTopic(reader, (topic) => ({
    topic,
    partition: reader.int32(),
    error: reader.int16(),
  }))
}
