/**
 * Sends records through a repartition topic, so that those of one key meet in one task. Records
 * without a key belong nowhere: they are dropped before, and counted as `ungrouped`.
 *
 * Before a window that closes by watermark it also announces the task's marks, see `marks.ts`.
 */
import type { Timestamp } from '../ids.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import type { RecordHeaders } from '../record.ts'
import type { Serde } from '../serde/serde.ts'
import { MarkAnnouncer } from './mark-announcer.ts'
import { writeOrigin } from './marks.ts'
import { partitionOf, SinkWriter } from './sink.ts'

export interface RepartitionSpec {
  /** Internal name of the topic. */
  readonly topic: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** The aggregate behind the topic whose windows close by the marks of this task. */
  readonly marksOf: string | undefined
}

/** Ends records without a key, one step before they would be repartitioned. */
export class KeyedOnlyOperator extends Operator {
  #context!: TaskContext

  override init(context: TaskContext): void {
    this.#context = context
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    if (key === null || key === undefined) this.#context.drop('ungrouped')
    else this.next.process(key, value, timestamp)
  }
}

/** The first half of `orders.groupBy((order) => order.user).count('by-user')` */
export class RepartitionSinkOperator extends Operator {
  readonly #spec: RepartitionSpec
  #context!: TaskContext
  #topic = ''
  #partitions = 0
  readonly #marks: MarkAnnouncer
  readonly #keys: SinkWriter
  readonly #values: SinkWriter

  constructor(spec: RepartitionSpec) {
    super()
    this.#spec = spec
    this.#keys = new SinkWriter(spec.key)
    this.#values = new SinkWriter(spec.value)
    this.#marks = new MarkAnnouncer(spec.marksOf)
  }

  override init(context: TaskContext): void {
    this.#context = context
    this.#topic = context.topicName(this.#spec.topic)
    this.#partitions = context.partitionCount(this.#spec.topic)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const context = this.#context
    const keyBytes = this.#keys.bytesOf(key)
    const partition = partitionOf(keyBytes, context.partition, this.#partitions)
    const valueBytes = this.#values.bytesOf(value)
    context.send(this.#topic, partition, timestamp, keyBytes, valueBytes, this.#headers())
  }

  override flush(): void {
    this.#marks.announce(this.#context, this.#topic, this.#partitions)
  }

  #headers(): RecordHeaders {
    const { partition: producer, record } = this.#context
    if (this.#spec.marksOf === undefined) return record.headers
    return [...record.headers, writeOrigin({ producer, watermark: record.watermark })]
  }

  override committed(): void {
    this.#marks.committed()
  }
}
