/** The ends of a topology under test: typed topics to pipe into and to read from. */
import type { Offset, Timestamp } from '../ids.ts'
import type { EmbeddedLog } from '../log/embedded-log.ts'
import type { RecordHeaders } from '../record.ts'
import type { Serde } from '../serde/serde.ts'

/** What the driver needs of a topic; those made by `topic()` fit. */
export interface TestTopic<K, V> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
}

export interface TestRecord<K, V> {
  readonly key: K | null
  readonly value: V | null
  readonly timestamp: Timestamp
  readonly headers: RecordHeaders
  readonly partition: number
  readonly offset: Offset
}

export interface PipedRecord<K, V> {
  readonly key: K | null
  readonly value: V | null
  /** Default: the time of the driver's clock. */
  readonly timestamp?: Timestamp
  readonly headers?: RecordHeaders
  /** Default: by key, as every producer does. */
  readonly partition?: number
}

/** What the driver does for its topics. */
export interface TopicHost {
  readonly log: EmbeddedLog
  now(): Timestamp
  /** Works until nothing is left to do. */
  settle(): Promise<void>
}

export class TestInputTopic<K, V> {
  readonly #topic: TestTopic<K, V>
  readonly #host: TopicHost

  constructor(topic: TestTopic<K, V>, host: TopicHost) {
    this.#topic = topic
    this.#host = host
  }

  /** Writes one record, and works until nothing is left to do. `timestamp` in epoch ms. */
  async pipe(
    key: K | null,
    value: V | null,
    timestamp?: Timestamp,
    headers?: RecordHeaders
  ): Promise<void> {
    await this.pipeAll([
      { key, value, ...(timestamp === undefined ? {} : { timestamp }), headers: headers ?? [] },
    ])
  }

  /** Writes all of them before the first is looked at. */
  async pipeAll(records: readonly PipedRecord<K, V>[]): Promise<void> {
    const { name, key: keySerde, value: valueSerde } = this.#topic
    const appended = records.map(({ key, value, timestamp, headers, partition }) => ({
      key: key === null ? null : keySerde.serialize(key),
      value: value === null ? null : valueSerde.serialize(value),
      timestamp: timestamp ?? this.#host.now(),
      headers: headers ?? [],
      ...(partition === undefined ? {} : { partition }),
    }))
    await this.#host.log.append(name, appended)
    await this.#host.settle()
  }

  /** Writes bytes as they are, good or bad. */
  async pipeBytes(
    key: Uint8Array | null,
    value: Uint8Array | null,
    timestamp?: Timestamp
  ): Promise<void> {
    const record = { key, value, timestamp: timestamp ?? this.#host.now() }
    await this.#host.log.append(this.#topic.name, [record])
    await this.#host.settle()
  }
}

export class TestOutputTopic<K, V> {
  readonly #topic: TestTopic<K, V>
  readonly #host: TopicHost
  /** Next offset to read, by partition; shared by all readers of the topic. */
  readonly #positions: Offset[]

  constructor(topic: TestTopic<K, V>, host: TopicHost, positions: Offset[]) {
    this.#topic = topic
    this.#host = host
    this.#positions = positions
  }

  /** Committed records that were not read before, by partition and offset. */
  readAll(): readonly TestRecord<K, V>[] {
    const { name, key: keySerde, value: valueSerde } = this.#topic
    const stored = this.#host.log.inspect().recordsInMemory(name, this.#positions)
    return stored.map(({ partition, offset, timestamp, key, value, headers }) => {
      this.#positions[partition] = Math.max(this.#positions[partition] ?? 0, offset + 1)
      return {
        key: key === null ? null : keySerde.deserialize(key),
        value: value === null ? null : valueSerde.deserialize(value),
        timestamp,
        headers,
        partition,
        offset,
      }
    })
  }

  /** As `readAll`, without what is seldom looked at. */
  readPairs(): readonly (readonly [key: K | null, value: V | null])[] {
    return this.readAll().map(({ key, value }) => [key, value] as const)
  }
}
