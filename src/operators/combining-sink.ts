/**
 * The first half of an aggregate behind a repartition topic: makes one of the records of a key
 * before they go through it.
 *
 *     records ─▶ judged ─▶ one per key and windows ─▶ sent with the commit, or when there are many
 *
 * Invariants: what is gathered belongs to the commit that it is sent in, and nothing of it is
 * durable; marks follow what they cover; where windows close by stream time, what goes to one
 * partition goes in the order of its times, so that no window is closed before all of it has come.
 */
import { binary } from '../aggregators/member.ts'
import type { Timestamp } from '../ids.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import type { RecordHeaders } from '../record.ts'
import type { Serde } from '../serde/serde.ts'
import type { WindowSpec } from '../windows/windows.ts'
import type { Aggregation } from './aggregation.ts'
import { makeAggregation } from './aggregation.ts'
import { Combined, type CountedWindows } from './combined.ts'
import { WindowCounting } from './counted-windows.ts'
import { MarkAnnouncer } from './mark-announcer.ts'
import { writeOrigin } from './marks.ts'
import { bytesOf, partitionOf } from './sink.ts'
import type { AggregationPlan } from './specs.ts'

export interface CombiningSpec {
  /** Of the aggregate. */
  readonly name: string
  readonly plan: AggregationPlan
  readonly windows: WindowSpec | undefined
  /** Internal name of the topic. */
  readonly topic: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  /** The aggregate behind the topic whose windows close by the marks of this task. */
  readonly marksOf: string | undefined
}

export interface CombiningLimits {
  /** What is gathered at the most. Default 10,000. */
  readonly partsMax?: number
}

/** Characters of members that are gathered at the most: they have to fit into one message. */
const memberCharsMax = 240 * 1024
const noHeaders: RecordHeaders = Object.freeze([])

interface Gathered {
  readonly key: Uint8Array
  readonly partition: number
  readonly combined: Combined
  /** The greatest of its records. */
  timestamp: Timestamp
}

export class CombiningSinkOperator extends Operator {
  readonly #spec: CombiningSpec
  readonly #partsMax: number
  readonly #aggregation: Aggregation
  readonly #marks: MarkAnnouncer
  #context!: TaskContext
  #topic = ''
  #partitions = 0
  #counting: WindowCounting | undefined
  /** Whether every record is news that is told at once. */
  #isEager = false
  #gathered = new Map<string, Gathered>()
  #memberChars = 0

  constructor(spec: CombiningSpec, { partsMax = 10_000 }: CombiningLimits = {}) {
    super()
    this.#spec = spec
    this.#partsMax = partsMax
    this.#aggregation = makeAggregation(spec.name, spec.plan)
    this.#marks = new MarkAnnouncer(spec.marksOf)
  }

  override init(context: TaskContext): void {
    const { topic, windows, marksOf } = this.#spec
    this.#context = context
    this.#topic = context.topicName(topic)
    this.#partitions = context.partitionCount(topic)
    this.#counting = windows && new WindowCounting(context, windows, marksOf)
    this.#isEager = !context.caching && windows?.emission !== 'final'
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    if (value === null && this.#counting === undefined) {
      this.#context.drop('null_value')
      return
    }
    const bytes = bytesOf(this.#spec.key, key)
    if (bytes === null) {
      this.#context.drop('null_key')
      return
    }
    const partition = partitionOf(bytes, this.#context.partition, this.#partitions)
    const windows = this.#counting?.judge(timestamp, partition)
    if (windows === undefined && this.#counting !== undefined) return
    this.#add(this.#partOf(bytes, partition, windows), key, value, timestamp)
    const isFull = this.#gathered.size >= this.#partsMax || this.#memberChars >= memberCharsMax
    if (isFull || this.#isEager) this.#send()
  }

  override flush(): void {
    this.#send()
    this.#marks.announce(this.#context, this.#topic, this.#partitions)
  }

  override committed(): void {
    this.#marks.committed()
  }

  #partOf(key: Uint8Array, partition: number, windows: CountedWindows | undefined): Gathered {
    const text = binary(key)
    const id = windows === undefined ? text : `${windows.first} ${windows.last} ${text}`
    let part = this.#gathered.get(id)
    if (part === undefined) {
      // A serde may write into the same memory again and again.
      const own = Uint8Array.prototype.slice.call(key)
      part = { key: own, partition, combined: new Combined(windows), timestamp: 0 }
      this.#gathered.set(id, part)
    }
    return part
  }

  #add(part: Gathered, key: unknown, value: unknown, timestamp: Timestamp): void {
    const { combined } = part
    const { state, memberChars: before } = combined
    combined.state =
      state === null
        ? this.#aggregation.start(value, key, combined)
        : this.#aggregation.add(state, value, key, combined)
    combined.records += 1
    combined.time = this.#counting?.timeOf(part.partition) ?? combined.time
    if (timestamp > part.timestamp) part.timestamp = timestamp
    this.#memberChars += combined.memberChars - before
  }

  #send(): void {
    const { value, marksOf } = this.#spec
    const headers = this.#headers()
    // A record whose aggregator threw may have left nothing behind.
    const parts = [...this.#gathered.values()].filter(({ combined }) => combined.records > 0)
    const isByTime = this.#counting !== undefined && marksOf === undefined
    if (isByTime) parts.sort((a, b) => a.combined.time - b.combined.time)
    this.#gathered = new Map()
    this.#memberChars = 0
    this.#counting?.begin()
    for (const { key, partition, timestamp, combined } of parts) {
      const bytes = value.serialize(combined)
      this.#context.send(this.#topic, partition, timestamp, key, bytes, headers)
    }
  }

  /** All that is late by now has been left out: only what comes in between can be. */
  #headers(): RecordHeaders {
    if (this.#spec.marksOf === undefined) return noHeaders
    const origin = { producer: this.#context.partition, watermark: Number.NEGATIVE_INFINITY }
    return [writeOrigin(origin)]
  }
}
