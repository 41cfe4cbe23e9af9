/** What the operators of one task get from it: one core per life of the task, one face per node. */
import type { KeyValueState, StoreDefinition, TaskState } from '../../state/contract.ts'
import { assert, present } from '../assert.ts'
import type { Clock } from '../clock.ts'
import { RejectedRecordError, TopologyError } from '../errors.ts'
import type { Offset, TaskId, Timestamp } from '../ids.ts'
import type {
  CounterPort,
  DropReason,
  Flight,
  GaugePort,
  GlobalRows,
  Punctuation,
  RecordContext,
  TaskContext,
  TaskTime,
} from '../processor/operator.ts'
import type { FindRows } from '../processor/store-rows.ts'
import { copyOfHeaders, type RecordCursor, type RecordHeaders } from '../record.ts'
import type { ProcessorNodeSpec } from '../topology/topology.ts'
import type { DropLog } from './drop-log.ts'
import type { Flights } from './flights.ts'
import type { GlobalState } from './global-state.ts'
import type { TaskInstruments } from './instruments.ts'
import type { Outputs } from './outputs.ts'
import type { Plan, PlannedSource, PlannedTask } from './plan.ts'
import { repartitionTopic } from './plan.ts'
import type { Punctuators } from './punctuators.ts'
import { type ErrorHandler, guarded } from './wiring.ts'
import type { WorkQueue, WorkStep } from './work-queue.ts'

/** A record that something is done on behalf of: where it is, and what it came as. */
export interface RecordAtHand {
  readonly source: PlannedSource
  readonly offset: Offset
  readonly headers: RecordHeaders
  readonly raw: Pick<RecordCursor, 'timestamp' | 'key' | 'value' | 'headers'>
}

/**
 * The record at hand; its place keeps speaking of the last one until the next is taken. Headers are
 * those of the record only while it is handled: punctuators and flushes have none.
 */
export class CurrentRecord implements RecordContext {
  topic = ''
  partition = -1
  offset: Offset = -1
  watermark: Timestamp = Number.NEGATIVE_INFINITY
  #at: RecordAtHand | undefined
  #headers: RecordHeaders | undefined

  get headers(): RecordHeaders {
    return this.#headers ?? this.#at?.headers ?? none
  }

  /** Runs what forwards with other headers. */
  withHeaders(headers: RecordHeaders, run: () => void): void {
    const before = this.#headers
    this.#headers = headers
    try {
      run()
    } finally {
      this.#headers = before
    }
  }

  /** Undefined while nothing is done on behalf of a record. */
  get at(): RecordAtHand | undefined {
    return this.#at
  }

  moveTo(at: RecordAtHand, watermark: Timestamp): void {
    this.#at = at
    this.topic = at.source.topic
    this.partition = at.source.partition
    this.offset = at.offset
    this.watermark = watermark
  }

  /** What stays as it is when other records come. */
  keep(): RecordAtHand | undefined {
    const at = this.#at
    if (at === undefined) return undefined
    const { source, offset } = at
    const { timestamp, key, value, headers } = at.raw
    const bytes = { key: key && copyOf(key), value: value && copyOf(value) }
    const raw = { timestamp, ...bytes, headers: copyOfHeaders(headers) }
    return { source, offset, headers: copyOfHeaders(this.headers), raw }
  }

  /** The record is done. */
  leave(): void {
    this.#at = undefined
  }

  /** Runs what is not done on behalf of the record. */
  aside<T>(run: () => T): T {
    const at = this.#at
    this.#at = undefined
    try {
      return run()
    } finally {
      this.#at = at
    }
  }
}

const none: RecordHeaders = Object.freeze([])

function copyOf(bytes: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes)
}

/** What reads a store from outside. */
export interface Finder {
  readonly definition: StoreDefinition<unknown>
  readonly find: FindRows<unknown>
}

/** What all nodes of a task share. */
export interface TaskCore {
  readonly planned: PlannedTask
  readonly plan: Plan
  readonly clock: Clock
  readonly caching: boolean
  readonly record: CurrentRecord
  readonly time: TaskTime
  readonly state: TaskState | undefined
  readonly outputs: Outputs
  readonly instruments: TaskInstruments
  readonly dropLog: DropLog
  readonly globals: GlobalState | undefined
  readonly streamTime: Punctuators
  readonly wallClock: Punctuators
  readonly work: WorkQueue
  readonly flights: Flights
  /** Stores by name, as the operators opened them. */
  readonly stores: Map<string, KeyValueState<unknown>>
  /** How those outside find their way in them. */
  readonly finders: Map<string, Finder>
  /** By what time windows are closed, by aggregate. */
  readonly closings: Map<string, () => Timestamp>
  /** False once the task has moved on without these operators. */
  isLive: boolean
  /** Something happened that a commit must cover. */
  changed(): void
  requestCommit(): void
}

