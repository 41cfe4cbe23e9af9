/**
 * Windows with a key that close by watermark, against a recount: in the source tasks themselves,
 * and behind a repartition topic. Tasks read their partitions in any order, commit at any time, and
 * fall back to their last commit. `SEED` repeats a run.
 */
import { expect, test } from 'vitest'
import { count } from '../../src/aggregators/aggregators.ts'
import { present } from '../../src/assert.ts'
import { ManualClock } from '../../src/clock.ts'
import { makeAggregation } from '../../src/operators/aggregation.ts'
import { combinedSerde } from '../../src/operators/combined.ts'
import { CombiningSinkOperator } from '../../src/operators/combining-sink.ts'
import { RepartitionSinkOperator } from '../../src/operators/repartition-sink.ts'
import type { WindowedAggregateSpec } from '../../src/operators/specs.ts'
import { WindowedAggregateOperator } from '../../src/operators/windowed-aggregate.ts'
import type { Change } from '../../src/processor/change.ts'
import type { Operator } from '../../src/processor/operator.ts'
import { SourceTaskTime } from '../../src/runtime/task-time.ts'
import type { Serde } from '../../src/serde/serde.ts'
import type { Emission, Windowed } from '../../src/windows/windows.ts'
import { text, windowedSpec } from '../operators/windowed-fixture.ts'
import { Random, seedOfRun } from '../support/random.ts'
import type { Sent } from './fake-context.ts'
import { FakeContext } from './fake-context.ts'
import { FakeState } from './fake-state.ts'

interface Event {
  readonly t: number
  readonly key: string
}

interface Row {
  /** By its own marks, each task has rows of its own. */
  readonly task: number
  readonly key: string
  readonly end: number
  readonly n: number
}

const seed = seedOfRun()
const sourceTasks = [[0, 1], [2]]
const partitions = 2

type Mode = 'own' | 'topic' | 'combined'

test.each(['own', 'topic', 'combined'] as const)(
  'rows are what a recount says: %s',
  async (mode) => {
    for (let life = 0; life < 60; life++) {
      const random = new Random((seed + life) * 7_919)
      const [rows, expected] = await live(random, mode)
      expect(rows, `SEED=${seed + life}`).toEqual(expected)
    }
  }
)

async function live(
  random: Random,
  mode: Mode
): Promise<readonly [rows: readonly string[], expected: readonly string[]]> {
  const emission = random.pick<Emission>(['final', 'updates'])
  const shape = random.pick<readonly [number, number, number]>([
    [10, 10, 0],
    [12, 4, 4],
    [10, 4, 2],
  ])
  const plan = { kind: 'named', aggregators: { n: count() } } as const
  const watermarks = mode === 'own' ? mode : { topic: 'by-key' }
  const isCombined = mode === 'combined'
  const spec = windowedSpec(shape, emission, { plan, watermarks, isCombined })
  const events = [0, 1, 2].map(() => makeEvents(random))
  const sources = sourceTasks.map(
    (_, index) => new Source(random, events, index, mode === 'own' ? spec : undefined, spec)
  )
  const topic = Array.from({ length: partitions }, (): Sent[] => [])
  const sinks = mode === 'own' ? [] : topic.map((log) => new Final(random, log, spec))
  for (let step = 0; step < 200; step++) {
    const chance = random.next()
    const task = random.pick<Source | Final>([sources[0] as Source, ...sources, ...sinks])
    if (chance < 0.7) await task.work()
    else if (chance < 0.95) await commit(task, topic)
    else await task.restart()
  }
  for (const source of sources) {
    while (source.canWork) await source.work()
    for (let turn = 0; turn < 2; turn++) await commit(source, topic)
  }
  for (const sink of sinks) {
    while (sink.canWork) await sink.work()
    await commit(sink, topic)
  }
  const rows = [...sources, ...sinks].flatMap(({ output }) => output)
  const expected = recount(spec, events, mode)
  return [shown(rows, emission), shown(expected, 'final')]
}

function makeEvents(random: Random): Event[] {
  let t = 20 + random.below(20)
  return Array.from({ length: 1 + random.below(14) }, () => {
    t += random.below(random.chance(0.2) ? 30 : 4)
    return { t: Math.max(0, t - random.below(12)), key: random.pick(['a', 'b', 'c', 'd']) }
  })
}

/** With updates the last row of a window, whether it has closed or not. */
function shown(rows: readonly Row[], emission: string): string[] {
  const last = new Map(rows.map((row) => [`${row.task} ${row.key} ${row.end}`, row]))
  const chosen = emission === 'updates' ? [...last.values()] : rows
  return chosen.map(({ key, end, n }) => `${key} ${end} ${n}`).sort()
}

function recount(
  spec: WindowedAggregateSpec,
  events: readonly (readonly Event[])[],
  mode: Mode
): readonly Row[] {
  const { sizeMs, advanceMs, graceMs, emission } = spec.windows
  const counts = new Map<string, Row>()
  const marks = sourceTasks.map((task) =>
    Math.min(...task.map((p) => Math.max(...(events[p] ?? []).map(({ t }) => t))))
  )
  for (const [task, sources] of sourceTasks.entries()) {
    const closing = mode === 'own' ? (marks[task] ?? 0) : Math.min(...marks)
    for (const partition of sources) {
      let watermark = Number.NEGATIVE_INFINITY
      for (const { t, key } of events[partition] ?? []) {
        for (let start = 0; start <= t; start += advanceMs) {
          const end = start + sizeMs
          if (end <= t || end + graceMs <= watermark) continue
          if (emission === 'final' && end + graceMs > closing) continue
          const owner = mode === 'own' ? task : 0
          const id = `${owner} ${key} ${end}`
          counts.set(id, { task: owner, key, end, n: (counts.get(id)?.n ?? 0) + 1 })
        }
        watermark = Math.max(watermark, t)
      }
    }
  }
  return [...counts.values()]
}

