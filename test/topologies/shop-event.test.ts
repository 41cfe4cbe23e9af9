import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RejectedRecordError } from '../../src/index.ts'
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
