/** Events of a shop as they arrive: which are accepted, and why the others are not. */
import { converted, json, RejectedRecordError, type Serde } from '../src/index.ts'
import { formatMinor } from './currency.ts'
import { parsePrice } from './price.ts'

export interface ShopEvent {
  /** Epoch ms: when the shop's server took the request. */
  readonly timestamp: number
  readonly sessionId: string
  readonly eventType: string
  readonly order: boolean
  /** Minor units; null if it is no order, or its price cannot be read. */
  readonly price: bigint | null
}

/** Why an event, or its price, is refused: labels of `shop_events_rejected_total`. */
export const rejectionReasons = [
  'decode',
  'duplicate',
  'corrupt',
  'no_session',
  'no_timestamp',
  'future',
  'bad_price',
] as const
export type RejectionReason = (typeof rejectionReasons)[number]

export interface ShopEventOptions {
  /** Event types that are orders. */
  readonly orderTypes: readonly string[]
  /** Decimals of the shop's currency. */
  readonly decimals: number
}

/** As they come: whatever they say is checked. */
type Fields = Readonly<Record<string, unknown>>

/** The last millisecond a calendar can name. */
const timestampMax = 8.64e15

/**
 * One UTF-8 JSON object per record. A record that does not count is refused by the first reason of
 * `rejectionReasons` that fits; a price that cannot be read leaves the event accepted.
 */
export function shopEvents(options: ShopEventOptions): Serde<ShopEvent> {
  const orderTypes = new Set(options.orderTypes)
  const { decimals } = options
  return converted('shop-event', json<Fields>({ malformed: 'reject' }), {
    read: (value) => accept(value, orderTypes, decimals),
    write: (event: ShopEvent) => fields(event, decimals),
    readNull: () => reject('decode'),
  })
}

function accept(fields: Fields, orderTypes: ReadonlySet<string>, decimals: number): ShopEvent {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) reject('decode')
  const { timestamp, sessionId, eventType: type } = fields
  if (fields['detectedDuplicate'] === true) reject('duplicate')
  if (fields['detectedCorruption'] === true) reject('corrupt')
  if (typeof sessionId !== 'string' || sessionId === '') reject('no_session')
  if (typeof timestamp !== 'number' || !Number.isInteger(timestamp) || timestamp < 0) {
    reject('no_timestamp')
  }
  if (timestamp > timestampMax) reject('future')
  const eventType = typeof type === 'string' ? type : 'unknown'
  const order = type === eventType && orderTypes.has(type)
  const price = order ? parsePrice(fields['total_price'], decimals) : null
  return { timestamp, sessionId, eventType, order, price }
}

function fields(event: ShopEvent, decimals: number): Fields {
  const { timestamp, sessionId, eventType, order, price } = event
  if (!order) return { timestamp, sessionId, eventType }
  const text = price === null ? null : formatMinor(price, decimals)
  return { timestamp, sessionId, eventType, total_price: text }
}

function reject(reason: RejectionReason): never {
  throw new RejectedRecordError(reason)
}
