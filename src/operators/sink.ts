/** `to`: records leave for a topic, one that is fixed or one that a function chooses. */
import { TopologyError } from '../errors.ts'
import type { Timestamp } from '../ids.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import { partitionForKey } from '../serde/murmur2.ts'
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

/** `rows.to(metrics)` */
export class SinkOperator extends Operator {
  readonly #topic: SinkTopic
  #context!: TaskContext
  #partitions = 0

  constructor(topic: SinkTopic) {
    super()
    this.#topic = topic
  }

  override init(context: TaskContext): void {
    this.#context = context
    this.#partitions = context.partitionCount(this.#topic.name)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    send(this.#context, this.#topic, this.#partitions, key, value, timestamp)
  }
}

/** `rows.to((row) => (row.isLate ? late : metrics), { among: [late, metrics] })` */
export class ChoosingSinkOperator extends Operator {
  readonly #choose: Callback<SinkTopic>
  readonly #among: readonly SinkTopic[]
  readonly #partitions = new Map<string, number>()
  #context!: TaskContext

  constructor(choose: Callback<SinkTopic>, among: readonly SinkTopic[]) {
    super()
    this.#choose = choose
    this.#among = among
  }

  override init(context: TaskContext): void {
    this.#context = context
    for (const { name } of this.#among) this.#partitions.set(name, context.partitionCount(name))
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const choose = this.#choose
    const topic = choose(value, key)
    const partitions = this.#partitions.get(topic.name)
    if (partitions === undefined) {
      throw new TopologyError(
        'MILLRACE_TOPIC_UNKNOWN',
        `A record was to go to topic '${topic.name}', which is not among those of its sink: ` +
          'add it to { among: […] }.'
      )
    }
    send(this.#context, topic, partitions, key, value, timestamp)
  }
}

function send(
  context: TaskContext,
  { name, key: keySerde, value: valueSerde }: SinkTopic,
  partitions: number,
  key: unknown,
  value: unknown,
  timestamp: Timestamp
): void {
  const keyBytes = bytesOf(keySerde, key)
  const partition = partitionOf(keyBytes, context.partition, partitions)
  const valueBytes = bytesOf(valueSerde, value)
  const headers = withoutOrigin(context.record.headers)
  context.send(name, partition, timestamp, keyBytes, valueBytes, headers)
}
