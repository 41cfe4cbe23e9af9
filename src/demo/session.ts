/** One visitor's stay in the invented shop, from the first page to the last click. */
import type { Timestamp } from '../ids.ts'
import type { Random } from './random.ts'

/** An event as the shop would send it. */
export type DemoEvent = Readonly<Record<string, unknown>> & { readonly timestamp: Timestamp }

export interface Visit {
  readonly start: Timestamp
  /** 'no', or an order; a 'sure' one has a price that can be read. */
  readonly buys: 'no' | 'maybe badly priced' | 'sure'
  readonly orderType: string
  /** Decimals of the shop's currency. */
  readonly decimals: number
}

/** From the first event of a session to its last. */
export const sessionMsMax = 4 * 60_000

const pagesMean = 3.4
const pageSecondsMean = 25
const basketMedian = 48
const basketSpread = 0.7
const badPriceChance = 0.05
const doubleClickChance = 0.1
const pages = ['/', '/new', '/sale', '/shoes', '/coats', '/bags', '/search?q=boots'] as const
const badPrices = ['', 'null', '1,299.00', '€49.90', '49.90 EUR'] as const

/** In order of event time. */
export function visitEvents(visit: Visit, party: string, random: Random): DemoEvent[] {
  const sessionId = `0:${visit.start.toString(36)}:${identifier(random)}`
  const events: DemoEvent[] = []
  let at = visit.start
  const add = (eventType: string, fields: object): void => {
    const firstInSession = events.length === 0
    events.push({ timestamp: at, partyId: party, sessionId, firstInSession, eventType, ...fields })
  }
  const last = visit.start + sessionMsMax - 5_000
  const count = 1 + Math.floor(random.exponential(pagesMean - 0.5))
  for (let page = 0; page < count && at <= last; page++) {
    add('pageView', { location: `https://shop.example${random.pick(pages)}` })
    at += Math.ceil(1_000 * (1 + random.exponential(pageSecondsMean)))
  }
  if (visit.buys === 'no') return events
  at = Math.min(at, last)
  const order = { location: 'https://shop.example/checkout', total_price: price(visit, random) }
  add(visit.orderType, order)
  if (random.chance(doubleClickChance)) {
    at += 200 + random.below(1_200)
    add(visit.orderType, order)
  }
  return events
}

/** Whoever visits: known by a cookie that outlives the session. */
export function newParty(start: Timestamp, random: Random): string {
  const firstSeen = start - random.below(90 * 86_400_000)
  return `0:${firstSeen.toString(36)}:${identifier(random)}`
}

function price({ buys, decimals }: Visit, random: Random): string {
  if (buys !== 'sure' && random.chance(badPriceChance)) return random.pick(badPrices)
  const amount = basketMedian * Math.exp(basketSpread * random.normal())
  return decimals === 0 ? String(Math.ceil(100 * amount)) : amount.toFixed(decimals)
}

function identifier(random: Random): string {
  const half = (): string => random.below(2 ** 31).toString(36)
  return `${half()}${half()}`
}
