/**
 * What must hold for windows without a key, whatever happens to the processes. Each property lives
 * one random life and answers a fault, or nothing.
 */
import type { Random } from '../support/random.ts'
import { Life, makeAggregates, makeContent } from './life.ts'
import type { Counts, ExpectedRow } from './recount.ts'
import { dataUntil, lateRecords, recount } from './recount.ts'
import type { Aggregate, OutputRow, Visit, WorldOptions } from './world.ts'
import { World } from './world.ts'

export type Guarantee = WorldOptions['guarantee']
export type Property = (random: Random, guarantee: Guarantee) => Promise<string | undefined>

type Content = Parameters<typeof makeContent>[1]

const always: Counts = () => true
const inTime: Counts = ({ windows }, _visit, _partition, watermark, end) =>
  end + windows.graceMs > watermark

function makeWorld(
  random: Random,
  guarantee: Guarantee,
  options: Omit<Content, 'partitions' | 'aggregates'> & {
    readonly aggregates: readonly Aggregate[]
    readonly tasks?: readonly (readonly number[])[]
  }
): World {
  const partitions = options.tasks?.flat().length ?? 1 + random.below(4)
  const content = makeContent(random, { ...options, partitions })
  const tasks = options.tasks ?? makeTasks(random, partitions, options.arrival !== 'late-start')
  const { aggregates, outages = [] } = options
  return new World({ aggregates, partitions: content, tasks, guarantee, random, outages })
}

/** Mostly one partition each; some tasks read two or more. */
function makeTasks(random: Random, partitions: number, mayShare: boolean): readonly number[][] {
  const tasks: number[][] = []
  for (let partition = 0; partition < partitions; partition++) {
    if (partition > 0 && mayShare && random.chance(0.3)) tasks.at(-1)?.push(partition)
    else tasks.push([partition])
  }
  return tasks
}

/** The last row of each end; a fault if a final row came twice (or twice with other values). */
function rowsOf(world: World, { name, windows }: Aggregate): Map<number, OutputRow> | string {
  const rows = new Map<number, OutputRow>()
  for (const row of world.output.filter(({ aggregate }) => aggregate === name)) {
    const before = rows.get(row.end)
    if (before !== undefined && windows.emission === 'final') {
      if (world.guarantee === 'exactly-once') return `${name}: row ${row.end} came twice`
      if (show(before.row) !== show(row.row)) return `${name}: row ${row.end} came twice, changed`
    }
    if (windows.emission === 'final' && row.timestamp !== row.end) return `${name}: wrong time`
    // At least once, an update of a dead owner may come after newer ones; none says more.
    const isOld =
      world.guarantee === 'at-least-once' && Number(before?.row['n']) > Number(row.row['n'])
    if (!isOld) rows.set(row.end, row)
  }
  return rows
}

/** Exactly these rows, and final ones in order. */
function compare(
  world: World,
  counts: Counts,
  untilOf: (aggregate: Aggregate) => number
): string | undefined {
  for (const aggregate of world.aggregates) {
    const { name, windows } = aggregate
    const until = untilOf(aggregate)
    const rows = rowsOf(world, aggregate)
    if (typeof rows === 'string') return rows
    const expected = recount(aggregate, world.source, counts, until).filter(
      ({ row }) => windows.emptyWindows || row['n'] !== 0
    )
    for (const { end, row } of expected) {
      const found = rows.get(end)?.row
      if (found === undefined || show(found) !== show(row)) {
        return `${name} before ${end}: expected ${show(row)}, got ${show(found)}`
      }
    }
    const ends = [...rows.keys()]
    if (windows.emission === 'final') {
      if (ends.length !== expected.length) return `${name}: rows ${ends}, until ${until}`
      if (ends.some((end, at) => at > 0 && end < (ends[at - 1] ?? end))) return `${name}: disorder`
    }
  }
  return undefined
}

function show(row: unknown): string {
  return JSON.stringify(row, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : value
  )
}

/** Late records at the final task: exact where every change is sent at once, else at most. */
function compareLateAtFinal(
  world: World,
  expectedOf: (aggregate: Aggregate) => number
): string | undefined {
  for (const aggregate of world.aggregates) {
    const { name, windows } = aggregate
    const late = world.committedOf('1_0').late[name] ?? 0
    const expected = expectedOf(aggregate)
    const isWrong = windows.emission === 'updates' ? late !== expected : late > expected
    if (isWrong) return `${name}: ${late} late at the final task, expected ${expected}`
  }
  return undefined
}

