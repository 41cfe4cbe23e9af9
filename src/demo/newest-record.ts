/** When the last record of a topic was written, by its own timestamp. */
import type { Timestamp, TopicPartition } from '../ids.ts'
import type { Log, SourceReader } from '../runtime/ports.ts'

type ReadableLog = Pick<Log, 'partitions' | 'read'>

/** How far back to look: the last offsets of a partition may hold markers instead of records. */
const lookBack = 1_000

/** Greatest over the partitions; undefined if there is no record. */
export async function newestRecord(
  log: ReadableLog,
  topic: string
): Promise<Timestamp | undefined> {
  const partitions = (await log.partitions([topic])).get(topic) ?? 0
  const newest = await Promise.all(
    Array.from({ length: partitions }, (_, partition) => newestOf(log, { topic, partition }))
  )
  const found = newest.filter((timestamp) => timestamp !== undefined)
  return found.length === 0 ? undefined : Math.max(...found)
}

async function newestOf(
  log: ReadableLog,
  partition: TopicPartition
): Promise<Timestamp | undefined> {
  const { logStart, highWatermark: end } = await reading(log, partition, 'earliest', (reader) => {
    return reader.answer
  })
  if (end === logStart) return undefined
  let newest: Timestamp | undefined
  return reading(log, partition, Math.max(logStart, end - lookBack), (reader) => {
    while (reader.advance()) newest = Math.max(newest ?? reader.timestamp, reader.timestamp)
    return reader.position >= end ? { newest } : undefined
  }).then((result) => result.newest)
}

/** Asks again whenever the reader has something new, until there is a result. */
async function reading<T extends object>(
  log: ReadableLog,
  partition: TopicPartition,
  from: number | 'earliest',
  ask: (reader: SourceReader) => T | undefined
): Promise<T> {
  let wake = (): void => {}
  const reader = log.read(partition, from, { onData: () => wake() })
  try {
    for (;;) {
      const news = new Promise<void>((resolve) => (wake = resolve))
      const result = ask(reader)
      if (result !== undefined) return result
      await news
    }
  } finally {
    reader.close()
  }
}
