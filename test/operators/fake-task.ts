/** A task in the small: what operators ask of theirs, kept in plain fields for tests to look at. */
import { ManualClock } from '../../src/clock.ts'
import { type TaskId, taskId } from '../../src/ids.ts'
import type {
  CounterPort,
  Flight,
  GaugePort,
  Operator,
  Punctuation,
  RecordContext,
  TaskContext,
  TaskTime,
} from '../../src/processor/operator.ts'
import type { RecordHeaders } from '../../src/record.ts'
import type { KeyValueState, StoreDefinition } from '../../state/contract.ts'

export interface Sent {
  readonly topic: string
  readonly partition: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: RecordHeaders
}

interface Scheduled {
  readonly intervalMs: number
  readonly clock: 'stream-time' | 'wall-clock'
  readonly run: (timestamp: number) => void
}

export class FakeTask implements TaskContext {
  readonly task: TaskId = taskId(0, 1)
  readonly partition = 1
  readonly clock = new ManualClock(0)
  readonly caching = false
  readonly record: { -readonly [N in keyof RecordContext]: RecordContext[N] } = {
    topic: 'in',
    partition: 1,
    offset: 0,
    headers: [],
    watermark: Number.NEGATIVE_INFINITY,
  }
  readonly time: { streamTime: number } & Omit<TaskTime, 'streamTime'> = {
    streamTime: Number.NEGATIVE_INFINITY,
    mark: () => Number.NEGATIVE_INFINITY,
    nextMark: () => this.nextMark,
  }
  nextMark: number | 'empty' | undefined
  readonly partitions = new Map<string, number>()
  readonly sent: Sent[] = []
  readonly dropped: string[] = []
  readonly gauges = new Map<string, number | null>()
  readonly counters = new Map<string, number>()
  readonly stores = new Map<string, MapState<unknown>>()
  readonly scheduled: Scheduled[] = []
  readonly work: (() => boolean | Promise<boolean>)[] = []
  readonly departed: Flight[] = []
  commits = 0

  store<V>(definition: StoreDefinition<V>): KeyValueState<V> {
    const store = this.stores.get(definition.name) ?? new MapState(definition)
    this.stores.set(definition.name, store as MapState<unknown>)
    return store as MapState<V>
  }

  send(
    topic: string,
    partition: number,
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: RecordHeaders = []
  ): void {
    const [keyText, valueText] = [key, value].map((bytes) => bytes && Buffer.from(bytes).toString())
    this.sent.push({
      topic,
      partition,
      timestamp,
      key: keyText ?? null,
      value: valueText ?? null,
      headers,
    })
  }

  closes(): void {}

  closingOf(): number {
    return Number.NEGATIVE_INFINITY
  }

  globalTable(): { get(): undefined } {
    return { get: () => undefined }
  }

  topicName(internal: string): string {
    return `app-${internal}-repartition`
  }

  partitionCount(topic: string): number {
    return this.partitions.get(topic) ?? 4
  }

  producerCount(): number {
    return 1
  }

  drop(reason: string): void {
    this.dropped.push(reason)
  }

  schedule(
    intervalMs: number,
    clock: 'stream-time' | 'wall-clock',
    run: (timestamp: number) => void
  ): Punctuation {
    const scheduled = { intervalMs, clock, run }
    this.scheduled.push(scheduled)
    return { cancel: () => this.scheduled.splice(this.scheduled.indexOf(scheduled), 1) }
  }

  afterRecord(work: () => boolean | Promise<boolean>): void {
    this.work.push(work)
  }

  depart(flight: Flight): void {
    this.departed.push(flight)
  }

  /** What the task does between two records. */
  async drain(): Promise<void> {
    for (let run = this.work.shift(); run !== undefined; run = this.work.shift()) {
      while (await run());
    }
  }

  withHeaders(headers: RecordHeaders, run: () => void): void {
    const { headers: before } = this.record
    this.record.headers = headers
    run()
    this.record.headers = before
  }

  requestCommit(): void {
    this.commits++
  }

  gauge(name: string, labels: Readonly<Record<string, string>> = {}): GaugePort {
    const series = name + JSON.stringify(labels)
    return { set: (value) => this.gauges.set(series, value) }
  }

  counter(name: string): CounterPort {
    return {
      add: (label, count = 1) => {
        const series = `${name}{${label}}`
        this.counters.set(series, (this.counters.get(series) ?? 0) + count)
      },
    }
  }
}

/** A store that keeps bytes, so that values must survive their codec. */
export class MapState<V> implements KeyValueState<V> {
  readonly name: string
  readonly entries = new Map<string, Uint8Array>()
  readonly #definition: StoreDefinition<V>

  constructor(definition: StoreDefinition<V>) {
    this.name = definition.name
    this.#definition = definition
  }

  get(key: string): V | undefined {
    const bytes = this.entries.get(key)
    return bytes && this.#definition.codec.decode(bytes)
  }

  getFresh(): undefined {
    return undefined
  }

  put(key: string, value: V): void {
    this.entries.set(key, this.#definition.codec.encode(value).slice())
  }

  delete(key: string): void {
    this.entries.delete(key)
  }

  async *range(from = '', to?: string): AsyncIterable<readonly [string, V]> {
    const keys = [...this.entries.keys()].filter((key) => key >= from && !(to && key >= to))
    for (const key of keys.sort()) {
      await Promise.resolve()
      yield [key, this.get(key) as V]
    }
  }
}

export type Row = readonly [key: unknown, value: unknown, timestamp: number]

/** Where an operator's records go. */
export function collect(operator: Operator): Row[] {
  const rows: Row[] = []
  operator.next = { process: (key, value, timestamp) => rows.push([key, value, timestamp]) }
  return rows
}