/** All in time: the plain recount. */
export const recounts: Property = async (random, guarantee) => {
  const aggregates = makeAggregates(random, { isIdle: false, maySkip: true })
  const world = makeWorld(random, guarantee, { aggregates, order: 'in-time', arrival: 'at-once' })
  await new Life(world).live({ stride: 2 })
  const until = (aggregate: Aggregate): number => dataUntil(aggregate, world.source)
  return compare(world, always, until) ?? compareLateAtFinal(world, () => 0)
}

/** Late records are late per window, decided at entry; the counters are exact. */
export const latecomers: Property = async (random, guarantee) => {
  const aggregates = makeAggregates(random, { isIdle: false, maySkip: true })
  const world = makeWorld(random, guarantee, { aggregates, order: 'late', arrival: 'at-once' })
  await new Life(world).live({ stride: 2 })
  const fault = compare(world, inTime, (aggregate) => dataUntil(aggregate, world.source))
  if (fault !== undefined) return fault
  for (const aggregate of aggregates) {
    const { name } = aggregate
    const { atEntry } = lateRecords(aggregate, world.source)
    const counted = world.tasks.reduce(
      (total, _, index) => total + (world.committedOf(`0_${index}`).late[name] ?? 0),
      0
    )
    if (counted !== atEntry) return `${name}: ${counted} late, expected ${atEntry}`
  }
  return undefined
}

/** Partitions that begin empty neither block nor disturb; only their own first records may miss. */
export const emptyStarts: Property = async (random) => {
  const aggregates = makeAggregates(random, { isIdle: false, emission: 'final' })
  const world = makeWorld(random, 'exactly-once', {
    aggregates,
    order: 'late',
    arrival: 'late-start',
  })
  const life = new Life(world)
  await life.live({ stride: 4, steps: 250 })
  const cutoff = ({ name }: Aggregate, partition: number): number =>
    life.cutoffs.get(`${name}|${partition}`) ?? Number.NEGATIVE_INFINITY
  const counts: Counts = (aggregate, visit, partition, watermark, end) =>
    inTime(aggregate, visit, partition, watermark, end) && end > cutoff(aggregate, partition)
  const until = (aggregate: Aggregate): number =>
    Math.max(
      dataUntil(aggregate, world.source),
      ...world.source.map((_, partition) => cutoff(aggregate, partition))
    )
  const gone = (aggregate: Aggregate): number =>
    lateRecords(aggregate, world.source, (_, p, lastEnd) => lastEnd <= cutoff(aggregate, p)).too
  return compare(world, counts, until) ?? compareLateAtFinal(world, gone)
}

/** A task that reads two partitions, in another order after each crash. */
export const groupedPartitions: Property = async (random, guarantee) => {
  const aggregates = makeAggregates(random, { isIdle: false })
  const world = makeWorld(random, guarantee, {
    aggregates,
    order: 'in-time',
    arrival: 'at-once',
    hasSilentPartitions: false,
    records: 9,
    tasks: [[0, 1], [2]],
  })
  await new Life(world).live({ stride: 2, steps: 220 })
  return compare(world, always, (aggregate) => dataUntil(aggregate, world.source))
}

/** 24 h every 30 min by panes: the hopping window, directly. */
export const wholeDays: Property = async (random, guarantee) => {
  const minute = 60_000
  const windows = {
    shape: 'hopping',
    emission: 'final',
    sizeMs: 1_440 * minute,
    advanceMs: 30 * minute,
    graceMs: 30_000,
    idleMs: null,
    emptyWindows: true,
  } as const
  const partitions = [0, 1].map(() => {
    let t = 1.7e12 + random.below(1e7)
    return Array.from({ length: 12 }, (): Visit => {
      t += random.below(150 * minute)
      const isOrder = random.chance(0.5)
      const price = isOrder ? 1 + random.below(9) : 0
      return { t, session: `s${random.below(4)}`, isOrder, price, at: 0 }
    })
  })
  const aggregates = [{ name: 'day', windows }]
  const tasks = [[0], [1]]
  const world = new World({ aggregates, partitions, tasks, guarantee, random })
  await new Life(world).live({ steps: 60 })
  const fault = compareSparse(world, aggregates[0] as Aggregate)
  return fault
}

/** As `compare`, for times too large to try every millisecond. */
function compareSparse(world: World, aggregate: Aggregate): string | undefined {
  const { sizeMs, advanceMs, graceMs } = aggregate.windows
  const scale = 30_000
  const coarse: Aggregate = {
    ...aggregate,
    windows: {
      ...aggregate.windows,
      sizeMs: sizeMs / scale,
      advanceMs: advanceMs / scale,
      graceMs: graceMs / scale,
    },
  }
  const rows = rowsOf(world, aggregate)
  if (typeof rows === 'string') return rows
  const times = new Map<number, number>()
  const origin = Math.floor(1.7e12 / sizeMs) * (sizeMs / scale)
  const source = world.source.map((visits) =>
    visits.map((visit) => {
      const t = Math.floor(visit.t / scale)
      times.set(visit.t, t)
      return { ...visit, t: t - origin }
    })
  )
  const until = dataUntil(aggregate, world.source)
  const expected = recount(coarse, source, always, Math.floor(until / scale) - origin)
  for (const { end, row } of expected) {
    const found = rows.get((end + origin) * scale)?.row
    const { first: _first, last: _last, ...rest } = found ?? {}
    const { first: _coarseFirst, last: _coarseLast, ...wanted } = row
    if (show(rest) !== show(wanted))
      return `day ${end}: expected ${show(wanted)}, got ${show(rest)}`
  }
  return rows.size === expected.length ? undefined : `${rows.size} rows, not ${expected.length}`
}

