/**
 * A seeded day of a shop as its visitors make it: sessions of several pages by the hour of the day,
 * some with several orders; most events arrive at once, some in disorder, a few much too late, and
 * in the night there are spans in which nothing comes at all.
 */
import { Random } from './random.ts'
import { broken, order, placedEvent, type RawEvent } from './shop-events.ts'

export interface DayOptions {
  readonly seed: number
  /** Event times lie in [from, to), epoch ms. */
  readonly from: number
  readonly to: number
  readonly sessions: number
  readonly partitions: number
}

export interface Arrival {
  /** When it reaches the topic, by the clock of the shop. */
  readonly at: number
  readonly event: RawEvent
}

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** How busy each hour is (UTC). */
const rhythm = [
  0.2, 0.15, 0.1, 0.1, 0.1, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1, 1, 0.9, 0.8, 0.8, 0.9, 1, 1, 1, 0.9,
  0.7, 0.5, 0.3,
]

/** Of the day, [from, to): the shop is closed for repair. */
const quiet = [
  [20 * minute, 35 * minute],
  [3 * hour + 10 * minute, 5 * hour + 5 * minute],
] as const

/** All that comes, in the order in which it arrives. */
export function shopDay(options: DayOptions): Arrival[] {
  const random = new Random(options.seed)
  const arrivals = openers(options)
  for (let i = 0; i < options.sessions; i++) {
    const start = startOf(random, options)
    for (const event of session(random, `v${i.toString(36)}`, start)) {
      const { timestamp } = event
      if (timestamp >= options.to || quietEnd(timestamp) !== undefined) continue
      const isEarly = timestamp < options.from + 10 * minute
      const at = timestamp + (isEarly ? random.below(second) : delay(random))
      arrivals.push({ at: quietEnd(at) ?? at, event: spoilt(random, event) })
    }
  }
  return arrivals.sort((a, b) => a.at - b.at)
}

/** An event in each partition, long enough after the day for all of its windows to close. */
export function closers({ to, partitions }: DayOptions): Arrival[] {
  return inEachPartition('last', partitions).map((sessionId) => {
    return { at: to + 40 * second, event: pageView(sessionId, to + 40 * second) }
  })
}

/** Without one in each partition nothing closes before the first visitor is there. */
function openers({ from, partitions }: DayOptions): Arrival[] {
  return inEachPartition('first', partitions).map((sessionId, i) => {
    return { at: from + i, event: pageView(sessionId, from + i) }
  })
}

function inEachPartition(name: string, partitions: number): readonly string[] {
  const found = new Map<number, string>()
  for (let i = 0; found.size < partitions; i++) {
    const sessionId = `${name}${i}`
    found.set(placedEvent({ sessionId }, i, partitions).partition, sessionId)
  }
  return [...found.values()]
}

function startOf(random: Random, { from, to }: DayOptions): number {
  for (;;) {
    const start = from + Math.floor(random.next() * (to - from))
    if (random.chance(rhythm[Math.floor((start % day) / hour)] ?? 0)) return start
  }
}

/** Page after page; who orders may do so again. */
function session(random: Random, sessionId: string, start: number): readonly Timed[] {
  const events: Timed[] = []
  const isBuyer = random.chance(0.15)
  let time = start
  do {
    events.push(pageView(sessionId, time))
    time += 5 * second + random.below(4 * minute)
    if (!isBuyer || !random.chance(0.4)) continue
    events.push({ ...order(random, time, sessionId), timestamp: time })
    time += random.below(minute)
  } while (random.chance(0.75))
  return events
}

type Timed = RawEvent & { readonly timestamp: number }

function pageView(sessionId: string, timestamp: number): Timed {
  return { timestamp, sessionId, eventType: 'pageView' }
}

/** Within the grace for nearly all; phones that were in a tunnel come minutes later. */
function delay(random: Random): number {
  const kind = random.next()
  if (kind < 0.8) return random.below(2 * second)
  if (kind < 0.96) return random.below(25 * second)
  if (kind < 0.985) return 25 * second + random.below(2 * minute)
  return 2 * minute + random.below(90 * minute)
}

/** Some events are flagged by the collector, broken, or dated by a clock that is wrong. */
function spoilt(random: Random, event: Timed): RawEvent {
  const kind = random.next()
  if (kind < 0.01) return { ...event, detectedDuplicate: true }
  if (kind < 0.02) return { ...event, detectedCorruption: true }
  if (kind < 0.03) return broken(random, event.timestamp, String(event['sessionId']))
  if (kind < 0.04) return { ...event, timestamp: Date.now() + day }
  return event
}

/** The end of the quiet span that the time lies in. */
function quietEnd(time: number): number | undefined {
  const midnight = Math.floor(time / day) * day
  const span = quiet.find(([from, to]) => time - midnight >= from && time - midnight < to)
  return span && midnight + span[1]
}
