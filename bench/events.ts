/**
 * Seeded events: session ids by Zipf, 2 % orders, up to 5 s of disorder, 48 hours of event time
 * whatever the number of records; all of it as the shape says.
 */
import type { Duration } from '../src/durations.ts'
import type { Log } from '../src/runtime/ports.ts'
import type { EventShape } from './shape.ts'

export interface ShopEvent {
  readonly timestamp: number
  readonly sessionId: string
  readonly eventType: string
  readonly total_price: string
}

export interface BenchEvent {
  readonly partition: number
  readonly timestamp: number
  readonly key: string
  readonly value: string
}

export const orderType = 'checkout_click'
export const isOrder = ({ eventType }: ShopEvent): boolean => eventType === orderType
export const centsOf = ({ total_price: price }: ShopEvent): number =>
  Math.round(Number(price) * 100)
/** Of every window. */
export const grace: Duration = '1m'
const baseMs = 1_767_225_600_000
const orderShare = 0.02
const chunkRecords = 20_000
const chunkBytes = 4_000_000

export async function fill(log: Log, topic: string, shape: EventShape): Promise<void> {
  const encoder = new TextEncoder()
  const next = eventSource(shape)
  const chunk = Math.max(1, Math.min(chunkRecords, Math.floor(chunkBytes / shape.bytes)))
  for (let from = 0; from < shape.records; from += chunk) {
    const length = Math.min(chunk, shape.records - from)
    const records = Array.from({ length }, () => {
      const { partition, timestamp, key, value } = next()
      return { partition, timestamp, key: encoder.encode(key), value: encoder.encode(value) }
    })
    await log.append(topic, records)
  }
}

/** One event after another; two sources of the same shape give the same. */
export function eventSource(shape: EventShape): () => BenchEvent {
  const { partitions, stepMs, disorder, bytes } = shape
  const random = generator(shape.seed)
  const choose = keyChooser(shape, random)
  const from = baseMs + 5_000
  let index = 0
  return () => {
    const at = from + Math.floor(index * stepMs)
    const isLate = disorder.share === 1 || random() < disorder.share
    const timestamp = isLate ? at - Math.floor(random() * disorder.spanMs) : at
    const id = choose(index++)
    const key = sessionOf(id)
    return {
      partition: id % partitions,
      timestamp,
      key,
      value: eventText(timestamp, key, random, bytes),
    }
  }
}

export function sessionOf(id: number): string {
  return `s${String(id).padStart(8, '0')}`
}

export function eventText(
  timestamp: number,
  sessionId: string,
  random: () => number,
  bytes: number
): string {
  const order = random() < orderShare
  const cents = 10 + Math.floor(random() * 90)
  const price = order ? `${1 + Math.floor(random() * 199)}.${cents}` : '0.00'
  const event = { timestamp, sessionId, eventType: order ? orderType : 'pageView' }
  const text = JSON.stringify({ ...event, total_price: price })
  const missing = bytes - text.length - ',"padding":""'.length
  if (missing < 0) return text
  return `${text.slice(0, -1)},"padding":"${'x'.repeat(missing)}"}`
}

/** From the number of a record to the id of its key. */
export function keyChooser(
  shape: Pick<EventShape, 'keys' | 'zipf' | 'hotShare' | 'unique'>,
  random: () => number
): (index: number) => number {
  const { keys, zipf, hotShare, unique } = shape
  const usual = unique ? uniqueKeys(keys) : zipfKeys(keys, zipf, random)
  if (hotShare === 0) return usual
  return (index) => (random() < hotShare ? 0 : usual(index))
}

/** Ranks are shifted by 10: with exponent 1 the hottest of 10,000 keys has about 1.4 %. */
function zipfKeys(keys: number, exponent: number, random: () => number): () => number {
  const weights = new Float64Array(keys)
  let total = 0
  for (let i = 0; i < keys; i++) {
    total += (i + 10) ** -exponent
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

/** Scattered, so that neighbours in the input are no neighbours in a store. */
function uniqueKeys(keys: number): (index: number) => number {
  return (index) => Number((BigInt(index) * 2_654_435_761n) % BigInt(keys))
}

/** In [0, 1). */
export function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
}
