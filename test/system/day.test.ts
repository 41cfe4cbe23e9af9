/**
 * Claim: over a day of a shop that goes by a thousand times as fast, with kill -9 in between, the
 * metrics topic, the gauges, the API and the stream say the same at each refresh: what an
 * independent recount of the events says.
 *
 * Waited for: that what is shown comes as far as what is written. Never seen, however often they
 * are asked: a number that no row has, a row that differs from the recount, one that is not
 * committed, one twice, one missing from the stream, and time that goes backwards.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { allRows } from '../support/api-client.ts'
import { chromiumPath } from '../support/chromium.ts'
import { Agreement } from '../support/day-agreement.ts'
import {
  figuresOf,
  figuresOnPage,
  type Rows,
  tilesInPrometheus,
  tilesOf,
} from '../support/day-looks.ts'
import { DayWorld } from '../support/day-world.ts'
import { readCommitted } from '../support/foreign-client.ts'
import { isFull, isLong } from '../support/lengths.ts'
import { prometheusPrograms } from '../support/prometheus.ts'
import { Random, seedOfRun } from '../support/random.ts'
import { sharedBroker } from '../support/shared-broker.ts'
import { type Arrival, closers, type DayOptions, shopDay } from '../support/shop-day.ts'
import type { RawEvent } from '../support/shop-events.ts'
import {
  acceptedTime,
  differences,
  type MetricRow,
  metrics,
  metricWindows,
  recountArrivals,
} from '../support/shop-recount.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour
const partitions = 4
const graceMs = 30 * second
/** The full day ends in silence; the others must not be taken for silent on a slow machine. */
const idleMs = isFull ? 30 * second : 10 * minute
const speed = 1_000
const stepMs = 100 * second

let brokers = ''
let world: DayWorld | undefined

beforeAll(async () => {
  brokers = (await sharedBroker()).join()
})

afterEach(async () => {
  await world?.close()
  world = undefined
})

describe('a day of a shop', () => {
  it(
    'is told alike by topic, gauges, API and stream, at every refresh',
    async () => {
      const seed = seedOfRun()
      console.log(`seed ${seed}: SEED=${seed} npm test -- test/system/day.test.ts`)
      const id = `day-${seed}`
      const env = { IDLE_AFTER: `${idleMs}ms` }
      world = await DayWorld.open({ brokers, id, partitions, instances: isFull ? 2 : 1, env })
      const shop = { seed, partitions, ...span() }
      const random = new Random(seed)
      if (isFull) await liveBySchedule(world, shop, random)
      else await liveByRefreshes(world, shop, random)
      await untilAllShow(world, shop.to)
      await compare(world, shop)
    },
    isFull ? 600_000 : 300_000
  )
})

/** Over midnight; where it goes by the schedule, the day ends when its telling does. */
function span(): Pick<DayOptions, 'from' | 'to' | 'sessions'> {
  const now = Date.now()
  if (isFull) return { from: now + 90 * second - 25 * hour, to: now + 90 * second, sessions: 9_000 }
  const midnight = Math.floor((now - 2 * hour) / day) * day
  if (isLong) return { from: midnight - 25 * hour, to: midnight + hour, sessions: 4_000 }
  return { from: midnight - 45 * minute, to: midnight + 40 * minute, sessions: 600 }
}

/** The short one no faster than what closes is shown: so each refresh is there to be seen. */
async function liveByRefreshes(seen: DayWorld, shop: DayOptions, random: Random): Promise<void> {
  const steps = stepsOf([...shopDay(shop), ...closers(shop)], shop.from)
  const third = Math.floor(steps.length / 3)
  const kills = (isLong ? [0, 1, 2] : [1]).map((part) => part * third + random.below(third))
  const restarts: Promise<void>[] = []
  let shown = shop.from
  for (const [i, step] of steps.entries()) {
    await seen.send(step)
    const [app] = seen.instances
    if (kills.includes(i) && app !== undefined) restarts.push(seen.kill(app, random.below(500)))
    const closed = floor(seen.reachedByEvents - graceMs, 5 * minute)
    if (isLong || closed <= shown) continue
    await seen.untilReached('visitors_5m', closed)
    shown = closed
  }
  await Promise.all(restarts)
}

/** By the clock, with all that can happen to instances every few seconds. */
async function liveBySchedule(seen: DayWorld, shop: DayOptions, random: Random): Promise<void> {
  const startedAt = Date.now()
  const over = new AbortController()
  const fate = liveDangerously(seen, random, over.signal)
  for (const [i, step] of stepsOf(shopDay(shop), shop.from).entries()) {
    await sleep(Math.max(0, startedAt + (i * stepMs) / speed - Date.now()))
    await seen.send(step)
  }
  over.abort()
  await fate
}

/** The first instance is killed, the second one comes, goes and is killed. */
async function liveDangerously(seen: DayWorld, random: Random, over: AbortSignal): Promise<void> {
  const [first, second] = seen.instances
  while (!over.aborted && first !== undefined && second !== undefined) {
    await sleep(1_000 + random.below(4_000))
    // Else a slow machine would never come to anything between two of them.
    if (random.chance(0.7)) await first.ready()
    const [downMs, dies] = [random.below(1_000), random.chance(0.5)]
    if (random.chance(0.5)) await seen.kill(first, downMs)
    else if (!second.running) second.start()
    else if (dies) await seen.kill(second, downMs)
    else await second.stop()
  }
}

