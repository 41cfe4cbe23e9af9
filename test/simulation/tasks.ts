/** The two kinds of tasks, made of the real operators and the real event time. */
import { count, distinct, max, min, sum, where } from '../../src/aggregators/aggregators.ts'
import { RowAggregation } from '../../src/aggregators/row.ts'
import type { Offset, Timestamp } from '../../src/ids.ts'
import { GlobalFinalOperator } from '../../src/operators/global-final.ts'
import { GlobalMessages } from '../../src/operators/global-messages.ts'
import { GlobalPartialOperator } from '../../src/operators/global-partial.ts'
import type { GlobalAggregateSpec } from '../../src/operators/specs.ts'
import type { Change } from '../../src/processor/change.ts'
import type { FetchAnswer } from '../../src/runtime/ports.ts'
import { SourceTaskTime } from '../../src/runtime/task-time.ts'
import type { Windowed } from '../../src/windows/windows.ts'
import { FakeContext } from './fake-context.ts'
import { FakeState, type StateChange } from './fake-state.ts'
import type { Aggregate, Disk, OutputRow, Owner, Visit, World } from './world.ts'

const orders = where((visit: Visit) => visit.isOrder)

/** All that a row can show; the recount knows the same fields. */
export const fields = {
  n: count(),
  orders: count(orders),
  sum: sum((visit: Visit) => BigInt(visit.price), orders, 0n),
  sessions: distinct((visit: Visit) => visit.session),
  ordering: distinct((visit: Visit) => visit.session, orders),
  first: min((visit: Visit) => visit.t),
  last: max((visit: Visit) => visit.t),
}

/** An outage is what lasts longer than this; fetches come more often. */
const gapMs = 15

function specOf({ name, windows }: Aggregate): GlobalAggregateSpec {
  return { name, windows, aggregators: fields, topic: name }
}

abstract class Task implements Owner {
  readonly world: World
  readonly id: string
  readonly generation: number
  number: number
  protected readonly disk: Disk
  protected readonly state: FakeState
  protected readonly contexts = new Map<string, FakeContext>()
  protected rows: OutputRow[] = []
  readonly #skipped: Map<string, StateChange>
  readonly #lateBefore: Readonly<Record<string, number>>

  constructor(world: World, id: string, disk: Disk) {
    this.world = world
    this.id = id
    this.disk = disk
    this.generation = world.own(id)
    const { committed, entries, skipped } = world.load(id, disk)
    this.number = committed.number + 1
    this.state = new FakeState(entries)
    this.#skipped = new Map(skipped)
    this.#lateBefore = committed.late
  }

  abstract start(): Promise<void>
  abstract work(steps: number): Promise<void>
  abstract commit(reach: number): boolean

  protected late(): Record<string, number> {
    const late: Record<string, number> = { ...this.#lateBefore }
    for (const [name, { drops }] of this.contexts) {
      late[name] = (late[name] ?? 0) + (drops['late'] ?? 0)
    }
    return late
  }

  /** What the operators changed, and each key that the restore has skipped, as it is now. */
  protected seal(): readonly StateChange[] {
    const changes = this.state.seal()
    const keys = new Set(changes.map(({ key }) => key))
    for (const [key, { store }] of this.#skipped) {
      if (!keys.has(key)) changes.push({ store, key, value: this.state.entries.get(key) ?? null })
    }
    this.#skipped.clear()
    return changes
  }

  protected finish(outcome: 'done' | 'behind' | 'lost'): boolean {
    if (outcome === 'done') this.world.save(this.id, this.state.entries, this.disk)
    this.number += 1
    return outcome === 'done'
  }
}

interface Input {
  readonly partition: number
  position: Offset
  fetch: { readonly sentAt: Timestamp; served: Offset | undefined } | undefined
  answer: FetchAnswer | undefined
}

export class SourceTask extends Task {
  readonly #inputs: Input[]
  readonly #time: SourceTaskTime
  readonly #operators: GlobalPartialOperator[] = []

