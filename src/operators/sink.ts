/** `to`: records leave for a topic, one that is fixed or one that a function chooses. */
import { TopologyError } from '../errors.ts'
import type { Timestamp } from '../ids.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import { partitionForKey } from '../serde/murmur2.ts'
import { type PassingWriter, passingWriter } from '../serde/passing-bytes.ts'
import type { Serde } from '../serde/serde.ts'
import type { Callback } from './filter.ts'
import { withoutOrigin } from './marks.ts'

export interface SinkTopic {
  readonly name: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

/** Null is a tombstone in any topic, whatever its serde says. */
export function bytesOf(serde: Serde<unknown>, value: unknown): Uint8Array | null {
  return value === null || value === undefined ? null : serde.serialize(value)
}

/** Records without a key stay together by task: nothing random, so a replay repeats it. */
export function partitionOf(key: Uint8Array | null, task: number, partitions: number): number {
  return key === null ? task % partitions : partitionForKey(key, partitions)
}

/** Values on their way into a batch, which copies them. */
export class SinkWriter {
  readonly #write: PassingWriter<unknown>

  constructor(serde: Serde<unknown>) {
    this.#write = passingWriter(serde)
  }

  /** As `bytesOf`, until the next call. */
  bytesOf(value: unknown): Uint8Array | null {
    const write = this.#write
    return value === null || value === undefined ? null : write(value)
  }
}

/** A topic as one task writes to it. */
class Outlet {
  readonly #context: TaskContext
  readonly #topic: string
  readonly #partitions: number
  readonly #keys: SinkWriter
  readonly #values: SinkWriter

  constructor(context: TaskContext, { name, key, value }: SinkTopic) {
    this.#context = context
    this.#topic = name
    this.#partitions = context.partitionCount(name)
    this.#keys = new SinkWriter(key)
    this.#values = new SinkWriter(value)
  }

  send(key: unknown, value: unknown, timestamp: Timestamp): void {
    const context = this.#context
    const keyBytes = this.#keys.bytesOf(key)
    const partition = partitionOf(keyBytes, context.partition, this.#partitions)
    const valueBytes = this.#values.bytesOf(value)
    const headers = withoutOrigin(context.record.headers)
    context.send(this.#topic, partition, timestamp, keyBytes, valueBytes, headers)
  }
}

/** `rows.to(metrics)` */
export class SinkOperator extends Operator {
  readonly #topic: SinkTopic
  #outlet!: Outlet

  constructor(topic: SinkTopic) {
    super()
    this.#topic = topic
  }

  override init(context: TaskContext): void {
    this.#outlet = new Outlet(context, this.#topic)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    this.#outlet.send(key, value, timestamp)
  }
}

/** `rows.to((row) => (row.isLate ? late : metrics), { among: [late, metrics] })` */
export class ChoosingSinkOperator extends Operator {
  readonly #choose: Callback<SinkTopic>
  readonly #among: readonly SinkTopic[]
  readonly #outlets = new Map<SinkTopic, Outlet>()
  #context!: TaskContext

  constructor(choose: Callback<SinkTopic>, among: readonly SinkTopic[]) {
    super()
    this.#choose = choose
    this.#among = among
  }

  override init(context: TaskContext): void {
    this.#context = context
    for (const topic of this.#among) this.#outlets.set(topic, new Outlet(context, topic))
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const choose = this.#choose
    const topic = choose(value, key)
    const outlet = this.#outlets.get(topic) ?? this.#likeOneOf(topic)
    outlet.send(key, value, timestamp)
  }

  /** By its name it is one of them, and it may have serdes of its own. */
  #likeOneOf(topic: SinkTopic): Outlet {
    if (this.#among.some(({ name }) => name === topic.name)) {
      return new Outlet(this.#context, topic)
    }
    throw new TopologyError(
      'MILLRACE_TOPIC_UNKNOWN',
      `A record was to go to topic '${topic.name}', which is not among those of its sink: ` +
        'add it to { among: […] }.'
    )
  }
}
