/** Records from outside any task: to the partition of their key, or in turns without one. */
import { FatalError } from '../errors.ts'
import type { AppendRecord } from '../runtime/ports.ts'
import { partitionForKey } from '../serde/murmur2.ts'
import type { Cluster } from './cluster.ts'
import { sendAll } from './committer.ts'
import type { Codec } from './compression.ts'
import { IdempotentProducer } from './idempotent-producer.ts'
import { isTransient, kafkaError } from './kafka-errors.ts'
import { KafkaOutputBatch } from './output-batch.ts'

export interface AppenderOptions {
  readonly cluster: Cluster
  readonly codec: Codec
}

export class Appender {
  readonly #options: AppenderOptions
  readonly #producer: IdempotentProducer
  readonly #partitionCounts = new Map<string, number>()
  #turn = 0

  constructor(options: AppenderOptions) {
    this.#options = options
    this.#producer = new IdempotentProducer({ cluster: options.cluster })
  }

  /** Resolves when all of them are written; an error may leave some of them written. */
  async append(topic: string, records: readonly AppendRecord[]): Promise<void> {
    const { cluster, codec } = this.#options
    const batch = new KafkaOutputBatch({ codec })
    const isPlaced = records.every(({ partition }) => partition !== undefined)
    const count = isPlaced ? 1 : await this.#partitionCount(topic)
    for (const record of records) {
      const { timestamp, key, value, headers } = record
      const partition = record.partition ?? this.#choose(key, count)
      batch.append(topic, partition, timestamp, key, value, headers)
    }
    await sendAll(cluster, batch.take(), (topic, partition, sealed) =>
      this.#producer.send(topic, partition, sealed)
    )
  }

  close(): void {
    this.#producer.close()
  }

  #choose(key: Uint8Array | null, count: number): number {
    return key === null ? this.#turn++ % count : partitionForKey(key, count)
  }

  async #partitionCount(topic: string): Promise<number> {
    const known = this.#partitionCounts.get(topic)
    if (known !== undefined) return known
    const what = `Metadata of ${topic}`
    const { cluster } = this.#options
    const count = await cluster.retrying(what, { deadlineMs: 30_000 }, async () => {
      const { topics } = await cluster.metadata([topic])
      const found = topics.find((one) => one.topic === topic)
      if (found?.error === 0 && found.partitions.length > 0) return found.partitions.length
      const code = found?.error ?? 0
      if (isTransient(code)) throw kafkaError(code, what)
      throw new FatalError('MILLRACE_TOPIC_LOST', `There is no topic ${topic} to append to`)
    })
    this.#partitionCounts.set(topic, count)
    return count
  }
}
