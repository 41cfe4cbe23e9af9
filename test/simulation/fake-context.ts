/** What an operator gets from its task, in memory; sends and drops are kept for the test. */

import { present } from '../../src/assert.ts'
import { ManualClock } from '../../src/clock.ts'
import { taskId } from '../../src/ids.ts'
import type { Punctuation, TaskContext, TaskTime } from '../../src/processor/operator.ts'
import type { RecordHeaders } from '../../src/record.ts'
import type { KeyValueState, StoreDefinition } from '../../state/contract.ts'
import { FakeState } from './fake-state.ts'

export interface Sent {
  readonly topic: string
  readonly partition: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: RecordHeaders
}

export interface FakeRecord {
  topic: string
  partition: number
  offset: number
  headers: RecordHeaders
  watermark: number
}

export interface FakeOptions {
  readonly partition?: number
  readonly clock?: ManualClock
  readonly time?: TaskTime
  readonly caching?: boolean
  readonly state?: FakeState
  readonly partitionCount?: number
  readonly producerCount?: number
}

const noTime: TaskTime = {
  streamTime: Number.NEGATIVE_INFINITY,
  mark: () => Number.NEGATIVE_INFINITY,
  nextMark: () => undefined,
}

export class FakeContext implements TaskContext {
  readonly task = taskId(0, 0)
  readonly partition: number
  readonly clock: ManualClock
  readonly time: TaskTime
  readonly caching: boolean
  readonly record: FakeRecord = {
    topic: 'in',
    partition: 0,
    offset: 0,
    headers: [],
    watermark: Number.NEGATIVE_INFINITY,
  }
  readonly drops: Record<string, number> = {}
  sent: Sent[] = []
  commitsAsked = 0
  readonly #state: FakeState
  readonly #stores = new Map<string, KeyValueState<unknown>>()
  readonly #closings = new Map<string, () => number>()
  readonly #counts: { readonly partitions: number; readonly producers: number }
  #work: (() => boolean | Promise<boolean>)[] = []

  constructor(options: FakeOptions = {}) {
    this.partition = options.partition ?? 0
    this.clock = options.clock ?? new ManualClock(0)
    this.time = options.time ?? noTime
    this.caching = options.caching ?? false
    this.#state = options.state ?? new FakeState()
    const { partitionCount: partitions = 1, producerCount: producers = 1 } = options
    this.#counts = { partitions, producers }
  }

  store<V>(definition: StoreDefinition<V>): KeyValueState<V> {
    const store = this.#state.store(definition)
    this.#stores.set(definition.name, store as KeyValueState<unknown>)
    return store
  }

  /** A store as the operator has opened it. */
  opened(name: string): KeyValueState<unknown> {
    return present(this.#stores.get(name), `store ${name}`)
  }

  send(
    topic: string,
    partition: number,
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: RecordHeaders = []
  ): void {
    const copies = { key: key && Uint8Array.from(key), value: value && Uint8Array.from(value) }
    this.sent.push({ topic, partition, timestamp, ...copies, headers })
  }

  takeSent(): Sent[] {
    const sent = this.sent
    this.sent = []
    return sent
  }

  closes(aggregate: string, time: () => number): void {
    this.#closings.set(aggregate, time)
  }

  closingOf(aggregate: string): number {
    return this.#closings.get(aggregate)?.() ?? Number.NEGATIVE_INFINITY
  }

  globalTable(): { get(): undefined } {
    return { get: () => undefined }
  }

  depart(): void {
    throw new Error('Nothing departs here')
  }

  topicName(internal: string): string {
    return `app-${internal}-repartition`
  }

  partitionCount(): number {
    return this.#counts.partitions
  }

  producerCount(): number {
    return this.#counts.producers
  }

  drop(reason: string, count = 1): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + count
  }

  afterRecord(work: () => boolean | Promise<boolean>): void {
    if (!this.#work.includes(work)) this.#work.push(work)
  }

  get hasWork(): boolean {
    return this.#work.length > 0
  }

  /** One step of whatever was asked for after the record; `settle` does them all. */
  async step(): Promise<void> {
    const [first, ...rest] = this.#work
    if (first === undefined) return
    this.#work = rest
    if (await first()) this.#work.unshift(first)
  }

  async settle(): Promise<void> {
    while (this.hasWork) await this.step()
  }

  withHeaders(_headers: RecordHeaders, run: () => void): void {
    run()
  }

  requestCommit(): void {
    this.commitsAsked += 1
  }

  schedule(): Punctuation {
    throw new Error('Nothing here is scheduled')
  }

  gauge(): never {
    throw new Error('Nothing here has a gauge')
  }

  counter(): never {
    throw new Error('Nothing here has a counter')
  }
}
