/** Windows with a key, on a grid or made by records, against a recount of all records. */
import { count } from '../../src/aggregators/aggregators.ts'
import { makeAggregation } from '../../src/operators/aggregation.ts'
import { combinedSerde } from '../../src/operators/combined.ts'
import { CombiningSinkOperator } from '../../src/operators/combining-sink.ts'
import { SessionAggregateOperator } from '../../src/operators/session-aggregate.ts'
import { SlidingAggregateOperator } from '../../src/operators/sliding-aggregate.ts'
import type { Watermarks } from '../../src/operators/specs.ts'
import { WindowedAggregateOperator } from '../../src/operators/windowed-aggregate.ts'
import type { Serde } from '../../src/serde/serde.ts'
import type { Emission } from '../../src/windows/windows.ts'
import { text, windowedSpec } from '../operators/windowed-fixture.ts'
import type { Random } from '../support/random.ts'
import {
  type Content,
  type Event,
  type KeyedAggregate,
  type KeyedRow,
  liveKeyed,
  type Mode,
  sourceTasks,
} from './keyed-life.ts'
import type { Property } from './properties.ts'

interface Shape {
  /** What is late for all of its windows, or for some of them: which ones are left. */
  countsFor(event: Event, watermark: number): (end: number) => boolean
  /** Windows of the events of one key, whatever they count for. */
  windowsOf(events: readonly Event[]): readonly (readonly [start: number, end: number])[]
  /** Both ends belong to it, or only its start. */
  holds(start: number, end: number, t: number): boolean
  isClosed(end: number, watermark: number): boolean
}

interface Kind extends Shape, KeyedAggregate {
  readonly emission: Emission
  /** How far behind the last record its windows have closed. */
  readonly reachMs: number
}

type Make = (random: Random, emission: Emission, mode: Mode) => Kind

const plan = { kind: 'named', aggregators: { n: count() } } as const
const common = { name: 'n', key: text, plan, logged: true } as const

const onGrid: Make = (random, emission, mode) => {
  const shape = random.pick<readonly [number, number, number]>([
    [10, 10, 0],
    [12, 4, 4],
    [10, 4, 2],
  ])
  const [sizeMs, advanceMs, graceMs] = shape
  const isCombined = mode === 'combined'
  const specOf = (watermarks: Watermarks) =>
    windowedSpec(shape, emission, { plan, watermarks, isCombined })
  const value = combinedSerde('parts', makeAggregation('n', plan), true) as Serde<unknown>
  return {
    emission,
    combined: {
      value,
      makeSink(topic, partsMax) {
        const { name, windows } = specOf({ topic })
        const spec = { name, plan, windows, topic, key: text, value, marksOf: name }
        return new CombiningSinkOperator(spec, { partsMax })
      },
    },
    reachMs: sizeMs + graceMs,
    timed: { name: 'n', sizeMs, advanceMs, graceMs, idleMs: 8 },
    make: (watermarks) => new WindowedAggregateOperator(specOf(watermarks)),
    countsFor: (_, watermark) => (end) => end + graceMs > watermark,
    windowsOf: (events) =>
      [...new Set(events.flatMap(({ t }) => startsOf(t, sizeMs, advanceMs)))].map((start) => [
        start,
        start + sizeMs,
      ]),
    holds: (start, end, t) => t >= start && t < end,
    isClosed: (end, watermark) => end + graceMs <= watermark,
  }
}

function startsOf(t: number, sizeMs: number, advanceMs: number): readonly number[] {
  const starts: number[] = []
  for (let start = 0; start <= t; start += advanceMs) if (start + sizeMs > t) starts.push(start)
  return starts
}

/** A record counts for all of its windows or none, which wait for the last that can be in time. */
function byRecords(lengthMs: number, graceMs: number) {
  return {
    reachMs: 2 * lengthMs + graceMs,
    timed: { name: 'n', reachMs: 2 * lengthMs + graceMs, idleMs: 8 },
    countsFor: ({ t }: Event, watermark: number) => {
      const isInTime = t + lengthMs + graceMs >= watermark
      return () => isInTime
    },
    holds: (start: number, end: number, t: number) => t >= start && t <= end,
    isClosed: (end: number, watermark: number) => end + lengthMs + graceMs < watermark,
  }
}

const inSessions: Make = (random, emission) => {
  const [gapMs, graceMs] = random.pick<readonly [number, number]>([
    [6, 0],
    [4, 5],
    [9, 2],
  ])
  const rest = byRecords(gapMs, graceMs)
  const windows = { gapMs, graceMs, idleMs: 8, emission, emitIntervalMs: 0 }
  return {
    ...rest,
    emission,
    make: (watermarks) =>
      new SessionAggregateOperator({
        ...common,
        watermarks,
        windows: { ...windows, shape: 'session' },
      }),
    isClosed: (end, watermark) => rest.isClosed(end, watermark - gapMs),
    windowsOf(events) {
      const found: [start: number, end: number][] = []
      for (const { t } of events.toSorted((a, b) => a.t - b.t)) {
        const last = found.at(-1)
        if (last === undefined || t - last[1] > gapMs) found.push([t, t])
        else last[1] = t
      }
      return found
    },
  }
}

