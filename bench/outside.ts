/** Who writes the input of a live case, and reads what comes of it: a client of the broker only. */
import { randomUUID } from 'node:crypto'
import { Cluster } from '../src/kafka/cluster.ts'
import { IdempotentProducer } from '../src/kafka/idempotent-producer.ts'
import { KafkaLog } from '../src/kafka/kafka-log.ts'
import { BatchChain } from '../src/kafka/record-batch-chain.ts'
import type { SourceReader } from '../src/runtime/ports.ts'
import { logger } from './log.ts'

/** The broker dates each record when it takes it: so both ends have one clock. */
const topicConfig = { 'retention.ms': '-1', 'message.timestamp.type': 'LogAppendTime' }

export class Outside {
  readonly #cluster: Cluster
  readonly #producer: IdempotentProducer
  readonly #log: KafkaLog
  readonly #chains = new Map<number, BatchChain>()
  readonly #readers: SourceReader[] = []
  #failure: unknown

  static async open(brokers: readonly string[]): Promise<Outside> {
    const id = `outside-${randomUUID()}`
    const connection = { brokers, clientId: id, logger }
    const how = { applicationId: id, instance: id, guarantee: 'at_least_once' as const }
    return new Outside(new Cluster(connection), await KafkaLog.connect({ ...connection, ...how }))
  }

  private constructor(cluster: Cluster, log: KafkaLog) {
    this.#cluster = cluster
    this.#producer = new IdempotentProducer({ cluster })
    this.#log = log
  }

  async makeTopics(
    names: readonly string[],
    partitions: number,
    config: Readonly<Record<string, string>> = topicConfig
  ): Promise<void> {
    const how = { role: 'sink', partitions, config, create: true } as const
    await this.#log.prepare(names.map((name) => ({ name, ...how })))
  }

  put(partition: number, key: string, value: string, timestamp = Date.now()): void {
    const chain = this.#chains.get(partition) ?? new BatchChain()
    this.#chains.set(partition, chain)
    chain.append(timestamp, Buffer.from(key), Buffer.from(value))
  }

  /** Sends what was put, and waits for nothing; a failure is thrown by the next call. */
  send(topic: string): void {
    if (this.#failure !== undefined) throw this.#failure
    for (const [partition, chain] of this.#chains) {
      for (const batch of chain.take()) {
        this.#producer.send(topic, partition, batch).catch((error: unknown) => {
          this.#failure = error
        })
      }
    }
  }

  async flush(): Promise<void> {
    await this.#producer.flush()
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Committed records as they come; a failure is thrown by the next `send`. */
  watch(
    topic: string,
    partitions: number,
    see: (partition: number, key: string, value: string, timestamp: number) => void
  ): void {
    for (let partition = 0; partition < partitions; partition++) {
      const take = (): void => {
        try {
          while (reader.advance()) {
            const { key, value, timestamp } = reader
            see(partition, String(key ?? ''), String(value ?? ''), timestamp)
          }
        } catch (error) {
          this.#failure = error
        }
      }
      const reader = this.#log.read({ topic, partition }, 'earliest', { onData: () => take() })
      this.#readers.push(reader)
    }
  }

  async close(): Promise<void> {
    for (const reader of this.#readers) reader.close()
    this.#producer.close()
    this.#cluster.close()
    await this.#log.close()
  }
}