/** What goes through the topic where records are combined before it. */
function partsOf({ name, plan }: WindowedAggregateSpec): Serde<unknown> {
  return combinedSerde('parts', makeAggregation(name, plan), true) as Serde<unknown>
}

/** A task that falls back to its last commit, and commits whole or not at all. */
abstract class Task {
  output: Row[] = []
  protected rows: Row[] = []
  protected context!: FakeContext
  protected operator!: Operator
  protected state = new FakeState()
  protected readonly random: Random

  constructor(random: Random) {
    this.random = random
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
        const { n } = (change as Change<{ n: number }>).newValue as { n: number }
        this.rows.push({ task: this.owner, key, end: window.end, n })
      },
    }
    await operator.init(context)
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

function commit(task: Task, topic: Sent[][]): Promise<void> {
  return task.commit(topic)
}

class Source extends Task {
  readonly #events: readonly (readonly Event[])[]
  readonly #index: number
  readonly #own: WindowedAggregateSpec | undefined
  readonly #spec: WindowedAggregateSpec
  #committed: { positions: number[]; metadata: string[] }
  #positions: number[] = []
  #time!: SourceTaskTime

  constructor(
    random: Random,
    events: readonly (readonly Event[])[],
    index: number,
    own: WindowedAggregateSpec | undefined,
    spec: WindowedAggregateSpec
  ) {
    super(random)
    this.#events = events
    this.#index = index
    this.#own = own
    this.#spec = spec
    const inputs = sourceTasks[index] ?? []
    this.#committed = { positions: inputs.map(() => 0), metadata: inputs.map(() => '') }
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
    if (readable.length === 0) return
    const input = this.random.pick(readable as [number, ...number[]])
    const partition = sourceTasks[this.#index]?.[input] ?? 0
    const offset = this.#positions[input] ?? 0
    const { t, key } = present(this.#events[partition]?.[offset], 'an event that is readable')
    await this.context.settle()
    const watermark = this.#time.watermarkOf(input)
    Object.assign(this.context.record, { topic: 'in', partition, offset, watermark })
    this.operator.process(key, 'x', t)
    this.#positions[input] = offset + 1
    this.#time.observe(input, t)
    await this.context.settle()
  }

  async restart(): Promise<void> {
    const { positions, metadata } = this.#committed
    this.#positions = [...positions]
    const { windows, name } = this.#spec
    const clock = new ManualClock(0)
    const aggregates = [{ name, ...windows }]
    this.#time = new SourceTaskTime({ aggregates, metadata, clock })
    this.state = new FakeState(this.state.entries)
    const options = { partition: this.#index, partitionCount: partitions }
    const world = { clock, time: this.#time, state: this.state }
    const context = new FakeContext({ ...options, ...world, caching: true })
    const operator =
      this.#own === undefined ? this.#sink() : new WindowedAggregateOperator(this.#own)
    await this.start(operator, context)
  }

  #sink(): Operator {
    const { isCombined, name, plan, windows } = this.#spec
    const through = { topic: 'by-key', key: text, marksOf: name }
    if (isCombined !== true) return new RepartitionSinkOperator({ ...through, value: text })
    const limits = { partsMax: this.random.pick([2, 1_000]) }
    const spec = { ...through, value: partsOf(this.#spec), name, plan, windows }
    return new CombiningSinkOperator(spec, limits)
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

  #readable(): number[] {
    const inputs = sourceTasks[this.#index] ?? []
    return [...inputs.keys()].filter(
      (input) => (this.#positions[input] ?? 0) < (this.#events[inputs[input] ?? 0]?.length ?? 0)
    )
  }
}

class Final extends Task {
  readonly #log: readonly Sent[]
  readonly #spec: WindowedAggregateSpec
  #committed = 0
  #position = 0

  constructor(random: Random, log: readonly Sent[], spec: WindowedAggregateSpec) {
    super(random)
    this.#log = log
    this.#spec = spec
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
    const isPart = sent.value !== null && this.#spec.isCombined === true
    const value = isPart ? partsOf(this.#spec).deserialize(sent.value) : sent.value
    this.operator.process(key, value, sent.timestamp)
    this.#position += 1
    await this.context.settle()
  }

  async restart(): Promise<void> {
    this.#position = this.#committed
    this.state = new FakeState(this.state.entries)
    const producerCount = sourceTasks.length
    const context = new FakeContext({ producerCount, state: this.state })
    await this.start(new WindowedAggregateOperator(this.#spec), context)
    await context.settle()
  }

  override async commit(topic: Sent[][]): Promise<void> {
    if (this.context === undefined) await this.restart()
    await super.commit(topic)
  }

  freeze(): void {
    this.#committed = this.#position
  }
}
