/** What the fields of an event are called: shops have schemas of their own. */

/** Paths, dotted where a field lies inside of others: `total_price`, `basket.total`. */
export interface ShopFields {
  /** Epoch ms: when the shop's server took the request. */
  readonly timestamp: string
  readonly sessionId: string
  readonly eventType: string
  /** Of orders: text or a number, in major units. */
  readonly price: string
  /** What tells orders apart; events need not have them. */
  readonly orderId: string
  readonly eventId: string
  readonly pageViewId: string
}

export const defaultFields: ShopFields = Object.freeze({
  timestamp: 'timestamp',
  sessionId: 'sessionId',
  eventType: 'eventType',
  price: 'total_price',
  orderId: 'orderId',
  eventId: 'eventId',
  pageViewId: 'pageViewId',
})

/** Those that say that the event does not count. */
export const flagFields = ['detectedDuplicate', 'detectedCorruption'] as const

/** Records as they come: whatever they say is checked. */
export type Fields = Readonly<Record<string, unknown>>

/**
 * All that is read of an event, for a format that knows its fields: those without which no event
 * would count, and with a `?` those that a schema may lack.
 */
export function readPaths(fields: ShopFields, identifiesOrders: boolean): readonly string[] {
  const { timestamp, sessionId, eventType, price, orderId, eventId, pageViewId } = fields
  const ids = identifiesOrders ? [orderId, eventId, pageViewId] : []
  const optional = [price, ...flagFields, ...ids].map((path) => `${path}?`)
  return [timestamp, sessionId, eventType, ...optional]
}

/** Reads one field; undefined where the path leads nowhere. */
export function fieldAt(path: string): (fields: Fields) => unknown {
  const names = path.split('.')
  const [name = ''] = names
  if (names.length === 1) return (fields) => fields[name]
  return (fields) => names.reduce<unknown>(memberOf, fields)
}

/** The same for what is written: `{ basket: { total: '5' } }`. */
export function withField(fields: Fields, path: string, value: unknown): Fields {
  const [name = '', ...rest] = path.split('.')
  if (rest.length === 0) return { ...fields, [name]: value }
  const inner = (fields[name] ?? {}) as Fields
  return { ...fields, [name]: withField(inner, rest.join('.'), value) }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Fields)[name] : undefined
}