export class NodeContext implements TaskContext {
  readonly #core: TaskCore
  readonly #node: ProcessorNodeSpec
  readonly #errors: ErrorHandler
  readonly task: TaskId
  readonly partition: number
  readonly clock: Clock
  readonly record: RecordContext
  readonly time: TaskTime
  readonly caching: boolean

  constructor(core: TaskCore, node: ProcessorNodeSpec, errors: ErrorHandler) {
    this.#core = core
    this.#node = node
    this.#errors = errors
    this.task = core.planned.id
    this.partition = core.planned.partition
    this.clock = core.clock
    this.record = core.record
    this.time = core.time
    this.caching = core.caching
  }

  store<V>(definition: StoreDefinition<V>, find?: FindRows<V>): KeyValueState<V> {
    if (!this.#node.stores.includes(definition.name)) {
      throw new TopologyError(
        'MILLRACE_STORE_NOT_CONNECTED',
        `Node '${this.#node.name}' is not connected with store '${definition.name}'.`
      )
    }
    const { state, stores, finders } = this.#core
    // Nodes that share a store share its layers: the first definition is the store's.
    let store = stores.get(definition.name)
    if (store === undefined) {
      store = present(state, 'state of a task with stores').store(
        definition
      ) as KeyValueState<unknown>
      stores.set(definition.name, store)
    }
    if (find !== undefined && !finders.has(definition.name)) {
      finders.set(definition.name, { definition, find } as Finder)
    }
    return store as KeyValueState<V>
  }

  send(
    topic: string,
    partition: number,
    timestamp: Timestamp,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers?: RecordHeaders
  ): void {
    assert(this.#core.isLive, 'operators of the past send nothing')
    this.#core.changed()
    try {
      this.#core.outputs.append(topic, partition, timestamp, key, value, headers)
    } catch (error) {
      if (!(error instanceof RejectedRecordError)) throw error
      this.drop(error.reason)
    }
  }

  closes(aggregate: string, time: () => Timestamp): void {
    this.#core.closings.set(aggregate, time)
  }

  closingOf(aggregate: string): Timestamp {
    return this.#core.closings.get(aggregate)?.() ?? Number.NEGATIVE_INFINITY
  }

  globalTable(name: string): GlobalRows {
    return present(this.#core.globals, 'the state of global tables').rows(name)
  }

  topicName(internal: string): string {
    return repartitionTopic(this.#core.plan.applicationId, internal)
  }

  partitionCount(topic: string): number {
    const count = this.#core.plan.partitionCounts.get(topic)
    if (count !== undefined) return count
    throw new TopologyError(
      'MILLRACE_TOPIC_UNKNOWN',
      `Node '${this.#node.name}' writes to topic '${topic}', which the topology does not declare.`
    )
  }

  producerCount(internal: string): number {
    return present(this.#core.plan.producerCounts.get(internal), `producers of '${internal}'`)
  }

  drop(reason: DropReason, count = 1): void {
    const { record, instruments, dropLog, planned } = this.#core
    this.#core.changed()
    instruments.drop(reason, count)
    dropLog.note(reason, count, () => ({
      task: planned.id,
      node: this.#node.name,
      record: `${record.topic}-${record.partition}@${record.offset}`,
    }))
  }

  schedule(
    intervalMs: number,
    clock: 'stream-time' | 'wall-clock',
    run: (timestamp: Timestamp) => void
  ): Punctuation {
    const core = this.#core
    const inside = (timestamp: Timestamp): void =>
      guarded(this.#node, this.#errors, () => run(timestamp))
    return clock === 'stream-time'
      ? core.streamTime.add(0, intervalMs, inside)
      : core.wallClock.add(core.clock.now() + intervalMs, intervalMs, inside)
  }

  afterRecord(run: WorkStep): void {
    this.#core.work.add(this.#node.name, run)
  }

  depart(flight: Flight, max: number): void {
    this.#core.flights.depart(this.#node, flight, max)
  }

  withHeaders(headers: RecordHeaders, run: () => void): void {
    this.#core.record.withHeaders(headers, run)
  }

  requestCommit(): void {
    this.#core.changed()
    this.#core.requestCommit()
  }

  gauge(name: string, labels?: Readonly<Record<string, string>>): GaugePort {
    return this.#core.instruments.gauge(name, labels)
  }

  counter(name: string): CounterPort {
    return this.#core.instruments.counter(name)
  }
}
