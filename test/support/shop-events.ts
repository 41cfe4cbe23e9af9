/** Seeded shop events as a site would send them: disorder, odd prices, flagged and broken ones. */
import { Random } from './random.ts'

export type RawEvent = Readonly<Record<string, unknown>>

export interface EventsOptions {
  readonly seed: number
  readonly count: number
  /** Event times lie in [from, to), epoch ms. */
  readonly from: number
  readonly to: number
  /** By how much an event may arrive after a younger one. */
  readonly disorderMs: number
  readonly sessions: number
}

const goodPrices = [
  '12',
  '12.3',
  '12.34',
  '+7.50',
  ' 184.90 ',
  '0',
  '0012.10',
  '3.1000',
  '999999.99',
]
const badPrices = [
  '',
  'null',
  '1,299.00',
  '€5',
  '-3',
  'NaN',
  '1e3',
  '12.345',
  '.5',
  '7.',
  '1234567890123456',
]

/** In arrival order. */
export function shopEvents(options: EventsOptions): RawEvent[] {
  const random = new Random(options.seed)
  const span = options.to - options.from
  const arrivals = Array.from({ length: options.count }, (_, i) => {
    const at = gap(options, options.from + Math.floor((span * i) / options.count))
    const time = Math.max(options.from, at - random.below(options.disorderMs + 1))
    return event(random, time, options.sessions)
  })
  return arrivals
}

/** Some hours of each day are silent, so that there are empty windows in the middle too. */
function gap(options: EventsOptions, time: number): number {
  const hour = 3_600_000
  const sinceStart = time - options.from
  const inDay = sinceStart % (24 * hour)
  return inDay > 7 * hour && inDay < 8.5 * hour ? time - (inDay - 7 * hour) : time
}

function event(random: Random, timestamp: number, sessions: number): RawEvent {
  const sessionId = `s${random.below(sessions).toString(36)}`
  const kind = random.next()
  if (kind < 0.01) return { timestamp, sessionId, eventType: 'pageView', detectedDuplicate: true }
  if (kind < 0.02) return { timestamp, sessionId, eventType: 'pageView', detectedCorruption: true }
  if (kind < 0.03) return broken(random, timestamp, sessionId)
  if (kind < 0.04) return { timestamp: Date.now() + 86_400_000, sessionId, eventType: 'pageView' }
  if (kind < 0.14) return order(random, timestamp, sessionId)
  return { timestamp, sessionId, eventType: random.pick(['pageView', 'page_view', 'search']) }
}

/** A click on the checkout, with a price or something else in its place. */
export function order(random: Random, timestamp: number, sessionId: string): RawEvent {
  const base = { timestamp, sessionId, eventType: 'checkout_click' }
  const kind = random.next()
  if (kind < 0.1) return { ...base, total_price: badPrices[random.below(badPrices.length)] }
  if (kind < 0.2) return { ...base, total_price: goodPrices[random.below(goodPrices.length)] }
  if (kind < 0.25) return base
  if (kind < 0.3) return { ...base, total_price: random.below(50_000) / 100 }
  return {
    ...base,
    total_price: `${random.below(500)}.${String(random.below(100)).padStart(2, '0')}`,
  }
}

/** No event at all, for one reason or another. */
export function broken(random: Random, timestamp: number, sessionId: string): RawEvent {
  const eventType = 'pageView'
  return random.pick<RawEvent>([
    { timestamp, sessionId: null, eventType },
    { timestamp, sessionId: '', eventType },
    { timestamp, sessionId: 17, eventType },
    { sessionId, eventType },
    { timestamp: -1, sessionId, eventType },
    { timestamp: timestamp + 0.5, sessionId, eventType },
    { timestamp: String(timestamp), sessionId, eventType },
  ])
}

/** By session, as a collector places them; events without a usable session go round. */
export function placedEvent(event: RawEvent, index: number, partitions: number) {
  const session = typeof event['sessionId'] === 'string' ? event['sessionId'] : String(index)
  let hash = 7
  for (const char of session) hash = (hash * 31 + char.charCodeAt(0)) >>> 0
  return { partition: hash % partitions, key: session, value: JSON.stringify(event) }
}