/** What arrives in each hundred seconds. */
function stepsOf(arrivals: readonly Arrival[], from: number): readonly Arrival[][] {
  const steps: Arrival[][] = []
  for (const arrival of arrivals) {
    const index = Math.floor((arrival.at - from) / stepMs)
    while (steps.length <= index) steps.push([])
    steps[index]?.push(arrival)
  }
  return steps
}

/** Every metric has its last row of the day, at every instance that runs. */
async function untilAllShow(seen: DayWorld, to: number): Promise<void> {
  for (const metric of metrics) {
    const [, refreshMs] = metricWindows[metric]
    await seen.untilReached(metric, floor(to, refreshMs))
  }
}

async function compare(seen: DayWorld, shop: DayOptions): Promise<void> {
  const stored = await readCommitted(brokers, seen.events)
  expect(stored.length).toBe(seen.sent)
  const expected = recountArrivals(stored, shop.to + hour, graceMs)
  const upTo = (rows: readonly MetricRow[], metric: string): readonly MetricRow[] =>
    rows.filter((row) => row.metric === metric && row.windowEnd <= shop.to)
  for (const metric of metrics) {
    const wanted = upTo(expected.get(metric) ?? [], metric)
    expect(differences(wanted, upTo(seen.rows, metric)), `${metric}\n${seen.told}`).toEqual([])
    for (const url of seen.urls) {
      const rows = await allRows(url, metric, 0)
      expect(differences(wanted, upTo(rows, metric)), `${url} ${metric}`).toEqual([])
    }
  }
  for (const url of seen.urls) await expectParts(url, expected.get('revenue_24h') ?? [], shop.to)
  if (isLong) await look(seen, expected)
  await seen.closeLookers()
  const times = stored.map(({ value }) => acceptedTime(JSON.parse(value) as RawEvent))
  const eventTimes = new Set(times.filter((time) => time !== null))
  const agreement = new Agreement({ rows: expected, eventTimes, closeMs: graceMs + idleMs })
  agreement.hold(seen.sampler.samples)
  agreement.holdStream(seen.stream.rows, seen.follower.records)
  const all = metrics.flatMap((metric) => upTo(expected.get(metric) ?? [], metric)).length
  console.log(
    `${stored.length} events, ${seen.kills} kills, ${seen.sampler.samples.length} samples, ` +
      `${seen.stream.streams} streams; gauges seen of ${agreement.shown} of ${all} rows`
  )
  expect(agreement.faults, `${agreement.faults.join('\n')}\n${seen.told}`).toEqual([])
  expect(seen.stream.resets).toBe(0)
}

/** The part of each half hour is there; they add up to the sum, until the first one leaves it. */
async function expectParts(url: string, sums: readonly MetricRow[], to: number): Promise<void> {
  const parts = await allRows(url, 'revenue_30m', 0)
  const [first] = sums
  let revenue = 0
  for (const sum of sums) {
    if (sum.windowEnd > to || sum.windowEnd >= (first?.windowEnd ?? 0) + day) break
    const part = parts.find(({ windowEnd }) => windowEnd === sum.windowEnd)
    revenue += part?.numerator ?? Number.NaN
    expect(revenue, `${url} ${sum.windowEnd}`).toBe(sum.numerator)
  }
}

/** Page and dashboard, where the machine has what it takes to look at them. */
async function look(seen: DayWorld, expected: Rows): Promise<void> {
  const programs = await prometheusPrograms()
  const owner = seen.owner
  await untilUnchanged(seen, expected, async (rows) => {
    const figures = figuresOf(rows)
    if (chromiumPath !== undefined) return [await figuresOnPage(owner, figures), figures]
    return [figures, figures]
  })
  await untilUnchanged(seen, expected, async (rows) => {
    const tiles = tilesOf(rows)
    if (programs !== undefined) return [await tilesInPrometheus(programs, owner, tiles), tiles]
    return [tiles, tiles]
  })
}

/** Windows may close meanwhile, as time goes on: then it is looked again. */
async function untilUnchanged(
  seen: DayWorld,
  expected: Rows,
  looked: (rows: Rows) => Promise<readonly [found: unknown, wanted: unknown]>
): Promise<void> {
  for (;;) {
    const before = seen.rows.length
    const ends = new Map(seen.rows.map(({ metric, windowEnd }) => [metric, windowEnd]))
    const rows = new Map(
      metrics.map((metric) => {
        const known = expected.get(metric) ?? []
        return [metric, known.filter(({ windowEnd }) => windowEnd <= (ends.get(metric) ?? 0))]
      })
    )
    const [found, wanted] = await looked(rows)
    if (seen.rows.length !== before) continue
    expect(found).toEqual(wanted)
    return
  }
}

function floor(time: number, step: number): number {
  return Math.floor(time / step) * step
}