  constructor(world: World, index: number, disk: Disk) {
    super(world, `0_${index}`, disk)
    const { positions, metadata } = world.committedOf(this.id)
    this.#inputs = (world.tasks[index] ?? []).map((partition) => ({
      partition,
      position: positions[partition] ?? 0,
      fetch: undefined,
      answer: undefined,
    }))
    this.#time = new SourceTaskTime({
      aggregates: world.aggregates.map(({ name, windows }) => ({ name, ...windows })),
      metadata: this.#inputs.map((_, at) => metadata[at] ?? ''),
      clock: world.clock,
      gapMs,
    })
    const partition = index
    for (const { name } of world.aggregates) {
      const { clock } = world
      const time = this.#time
      this.contexts.set(name, new FakeContext({ partition, clock, time, state: this.state }))
    }
  }

  async start(): Promise<void> {
    for (const aggregate of this.world.aggregates) {
      const operator = new GlobalPartialOperator(specOf(aggregate))
      await operator.init(this.contexts.get(aggregate.name) as FakeContext)
      this.#operators.push(operator)
    }
  }

  async work(steps: number): Promise<void> {
    this.fetch()
    for (let step = 0; step < steps && this.isReadable; step++) this.#process()
    this.#watch()
  }

  get isReadable(): boolean {
    return this.#readable().length > 0
  }

  /** One step of each fetch: sent, served, answered; time may pass in between. */
  fetch(): void {
    const { clock } = this.world
    for (const input of this.#inputs) {
      if (input.fetch === undefined) input.fetch = { sentAt: clock.now(), served: undefined }
      else if (input.fetch.served === undefined) {
        if (!this.world.isOut) input.fetch.served = this.world.highWatermark(input.partition)
      } else {
        const { sentAt, served: highWatermark } = input.fetch
        input.answer = { sentAt, answeredAt: clock.now(), logStart: 0, highWatermark }
        input.fetch = undefined
      }
    }
    this.#watch()
  }

  commit(reach: number): boolean {
    this.#time.beginSeal()
    for (const operator of this.#operators) operator.flush()
    const metadata = this.#inputs.map((_, at) => this.#time.toMetadata(at, this.number))
    const changes = this.seal()
    this.#time.endSeal()
    const messages = this.world.aggregates.flatMap(({ name }) =>
      (this.contexts.get(name) as FakeContext)
        .takeSent()
        .map(({ value }) => [name, value as Uint8Array] as const)
    )
    const positions = Object.fromEntries(this.#inputs.map((one) => [one.partition, one.position]))
    const late = this.late()
    const commit = { messages, rows: [], changes, positions, metadata, late }
    const goesOn = this.finish(this.world.commit(this, commit, reach))
    if (goesOn) this.#time.committed()
    return goesOn
  }

  #readable(): readonly Input[] {
    if (this.#time.mustCommit) return []
    return this.#inputs.filter(({ position, answer }) => position < (answer?.highWatermark ?? 0))
  }

  #process(): void {
    const input = this.world.random.pick(this.#readable() as [Input, ...Input[]])
    const { partition, position } = input
    const visit = this.world.source[partition]?.[position] as Visit
    const index = this.#inputs.indexOf(input)
    for (const [at, operator] of this.#operators.entries()) {
      const { record } = [...this.contexts.values()][at] as FakeContext
      const watermark = this.#time.watermarkOf(index)
      Object.assign(record, { topic: 'visits', partition, offset: position, watermark })
      operator.process(null, visit, visit.t)
    }
    input.position += 1
    this.#time.observe(index, visit.t)
  }

  #watch(): void {
    for (const [index, { position, answer }] of this.#inputs.entries()) {
      this.#time.watch(index, position, answer)
    }
    this.#time.poll()
  }
}

/** Ends that had gone out when a task was first heard of, by aggregate and task. */
export type Cutoffs = Map<string, number | undefined>

export class FinalTask extends Task {
  readonly #positions: Record<string, number>
  readonly #operators = new Map<string, GlobalFinalOperator>()
  readonly #cutoffs: Cutoffs
  readonly #heard: Cutoffs = new Map()

  constructor(world: World, disk: Disk, cutoffs: Cutoffs) {
    super(world, '1_0', disk)
    this.#positions = { ...world.committedOf(this.id).positions }
    this.#cutoffs = cutoffs
    for (const { name } of world.aggregates) {
      const { clock } = world
      const caching = world.random.chance(0.5)
      const producerCount = world.tasks.length
      const options = { clock, caching, producerCount, state: this.state }
      this.contexts.set(name, new FakeContext(options))
    }
  }

  async start(): Promise<void> {
    for (const aggregate of this.world.aggregates) {
      const operator = new GlobalFinalOperator(specOf(aggregate))
      operator.next = {
        process: (key, value, timestamp) => {
          const { start, end } = (key as Windowed<null>).window
          const row = (value as Change<OutputRow['row']>).newValue as OutputRow['row']
          this.rows.push({ aggregate: aggregate.name, start, end, timestamp, row })
        },
      }
      await operator.init(this.contexts.get(aggregate.name) as FakeContext)
      this.#operators.set(aggregate.name, operator)
    }
  }

  /** Messages of one aggregate or another; what must come after a record comes after it. */
  async work(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      const { name } = this.world.random.pick(this.world.aggregates as [Aggregate, ...Aggregate[]])
      const context = this.contexts.get(name) as FakeContext
      if (context.hasWork) await context.step()
      else if (this.isReadable(name)) this.#process(name)
    }
  }

  async readAll(): Promise<void> {
    for (const { name } of this.world.aggregates) {
      const context = this.contexts.get(name) as FakeContext
      await context.settle()
      while (this.isReadable(name)) {
        this.#process(name)
        await context.settle()
      }
    }
  }

  isReadable(aggregate: string): boolean {
    return (this.#positions[aggregate] ?? 0) < this.world.topic(aggregate).length
  }

  commit(reach: number): boolean {
    for (const operator of this.#operators.values()) operator.flush()
    const changes = this.seal()
    const rows = this.rows
    this.rows = []
    const positions = { ...this.#positions }
    const commit = { messages: [], rows, changes, positions, metadata: [], late: this.late() }
    const outcome = this.world.commit(this, commit, reach)
    if (outcome !== 'lost') {
      for (const [key, cutoff] of this.#heard) {
        if (!this.#cutoffs.has(key)) this.#cutoffs.set(key, cutoff)
      }
    }
    return this.finish(outcome)
  }

  #process(aggregate: string): void {
    const at = this.#positions[aggregate] ?? 0
    const message = this.world.topic(aggregate)[at] as Uint8Array
    this.#positions[aggregate] = at + 1
    const producer = speaker(message)
    const key = `${aggregate}|${producer}`
    if (producer !== undefined && !this.#heard.has(key)) {
      this.#heard.set(key, this.#lastEnd(aggregate))
    }
    this.#operators.get(aggregate)?.process(null, message)
  }

  #lastEnd(aggregate: string): number | undefined {
    const rows = [...this.world.output, ...this.rows]
    return rows.findLast((row) => row.aggregate === aggregate)?.end
  }
}

const reader = new GlobalMessages(new RowAggregation('any', fields), 'any')

/** The task that has something to say: a time or a partial. */
function speaker(message: Uint8Array): number | undefined {
  let task: number | undefined
  reader.read(
    message,
    ({ producer }) => {
      task = producer
      return undefined
    },
    ({ producer, mark }) => {
      if (mark !== 'empty') task = producer
    }
  )
  return task
}
