/** Events of a shop as they arrive: which are accepted, and why the others are not. */
import { converted, RejectedRecordError, type Serde } from '../src/index.ts'
import { formatMinor } from './currency.ts'
import { type EventFormat, fieldsIn } from './event-format.ts'
import { parsePrice } from './price.ts'
import {
  defaultFields,
  type Fields,
  fieldAt,
  readPaths,
  type ShopFields,
  withField,
} from './shop-fields.ts'

export interface ShopEvent {
  /** Epoch ms: when the shop's server took the request. */
  readonly timestamp: number
  readonly sessionId: string
  readonly eventType: string
  readonly order: boolean
  /** Minor units; null if it is no order, or its price cannot be read. */
  readonly price: bigint | null
  /** Of an order, where they are told apart: the same one has the same. */
  readonly orderKey?: string
  /** It looks like an order, and is one that has been counted. */
  readonly isRepeated?: boolean
}

/** One function for all who look at it: windows that take the same events ask it once. */
export const timestamp = (event: ShopEvent): number => event.timestamp

/** Why an event, or its price, is refused: labels of `shop_events_rejected_total`. */
export const rejectionReasons = [
  'decode',
  'duplicate',
  'corrupt',
  'no_session',
  'no_timestamp',
  'future',
  'bad_price',
  'duplicate_order',
] as const
export type RejectionReason = (typeof rejectionReasons)[number]

export interface ShopEventOptions {
  /** Event types that are orders. */
  readonly orderTypes: readonly string[]
  /** Decimals of the shop's currency. */
  readonly decimals: number
  /** Default: JSON. */
  readonly format?: EventFormat
  /** Default: those of `defaultFields`. */
  readonly fields?: Partial<ShopFields>
  /** Whether orders are told apart. Default false. */
  readonly identifiesOrders?: boolean
}

/** The last millisecond a calendar can name. */
const timestampMax = 8.64e15

/**
 * One event per record. A record that does not count is refused by the first reason of
 * `rejectionReasons` that fits; a price that cannot be read leaves the event accepted.
 */
export function shopEvents(options: ShopEventOptions): Serde<ShopEvent> {
  const { format = { kind: 'json' }, identifiesOrders = false } = options
  const names = { ...defaultFields, ...options.fields }
  return converted('shop-event', fieldsIn(format, readPaths(names, identifiesOrders)), {
    read: accepting(options, names),
    write: (event: ShopEvent) => fieldsOf(event, names, options.decimals),
    readNull: () => reject('decode'),
  })
}

function accepting(options: ShopEventOptions, names: ShopFields): (fields: Fields) => ShopEvent {
  const orderTypes = new Set(options.orderTypes)
  const { decimals } = options
  const timestampOf = fieldAt(names.timestamp)
  const sessionIdOf = fieldAt(names.sessionId)
  const eventTypeOf = fieldAt(names.eventType)
  const priceOf = fieldAt(names.price)
  const keyOf = options.identifiesOrders === true ? orderKeys(names) : undefined
  return (fields) => {
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) reject('decode')
    const [timestamp, sessionId] = [timestampOf(fields), sessionIdOf(fields)]
    const type = eventTypeOf(fields)
    if (fields['detectedDuplicate'] === true) reject('duplicate')
    if (fields['detectedCorruption'] === true) reject('corrupt')
    if (typeof sessionId !== 'string' || sessionId === '') reject('no_session')
    if (typeof timestamp !== 'number' || !Number.isInteger(timestamp) || timestamp < 0) {
      reject('no_timestamp')
    }
    if (timestamp > timestampMax) reject('future')
    const eventType = typeof type === 'string' ? type : 'unknown'
    const order = type === eventType && orderTypes.has(type)
    const price = order ? parsePrice(priceOf(fields), decimals) : null
    const event = { timestamp, sessionId, eventType, order, price }
    return order && keyOf !== undefined ? { ...event, orderKey: keyOf(fields) } : event
  }
}

/**
 * By an id that the shop has given, of the order or else of the event. Without one, clicks on the
 * same page for the same sum are one order; the empty text is no id.
 */
function orderKeys(names: ShopFields): (fields: Fields) => string {
  const ids = [names.orderId, names.eventId].map(fieldAt)
  const rest = [names.sessionId, names.pageViewId, names.price].map(fieldAt)
  return (fields) => {
    const index = ids.findIndex((id) => isId(id(fields)))
    const by = index < 0 ? rest : ids.slice(index, index + 1)
    return JSON.stringify([index, ...by.map((of) => of(fields) ?? null)])
  }
}

function isId(id: unknown): boolean {
  return typeof id === 'number' || (typeof id === 'string' && id.trim() !== '')
}

function fieldsOf(event: ShopEvent, names: ShopFields, decimals: number): Fields {
  const { timestamp, sessionId, eventType, order, price } = event
  const always: readonly (readonly [path: string, value: unknown])[] = [
    [names.timestamp, timestamp],
    [names.sessionId, sessionId],
    [names.eventType, eventType],
  ]
  const text = price === null ? null : formatMinor(price, decimals)
  const all = order ? [...always, [names.price, text] as const] : always
  return all.reduce<Fields>((fields, [path, value]) => withField(fields, path, value), {})
}

function reject(reason: RejectionReason): never {
  throw new RejectedRecordError(reason)
}
