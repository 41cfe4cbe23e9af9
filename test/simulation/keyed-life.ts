/**
 * Lives of windows with a key that close by watermark: in the source tasks themselves, or behind a
 * repartition topic. Tasks read their partitions in any order, commit at any time, and fall back to
 * their last commit; in the end there may be silence.
 */
import { present } from '../../src/assert.ts'
import { ManualClock } from '../../src/clock.ts'
import { RepartitionSinkOperator } from '../../src/operators/repartition-sink.ts'
import type { Watermarks } from '../../src/operators/specs.ts'
import type { Change } from '../../src/processor/change.ts'
import type { Operator } from '../../src/processor/operator.ts'
import { SourceTaskTime } from '../../src/runtime/task-time.ts'
import type { Serde } from '../../src/serde/serde.ts'
import type { TimedAggregateSpec } from '../../src/topology/topology.ts'
import type { Windowed } from '../../src/windows/windows.ts'
import { text } from '../operators/windowed-fixture.ts'
import type { Random } from '../support/random.ts'
import type { Sent } from './fake-context.ts'
import { FakeContext } from './fake-context.ts'
import { FakeState } from './fake-state.ts'

export interface Event {
  readonly t: number
  readonly key: string
}

/** Of each source partition. */
export type Content = readonly (readonly Event[])[]

export interface KeyedRow {
  /** By its own marks, each task has rows of its own. */
  readonly task: number
  readonly key: string
  readonly start: number
  readonly end: number
  /** As the aggregate has it; null: the window has gone. */
  readonly row: unknown
}

/** Combined: one record for many goes through the topic. */
export type Mode = 'own' | 'topic' | 'combined'

/** What windows are aggregated, and when they close. */
export interface KeyedAggregate {
  readonly timed: TimedAggregateSpec
  make(watermarks: Watermarks): Operator
  /** Where records are combined before the topic: what does so, and what is read behind it. */
  readonly combined?: {
    makeSink(topic: string, partsMax: number): Operator
    readonly value: Serde<unknown>
  }
}

export const sourceTasks: readonly (readonly number[])[] = [[0, 1], [2]]
const partitions = 2
const topicName = 'by-key'
/** An outage is what lasts longer than this; fetches come more often. */
const gapMs = 15

export interface KeyedLifeOptions {
  readonly mode: Mode
  readonly content: Content
  readonly aggregate: KeyedAggregate
  /** Everything is silent in the end, and seen to be, for so long. */
  readonly restMs?: number
}

/** All rows that were committed, in their order. */
export async function liveKeyed(
  random: Random,
  options: KeyedLifeOptions
): Promise<readonly KeyedRow[]> {
  const { mode, content, restMs } = options
  const clock = new ManualClock(100)
  const world: KeyedWorld = { ...options, random, clock }
  const sources = sourceTasks.map((_, index) => new Source(world, index))
  const topic = Array.from({ length: partitions }, (): Sent[] => [])
  const sinks = mode === 'own' ? [] : topic.map((log) => new Final(world, log))
  for (let step = 0; step < 200; step++) {
    const chance = random.next()
    const task = random.pick<Source | Final>([sources[0] as Source, ...sources, ...sinks])
    if (chance < 0.7) await task.work()
    else if (chance < 0.93) await task.commit(topic)
    else if (chance < 0.95) clock.advance(random.below(12))
    else await task.restart()
  }
  const readAll = async (): Promise<void> => {
    for (const source of sources) {
      while (source.canWork) await source.work()
      for (let turn = 0; turn < 2; turn++) await source.commit(topic)
    }
    for (const sink of sinks) {
      while (sink.canWork) await sink.work()
      await sink.commit(topic)
    }
  }
  await readAll()
  const latest = Math.max(clock.now(), ...content.flat().map(({ t }) => t))
  while (restMs !== undefined && clock.now() < latest + restMs) {
    clock.advance(random.below(6))
    for (const source of sources) source.listen()
    if (random.chance(0.1)) await random.pick([sources[0] as Source, ...sources]).restart()
    await readAll()
  }
  return [...sources, ...sinks].flatMap(({ output }) => output)
}

interface KeyedWorld extends KeyedLifeOptions {
  readonly random: Random
  readonly clock: ManualClock
}

/** A task that falls back to its last commit, and commits whole or not at all. */
abstract class Task {
  output: KeyedRow[] = []
  protected readonly world: KeyedWorld
  protected rows: KeyedRow[] = []
  protected context!: FakeContext
  protected operator!: Operator
  protected state = new FakeState()

  constructor(world: KeyedWorld) {
    this.world = world
  }

  abstract readonly canWork: boolean
  protected abstract readonly owner: number
  abstract work(): Promise<void>
  abstract restart(): Promise<void>
  abstract freeze(): void

  protected async start(operator: Operator, context: FakeContext): Promise<void> {
    this.rows = []
    this.context = context
    this.operator = operator
    operator.next = {
      process: (windowed, change) => {
        const { key, window } = windowed as Windowed<string>
        const { newValue: row } = change as Change<unknown>
        this.rows.push({ task: this.owner, key, ...window, row })
      },
    }
    await operator.init(context)
    await context.settle()
  }

