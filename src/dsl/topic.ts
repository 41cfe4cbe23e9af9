/** A topic is a typed value: its name, its serdes, and where event time comes from. */
import type { Timestamp } from '../ids.ts'
import type { Serde } from '../serde/serde.ts'

export interface Topic<K, V> {
  readonly kind: 'topic'
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
  readonly timestamp: ((value: V, key: K) => Timestamp) | undefined
  readonly partitions: number | undefined
  readonly config: Readonly<Record<string, string>>
  readonly create: boolean
}

export interface TopicOptions<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
  /** Event time in epoch milliseconds. Default: the record's own timestamp. */
  readonly timestamp?: (value: NoInfer<V>, key: NoInfer<K>) => Timestamp
  /** Of a sink that is created at start. Default: the broker's own number. */
  readonly partitions?: number
  /** The same, by Kafka's names; checked if the topic exists. */
  readonly config?: Readonly<Record<string, string>>
  /** Whether a sink that is missing is created. Default: if `partitions` or `config` is given. */
  readonly create?: boolean
}

/** `topic('events', { key: string(), value: json<Event>(), timestamp: (event) => event.at })` */
export function topic<K, V>(name: string, options: TopicOptions<K, V>): Topic<K, V> {
  const { key, value, timestamp, partitions, config } = options
  const create = options.create ?? (partitions !== undefined || config !== undefined)
  return Object.freeze({
    kind: 'topic',
    name,
    key,
    value,
    timestamp,
    partitions,
    config: Object.freeze({ ...config }),
    create,
  })
}
