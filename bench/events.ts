/**
 * Seeded events in the form the peers' loader writes: session ids by Zipf, 2 % orders, up to 5 s of
 * disorder, 48 hours of event time whatever the number of records.
 */
import type { Log } from '../src/runtime/ports.ts'

const base = 1_767_225_600_000
const spanMs = 48 * 3_600_000
const chunk = 20_000

export interface EventsShape {
  readonly records: number
  readonly partitions: number
  readonly keys: number
  /** Every key once, instead of Zipf. */
  readonly unique: boolean
}

export async function fill(log: Log, topic: string, shape: EventsShape): Promise<void> {
  const encoder = new TextEncoder()
  const random = generator(42)
  const key = shape.unique ? uniqueKeys(shape.keys) : zipfKeys(shape.keys, random)
  for (let from = 0; from < shape.records; from += chunk) {
    const records = Array.from({ length: Math.min(chunk, shape.records - from) }, (_, i) => {
      const at = base + 5_000 + Math.floor(((from + i) * spanMs) / shape.records)
      const timestamp = at - Math.floor(random() * 5_000)
      const id = key(from + i)
      const sessionId = `s${String(id).padStart(8, '0')}`
      return {
        partition: id % shape.partitions,
        timestamp,
        key: encoder.encode(sessionId),
        value: encoder.encode(event(timestamp, sessionId, random)),
      }
    })
    await log.append(topic, records)
  }
}

function event(timestamp: number, sessionId: string, random: () => number): string {
  const order = random() < 0.02
  const cents = 10 + Math.floor(random() * 90)
  const price = order ? `${1 + Math.floor(random() * 199)}.${cents}` : '0.00'
  const eventType = order ? 'checkout_click' : 'pageView'
  return JSON.stringify({ timestamp, sessionId, eventType, total_price: price })
}

/** Zipf(1) with ranks shifted by 10: the hottest of 10,000 keys has about 1.4 % of the records. */
function zipfKeys(keys: number, random: () => number): (index: number) => number {
  const weights = new Float64Array(keys)
  let total = 0
  for (let i = 0; i < keys; i++) {
    total += 1 / (i + 10)
    weights[i] = total
  }
  return () => {
    const wanted = random() * total
    let low = 0
    let high = keys - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((weights[middle] ?? 0) < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}

function uniqueKeys(keys: number): (index: number) => number {
  return (index) => Number((BigInt(index) * 2_654_435_761n) % BigInt(keys))
}

function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
}
