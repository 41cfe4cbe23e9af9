/**
 * Processors of one's own, with their stores opened.
 *
 *     process(record) ──▶ turn ──▶ done                a turn is a record or a punctuation
 *                           └─ promise ──▶ the task waits; turns that come meanwhile queue up
 *
 * Turns never overlap, so a processor may await a scan without another record in between.
 */
import { type Duration, durationMs } from '../durations.ts'
import type { TaskId, Timestamp } from '../ids.ts'
import { openStore } from '../processor/opened-stores.ts'
import { Operator, type Punctuation, type TaskContext } from '../processor/operator.ts'
import type {
  Forwarded,
  Processor,
  ProcessorContext,
  PunctuationClock,
  RecordMetadata,
  StoreHandles,
  StreamRecord,
} from '../processor/processor.ts'
import type { RecordHeaders } from '../record.ts'

type Stores = Readonly<Record<string, unknown>>
type Context = ProcessorContext<unknown, unknown>
type Turn = () => void | Promise<void>

export type AnyFactory = (context: Context, stores: Stores) => Processor<unknown, unknown>
export type AnyValueFactory = (
  context: Context,
  stores: Stores
) => (value: unknown, key: unknown) => unknown

/** `stream.process('gaps', { seen }, (context, { seen }) => ({ process(record) { … } }))` */
export class ProcessOperator extends Operator {
  readonly #handles: StoreHandles
  readonly #factory: AnyFactory
  #context!: OperatorContext
  #processor!: Processor<unknown, unknown>

  constructor(handles: StoreHandles, factory: AnyFactory) {
    super()
    this.#handles = handles
    this.#factory = factory
  }

  override init(context: TaskContext): void {
    this.#context = new OperatorContext(context, (row, timestamp) =>
      this.next.process(row.key, row.value, row.timestamp ?? timestamp)
    )
    const factory = this.#factory
    this.#processor = factory(this.#context, openAll(context, this.#handles))
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const record = new TakenRecord(this.#context.task, key, value, timestamp)
    this.#context.take(timestamp, true, () => this.#processor.process(record))
  }

  override close(): void {
    this.#processor?.close?.()
  }
}

/** `stream.processValues('nth', { seen }, (_context, { seen }) => (value, key) => …)` */
export class ProcessValuesOperator extends Operator {
  readonly #handles: StoreHandles
  readonly #factory: AnyValueFactory
  #context!: OperatorContext
  #map!: (value: unknown, key: unknown) => unknown

  constructor(handles: StoreHandles, factory: AnyValueFactory) {
    super()
    this.#handles = handles
    this.#factory = factory
  }

  override init(context: TaskContext): void {
    this.#context = new OperatorContext(context, () => {
      throw new TypeError('processValues keeps the key: use process to forward')
    })
    const factory = this.#factory
    this.#map = factory(this.#context, openAll(context, this.#handles))
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    this.#context.take(timestamp, true, () => {
      const map = this.#map
      this.next.process(key, map(value, key), timestamp)
    })
  }
}

function openAll(context: TaskContext, handles: StoreHandles): Stores {
  const entries = Object.entries(handles)
  return Object.freeze(
    Object.fromEntries(entries.map(([name, handle]) => [name, openStore(context, handle)]))
  )
}

/** A record as a processor sees it; headers are read only by those who ask. */
class TakenRecord implements StreamRecord<unknown, unknown> {
  readonly key: unknown
  readonly value: unknown
  readonly timestamp: Timestamp
  readonly #task: TaskContext

  constructor(task: TaskContext, key: unknown, value: unknown, timestamp: Timestamp) {
    this.#task = task
    this.key = key
    this.value = value
    this.timestamp = timestamp
  }

  get headers(): RecordHeaders {
    return this.#task.record.headers
  }
}

class OperatorContext implements Context {
  readonly task: TaskContext
  readonly #forward: (row: Forwarded<unknown, unknown>, timestamp: Timestamp) => void
  /** Of the turn at hand: what a forwarded record is dated by default. */
  #timestamp: Timestamp = 0
  #isRecord = false
  #isBusy = false

  constructor(
    task: TaskContext,
    forward: (row: Forwarded<unknown, unknown>, timestamp: Timestamp) => void
  ) {
    this.task = task
    this.#forward = forward
  }

  get taskId(): TaskId {
    return this.task.task
  }

  get streamTime(): Timestamp {
    return this.task.time.streamTime
  }

  get metadata(): RecordMetadata | null {
    if (!this.#isRecord) return null
    const { topic, partition, offset } = this.task.record
    return { topic, partition, offset }
  }

  forward(row: Forwarded<unknown, unknown>): void {
    const forward = this.#forward
    forward(row, this.#timestamp)
  }

  schedule(
    interval: Duration,
    clock: PunctuationClock,
    run: (timestamp: Timestamp) => void | Promise<void>
  ): Punctuation {
    return this.task.schedule(durationMs(interval), clock, (timestamp) =>
      this.take(timestamp, false, () => run(timestamp))
    )
  }

  commit(): void {
    this.task.requestCommit()
  }

  /** Runs a turn now, or after those under way. */
  take(timestamp: Timestamp, isRecord: boolean, turn: Turn): void {
    const run = (): Promise<boolean> | boolean => this.#run(timestamp, isRecord, turn)
    if (this.#isBusy) {
      this.task.afterRecord(run)
      return
    }
    const pending = run()
    if (pending !== false) this.task.afterRecord(() => pending)
  }

  #run(timestamp: Timestamp, isRecord: boolean, turn: Turn): Promise<boolean> | boolean {
    this.#timestamp = timestamp
    this.#isRecord = isRecord
    const result = turn()
    if (!(result instanceof Promise)) {
      this.#isRecord = false
      return false
    }
    this.#isBusy = true
    return result
      .then(() => false)
      .finally(() => {
        this.#isBusy = false
        this.#isRecord = false
      })
  }
}
