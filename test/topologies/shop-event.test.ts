import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { avro, RejectedRecordError } from '../../src/index.ts'
import { shopEvents } from '../../topologies/shop-event.ts'

const serde = shopEvents({ orderTypes: ['checkout_click', 'purchase'], decimals: 2 })
const good = { timestamp: 1_000, sessionId: 's', eventType: 'pageView' }

function read(fields: unknown) {
  return serde.deserialize(new TextEncoder().encode(JSON.stringify(fields)))
}

function reasonOf(attempt: () => unknown): string {
  try {
    attempt()
  } catch (error) {
    if (error instanceof RejectedRecordError) return error.reason
    throw error
  }
  return 'accepted'
}

describe('a shop event', () => {
  it('is read from JSON, whatever else is in it', () => {
    const event = {
      timestamp: 1_000,
      sessionId: 's',
      eventType: 'pageView',
      order: false,
      price: null,
    }
    expect(read({ ...good, partyId: 'p', total_price: '5', nested: { x: 1 } })).toEqual(event)
  })

  it('is an order by its type, with a price if it can be read', () => {
    const order = { ...good, eventType: 'purchase' }
    expect(read({ ...order, total_price: '184.9' })).toMatchObject({ order: true, price: 18490n })
    expect(read({ ...order, total_price: 12.5 })).toMatchObject({ order: true, price: 1250n })
    expect(read({ ...order, total_price: '' })).toMatchObject({ order: true, price: null })
    expect(read(order)).toMatchObject({ order: true, price: null })
  })

  it('needs no type', () => {
    expect(read({ ...good, eventType: 5 })).toMatchObject({ eventType: 'unknown', order: false })
    const named = shopEvents({ orderTypes: ['unknown'], decimals: 2 })
    const typeless = new TextEncoder().encode(JSON.stringify({ ...good, eventType: null }))
    expect(named.deserialize(typeless)).toMatchObject({ order: false })
  })

  it.each<[string, unknown]>([
    ['decode', null],
    ['decode', []],
    ['decode', 5],
    ['decode', 'text'],
    ['duplicate', { ...good, detectedDuplicate: true }],
    ['duplicate', { detectedDuplicate: true, detectedCorruption: true }],
    ['corrupt', { ...good, detectedCorruption: true }],
    ['corrupt', { detectedCorruption: true }],
    ['no_session', { ...good, sessionId: null }],
    ['no_session', { ...good, sessionId: '' }],
    ['no_session', { ...good, sessionId: 17 }],
    ['no_session', { eventType: 'pageView' }],
    ['no_timestamp', { sessionId: 's' }],
    ['no_timestamp', { ...good, timestamp: -1 }],
    ['no_timestamp', { ...good, timestamp: 1.5 }],
    ['no_timestamp', { ...good, timestamp: '1000' }],
    ['no_timestamp', { ...good, timestamp: null }],
    ['future', { ...good, timestamp: 1e300 }],
    ['accepted', { ...good, detectedDuplicate: false, detectedCorruption: 'true' }],
    ['accepted', { ...good, timestamp: 0 }],
    ['accepted', { ...good, timestamp: 8.64e15 }],
  ])('is refused as %s: %j', (reason, fields) => {
    expect(reasonOf(() => read(fields))).toBe(reason)
  })

  it('is refused as undecodable without UTF-8, without JSON, without anything', () => {
    const bytes = (...parts: readonly number[]) => Uint8Array.from(parts)
    for (const bad of [bytes(), bytes(0xff), bytes(0x7b), bytes(0, 0, 0, 1, 2)]) {
      expect(reasonOf(() => serde.deserialize(bad))).toBe('decode')
    }
    expect(reasonOf(() => serde.deserializeNull?.())).toBe('decode')
  })

  it('is read back from what it is written as', () => {
    const events = fc.record({
      timestamp: fc.nat(),
      sessionId: fc.string({ minLength: 1 }),
      eventType: fc.constantFrom('pageView', 'purchase', 'checkout_click'),
      cents: fc.option(fc.bigInt({ min: 0n, max: 999_999_999_999_999n })),
    })
    fc.assert(
      fc.property(events, ({ cents, ...event }) => {
        const order = event.eventType !== 'pageView'
        const whole = { ...event, order, price: order ? cents : null }
        const bytes = serde.serialize(whole)
        expect(bytes && serde.deserialize(bytes)).toEqual(whole)
      })
    )
  })
})

const avroEvent = {
  type: 'record',
  name: 'Event',
  fields: [
    { name: 'detectedDuplicate', type: 'boolean' },
    { name: 'timestamp', type: 'long' },
    { name: 'referer', type: ['null', 'string'] },
    { name: 'sessionId', type: ['null', 'string'] },
    { name: 'eventType', type: 'string' },
    {
      name: 'basket',
      type: ['null', { type: 'record', name: 'Basket', fields: [{ name: 'sum', type: 'float' }] }],
    },
  ],
}

describe('a shop event of another form', () => {
  const names = { timestamp: 'at', sessionId: 'visit.id', eventType: 'kind', price: 'basket.sum' }
  const orders = { orderTypes: ['buy'], decimals: 2 }

  it('has the names and paths that the shop gives its fields', () => {
    const renamed = shopEvents({ ...orders, fields: names })
    const fields = { at: 5, visit: { id: 's' }, kind: 'buy', basket: { sum: '1.50' } }
    const event = { timestamp: 5, sessionId: 's', eventType: 'buy', order: true, price: 150n }
    const bytes = new TextEncoder().encode(JSON.stringify(fields))
    expect(renamed.deserialize(bytes)).toEqual(event)
    expect(renamed.deserialize(renamed.serialize(event) ?? bytes)).toEqual(event)
    const flat = new TextEncoder().encode(JSON.stringify({ ...fields, visit: 's', basket: null }))
    expect(reasonOf(() => renamed.deserialize(flat))).toBe('no_session')
  })

  it('is read from Avro, a price that is a float to the cent', () => {
    const fields = { price: 'basket.sum' }
    const format = { kind: 'avro', schema: avroEvent } as const
    const events = shopEvents({ ...orders, format, fields })
    const all = avro<object>(avroEvent)
    const order = { ...good, eventType: 'buy', detectedDuplicate: false, referer: 'x' }
    const bytes = (changes: object) => {
      const value = { ...order, basket: { sum: 184.91 }, ...changes }
      return all.serialize(value) ?? new Uint8Array(0)
    }
    expect(events.deserialize(bytes({}))).toMatchObject({ order: true, price: 18491n })
    expect(events.deserialize(bytes({ basket: null }))).toMatchObject({ order: true, price: null })
    const reasons = [{ detectedDuplicate: true }, { sessionId: null }, { timestamp: -1 }].map(
      (changes) => reasonOf(() => events.deserialize(bytes(changes)))
    )
    expect(reasons).toEqual(['duplicate', 'no_session', 'no_timestamp'])
    const json = new TextEncoder().encode(JSON.stringify(order))
    expect(() => events.deserialize(json)).toThrow(TypeError)
  })

  it('needs a schema with the fields that no event counts without', () => {
    const format = { kind: 'avro', schema: avroEvent } as const
    expect(() => shopEvents({ ...orders, format, fields: names })).toThrow(
      'it has no field at, visit.id, kind'
    )
  })
})
