/**
 * An invented shop: what happens in each minute is a pure function of the seed and that minute, so
 * that history and live traffic are one, and can be resumed anywhere.
 *
 *     minute m ──seed──▶ visits that start in m ──▶ their events, over the next minutes
 *     traffic(from, to) = events of all visits that reach into it, by time of arrival
 *
 * Invariants, whatever the hour: at least 4 sessions start in each minute, but in the two of a
 * silence; and in each quarter of an hour, but in a silence, one session buys at a valid price.
 */
import type { Timestamp } from '../ids.ts'
import { mixSeed, Random } from './random.ts'
import { type DemoEvent, newParty, sessionMsMax, type Visit, visitEvents } from './session.ts'

export interface StorefrontOptions {
  readonly seed: number
  /** Event type of an order. */
  readonly orderType: string
  /** Decimals of the shop's currency. */
  readonly decimals: number
  /** By how much an event may arrive after its own time. */
  readonly disorderMs: number
}

export interface Arrival {
  /** Epoch ms at which the shop sends it: never before the event's own time. */
  readonly at: Timestamp
  readonly event: DemoEvent
}

const minuteMs = 60_000
const minutesPerDay = 1_440
const quietest = 260
const busiest = 640
/** By hour (UTC) from the quietest, 0, to the busiest, 1. */
const dailyCurve = [
  0.35, 0.22, 0.12, 0.04, 0, 0.02, 0.08, 0.18, 0.28, 0.36, 0.42, 0.46, 0.5, 0.5, 0.48, 0.48, 0.52,
  0.6, 0.72, 0.86, 1, 0.98, 0.8, 0.55,
] as const
/** Sessions with an order, of all; the sure ones included. */
const conversion = 0.019
const minutesPerSureOrder = 15
const silencesPerDay = 3
const delayedChance = 0.03
const duplicateChance = 0.004
const corruptChance = 0.001
/** The longest that a duplicate follows its original, or that a prompt event takes. */
const latencyMsMax = 400

/** Events that arrive in [from, to), in order of arrival. */
export function traffic(options: StorefrontOptions, from: Timestamp, to: Timestamp): Arrival[] {
  const reachMs = sessionMsMax + options.disorderMs + 2 * latencyMsMax
  const arrivals: Arrival[] = []
  for (let m = Math.floor((from - reachMs) / minuteMs); m * minuteMs < to; m++) {
    for (const arrival of arrivalsOf(options, m)) {
      if (arrival.at >= from && arrival.at < to) arrivals.push(arrival)
    }
  }
  return arrivals.sort((a, b) => a.at - b.at)
}

function arrivalsOf(options: StorefrontOptions, minute: number): Arrival[] {
  const random = new Random(mixSeed(options.seed, minute))
  const rate = sessionsPerHour(minute)
  const extra = Math.max(0, conversion - 60 / minutesPerSureOrder / rate)
  const count = Math.floor((rate / 60) * (0.95 + 0.15 * random.next()) + random.next())
  const arrivals: Arrival[] = []
  for (let i = 0; i < count; i++) {
    const start = minute * minuteMs + random.below(minuteMs)
    const sure = i === 0 && isSureOrderMinute(options.seed, minute)
    const buys = sure ? 'sure' : random.chance(extra) ? 'maybe badly priced' : 'no'
    const visit: Visit = { ...options, start, buys }
    for (const event of visitEvents(visit, newParty(start, random), random)) {
      if (!isSilent(options.seed, event.timestamp)) send(event, sure, options, random, arrivals)
    }
  }
  return arrivals
}

/** The way to the shop's server: a little late, at times twice, rarely damaged. */
function send(
  event: DemoEvent,
  sure: boolean,
  { disorderMs }: StorefrontOptions,
  random: Random,
  arrivals: Arrival[]
): void {
  const delay = random.chance(delayedChance) ? disorderMs : Math.min(disorderMs, latencyMsMax)
  const at = event.timestamp + random.below(delay + 1)
  const damaged = !sure && random.chance(corruptChance)
  arrivals.push({ at, event: damaged ? { ...event, detectedCorruption: true } : event })
  if (!random.chance(duplicateChance)) return
  const again = at + random.below(Math.min(disorderMs, latencyMsMax) + 1)
  arrivals.push({ at: again, event: { ...event, detectedDuplicate: true } })
}

function sessionsPerHour(minute: number): number {
  const hour = (minute % minutesPerDay) / 60
  const before = dailyCurve[Math.floor(hour)] ?? 0
  const after = dailyCurve[(Math.floor(hour) + 1) % 24] ?? 0
  return quietest + (busiest - quietest) * (before + (after - before) * (hour % 1))
}

/** Early enough in its quarter of an hour for the order to fall into the same quarter. */
function isSureOrderMinute(seed: number, minute: number): boolean {
  const quarter = Math.floor(minute / minutesPerSureOrder)
  return minute % minutesPerSureOrder === mixSeed(seed, quarter, 1) % 10
}

/** Two whole minutes in the middle of a window of five, so that no such window is empty. */
function isSilent(seed: number, at: Timestamp): boolean {
  const minute = Math.floor(at / minuteMs)
  const inWindow = minute % 5
  if (inWindow !== 2 && inWindow !== 3) return false
  const window = Math.floor(minute / 5)
  return mixSeed(seed, window, 2) % (minutesPerDay / 5 / silencesPerDay) === 0
}