/** Live traffic with idle closes: windows close in silence, and nothing in time is lost. */
export const idleCloses: Property = (random, guarantee) => liveTraffic(random, guarantee, {})

/** With stragglers: what comes too late may miss, nothing else. */
export const stragglers: Property = (random, guarantee) =>
  liveTraffic(random, guarantee, { hasStragglers: true })

/** With an outage of the broker: producers deliver what they held back right after it. */
export const outages: Property = (random, guarantee) => {
  const from = 110 + random.below(60)
  return liveTraffic(random, guarantee, { outages: [[from, from + 80]] })
}

async function liveTraffic(
  random: Random,
  guarantee: Guarantee,
  options: Pick<Content, 'hasStragglers' | 'outages'>
): Promise<string | undefined> {
  const aggregates = makeAggregates(random, { isIdle: true })
  const world = makeWorld(random, guarantee, {
    aggregates,
    order: 'late',
    arrival: 'live',
    ...options,
  })
  const restUntil = Math.max(100, ...world.source.flat().map(({ at }) => at)) + 120
  await new Life(world).live({ stride: 4, start: 100, steps: 300, restUntil })
  const isPrompt: Counts = (aggregate, visit, partition, watermark, end) => {
    const { graceMs, idleMs } = aggregate.windows
    const isAfterOutage = world.outages.some(([, to]) => visit.at >= to && visit.at <= to + 3)
    const isSoon = visit.at <= end + graceMs + (idleMs ?? 0)
    return inTime(aggregate, visit, partition, watermark, end) && (isSoon || isAfterOutage)
  }
  for (const aggregate of aggregates) {
    const fault = between(world, aggregate, isPrompt)
    if (fault !== undefined) return fault
  }
  return undefined
}

/** Each row lies between what must count and what may; no gap up to the end of the silence. */
function between(world: World, aggregate: Aggregate, must: Counts): string | undefined {
  const { name, windows } = aggregate
  const now = world.clock.now()
  const rows = rowsOf(world, aggregate)
  if (typeof rows === 'string') return rows
  if (world.source.every((visits) => visits.length === 0)) {
    return rows.size === 0 ? undefined : `${name}: rows from nothing`
  }
  const least = recount(aggregate, world.source, must, now)
  const most = recount(aggregate, world.source, inTime, now)
  const ends = [...rows.keys()]
  if (windows.emission === 'updates') ends.sort((a, b) => a - b)
  const [first = Number.POSITIVE_INFINITY] = ends
  if (first < (most[0]?.end ?? 0) || first > (least[0]?.end ?? 0)) return `${name}: first ${first}`
  const gap = ends.findIndex((end, at) => at > 0 && end !== (ends[at - 1] ?? 0) + windows.advanceMs)
  if (gap >= 0) return `${name}: gap or disorder before ${ends[gap]}`
  const last = ends.at(-1) ?? 0
  if (last + windows.advanceMs + windows.graceMs <= now - (windows.idleMs ?? 0)) {
    return `${name}: silence until ${now}, but the last row is ${last}`
  }
  for (const { end, row } of rows.values()) {
    const low = least.find((one) => one.end === end)
    const high = most.find((one) => one.end === end)
    if (!isWithin(row, low, high)) {
      return `${name} ${end}: ${show(row)} is not between ${show(low?.row)} and ${show(high?.row)}`
    }
  }
  return undefined
}

function isWithin(
  row: OutputRow['row'],
  low: ExpectedRow | undefined,
  high: ExpectedRow | undefined
): boolean {
  for (const field of ['n', 'orders', 'sum', 'sessions', 'ordering']) {
    const value = Number(row[field])
    if (low !== undefined && value < Number(low.row[field])) return false
    if (value > Number(high?.row[field] ?? 0)) return false
  }
  return true
}

export const byName = {
  recounts,
  latecomers,
  emptyStarts,
  groupedPartitions,
  wholeDays,
  idleCloses,
  stragglers,
  outages,
} as const satisfies Readonly<Record<string, Property>>