  async commit(topic: Sent[][]): Promise<void> {
    await this.context.settle()
    this.operator.flush()
    this.state.seal()
    this.freeze()
    for (const sent of this.context.takeSent()) topic[sent.partition]?.push(sent)
    this.output.push(...this.rows)
    this.rows = []
    this.operator.committed()
    await this.context.settle()
  }
}

class Source extends Task {
  readonly #index: number
  readonly #inputs: readonly number[]
  #committed: { positions: number[]; metadata: string[] }
  #positions: number[] = []
  #time!: SourceTaskTime

  constructor(world: KeyedWorld, index: number) {
    super(world)
    this.#index = index
    this.#inputs = sourceTasks[index] ?? []
    this.#committed = {
      positions: this.#inputs.map(() => 0),
      metadata: this.#inputs.map(() => ''),
    }
  }

  get canWork(): boolean {
    return this.#readable().length > 0
  }

  protected get owner(): number {
    return this.#index
  }

  async work(): Promise<void> {
    if (this.#time === undefined) await this.restart()
    const readable = this.#readable()
    if (readable.length === 0 || this.#time.mustCommit) return
    const input = this.world.random.pick(readable as [number, ...number[]])
    const partition = this.#inputs[input] ?? 0
    const offset = this.#positions[input] ?? 0
    const { t, key } = present(this.#eventsOf(input)[offset], 'an event that is readable')
    await this.context.settle()
    const watermark = this.#time.watermarkOf(input)
    Object.assign(this.context.record, { topic: 'in', partition, offset, watermark })
    this.operator.process(key, 'x', t)
    this.#positions[input] = offset + 1
    this.#time.observe(input, t)
    await this.context.settle()
  }

  /** A fetch is sent, and answered at once. */
  listen(): void {
    const now = this.world.clock.now()
    for (const input of this.#inputs.keys()) {
      const highWatermark = this.#eventsOf(input).length
      const answer = { sentAt: now, answeredAt: now, logStart: 0, highWatermark }
      this.#time.watch(input, this.#positions[input] ?? 0, answer)
    }
    this.#time.poll()
  }

  async restart(): Promise<void> {
    const { mode, aggregate, clock } = this.world
    const { positions, metadata } = this.#committed
    this.#positions = [...positions]
    const { timed } = aggregate
    this.#time = new SourceTaskTime({ aggregates: [timed], metadata, clock, gapMs })
    this.state = new FakeState(this.state.entries)
    const options = { partition: this.#index, partitionCount: partitions }
    const world = { clock, time: this.#time, state: this.state }
    const context = new FakeContext({ ...options, ...world, caching: true })
    await this.start(mode === 'own' ? aggregate.make('own') : this.#sink(), context)
  }

  #sink(): Operator {
    const { mode, aggregate, random } = this.world
    const sink = { topic: topicName, key: text, value: text, marksOf: aggregate.timed.name }
    if (mode !== 'combined') return new RepartitionSinkOperator(sink)
    const combined = present(aggregate.combined, 'a way to combine records')
    return combined.makeSink(topicName, random.pick([2, 1_000]))
  }

  override async commit(topic: Sent[][]): Promise<void> {
    if (this.#time === undefined) await this.restart()
    await this.context.settle()
    this.#time.beginSeal()
    await super.commit(topic)
  }

  freeze(): void {
    const metadata = this.#positions.map((_, input) => this.#time.toMetadata(input, 1))
    this.#committed = { positions: [...this.#positions], metadata }
    this.#time.endSeal()
    this.#time.committed()
  }

  #eventsOf(input: number): readonly Event[] {
    return this.world.content[this.#inputs[input] ?? 0] ?? []
  }

  #readable(): number[] {
    return [...this.#inputs.keys()].filter(
      (input) => (this.#positions[input] ?? 0) < this.#eventsOf(input).length
    )
  }
}

class Final extends Task {
  readonly #log: readonly Sent[]
  #committed = 0
  #position = 0

  constructor(world: KeyedWorld, log: readonly Sent[]) {
    super(world)
    this.#log = log
  }

  get canWork(): boolean {
    return this.#position < this.#log.length
  }

  protected get owner(): number {
    return 0
  }

  async work(): Promise<void> {
    if (this.context === undefined) await this.restart()
    const sent = this.#log[this.#position]
    if (sent === undefined) return
    await this.context.settle()
    Object.assign(this.context.record, { offset: this.#position, headers: sent.headers })
    const key = sent.key && Buffer.from(sent.key).toString()
    const { mode, aggregate } = this.world
    const parts = mode === 'combined' ? aggregate.combined?.value : undefined
    const value = sent.value === null ? null : (parts?.deserialize(sent.value) ?? sent.value)
    this.operator.process(key, value, sent.timestamp)
    this.#position += 1
    await this.context.settle()
  }

  async restart(): Promise<void> {
    this.#position = this.#committed
    this.state = new FakeState(this.state.entries)
    const producerCount = sourceTasks.length
    const context = new FakeContext({ producerCount, state: this.state })
    await this.start(this.world.aggregate.make({ topic: topicName }), context)
  }

  override async commit(topic: Sent[][]): Promise<void> {
    if (this.context === undefined) await this.restart()
    await super.commit(topic)
  }

  freeze(): void {
    this.#committed = this.#position
  }
}