const inSliding: Make = (random, emission) => {
  const [spanMs, graceMs] = random.pick<readonly [number, number]>([
    [6, 0],
    [4, 5],
    [9, 2],
  ])
  const windows = { spanMs, graceMs, idleMs: 8, emission, emitIntervalMs: 0 }
  return {
    ...byRecords(spanMs, graceMs),
    emission,
    make: (watermarks) =>
      new SlidingAggregateOperator({
        ...common,
        watermarks,
        windows: { ...windows, shape: 'sliding' },
      }),
    windowsOf: (events) =>
      [...new Set(events.flatMap(({ t }) => [t - spanMs, t + 1]))]
        .filter((start) => events.some(({ t }) => t >= start && t <= start + spanMs))
        .map((start) => [start, start + spanMs]),
  }
}

/** Records of a partition, in some disorder, none of them before the first windows. */
function makeEvents(random: Random): Event[] {
  let t = 30 + random.below(20)
  return Array.from({ length: 1 + random.below(14) }, () => {
    t += random.below(random.chance(0.2) ? 30 : 4)
    return { t: t - random.below(12), key: random.pick(['a', 'b', 'c', 'd']) }
  })
}

function recount(kind: Kind, content: Content, mode: Mode, isAllClosed: boolean): string[] {
  const marks = sourceTasks.map((task) =>
    Math.min(...task.map((p) => Math.max(...(content[p] ?? []).map(({ t }) => t))))
  )
  const rows: string[] = []
  const owners = mode === 'own' ? sourceTasks : [sourceTasks.flat()]
  for (const [owner, inputs] of owners.entries()) {
    const closing = mode === 'own' ? (marks[owner] ?? 0) : Math.min(...marks)
    const judged = inputs.flatMap((input) => judge(kind, content[input] ?? []))
    for (const key of ['a', 'b', 'c', 'd']) {
      const own = judged.filter(({ event }) => event.key === key)
      const inTime = own.filter(({ counts }) => counts(Number.POSITIVE_INFINITY))
      for (const [start, end] of kind.windowsOf(inTime.map(({ event }) => event))) {
        const inside = own.filter(({ event, counts }) => {
          return kind.holds(start, end, event.t) && counts(end)
        })
        if (inside.length === 0) continue
        if (kind.emission === 'final' && !isAllClosed && !kind.isClosed(end, closing)) continue
        rows.push(`${owner} ${key} ${start}..${end} ${inside.length}`)
      }
    }
  }
  return rows.sort()
}

/** Each record with the windows that it counts for, by the greatest time before it. */
function judge(kind: Kind, events: readonly Event[]) {
  let watermark = Number.NEGATIVE_INFINITY
  return events.map((event) => {
    const counts = kind.countsFor(event, watermark)
    watermark = Math.max(watermark, event.t)
    return { event, counts }
  })
}

/** With updates the last row of a window, whether it has closed or not; gone ones are gone. */
function shown(rows: readonly KeyedRow[], emission: Emission): string[] {
  const last = new Map(rows.map((row) => [`${row.task} ${row.key} ${row.start} ${row.end}`, row]))
  const chosen = emission === 'updates' ? [...last.values()] : rows
  return chosen
    .filter(({ row }) => row !== null)
    .map(({ task, key, start, end, row }) => {
      return `${task} ${key} ${start}..${end} ${(row as { readonly n: number }).n}`
    })
    .sort()
}

function property(make: Make, rests: boolean, ways: readonly [Mode, ...Mode[]]): Property {
  return async (random) => {
    const mode = random.pick(ways)
    const kind = make(random, random.pick<Emission>(['final', 'updates']), mode)
    const content = sourceTasks.flat().map(() => makeEvents(random))
    const restMs = kind.reachMs + 60
    const options = { mode, content, aggregate: kind, ...(rests ? { restMs } : {}) }
    const rows = shown(await liveKeyed(random, options), kind.emission)
    const wanted = recount(kind, content, mode, rests)
    if (rows.join('\n') === wanted.join('\n')) return undefined
    return `${mode}, ${kind.emission}: expected ${wanted.join(', ')}, got ${rows.join(', ')}`
  }
}

const ways: readonly [Mode, ...Mode[]] = ['own', 'topic']
const allWays: readonly [Mode, ...Mode[]] = ['own', 'topic', 'combined']

export const keyedProperties = {
  keyedGrids: property(onGrid, false, allWays),
  keyedSessions: property(inSessions, false, ways),
  keyedSliding: property(inSliding, false, ways),
  silentGrids: property(onGrid, true, allWays),
  silentSessions: property(inSessions, true, ways),
  silentSliding: property(inSliding, true, ways),
} as const satisfies Readonly<Record<string, Property>>
