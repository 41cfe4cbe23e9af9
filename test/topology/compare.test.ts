/** What one topology makes of the state that another one wrote. */
import { describe, expect, it } from 'vitest'
import { count, distinct, sum } from '../../src/aggregators/aggregators.ts'
import { StreamsBuilder } from '../../src/dsl/streams-builder.ts'
import { topic } from '../../src/dsl/topic.ts'
import { keyValueStore } from '../../src/processor/stores.ts'
import { json } from '../../src/serde/json.ts'
import { int32, int64, string } from '../../src/serde/primitives.ts'
import type { Serde } from '../../src/serde/serde.ts'
import type { Topology, TopologyJson } from '../../src/topology/topology.ts'
import { hopping, tumbling } from '../../src/windows/windows.ts'

interface Order {
  readonly cents: number
  readonly shop: string
}

const orders = topic('orders', { key: string(), value: json<Order>() })

function build(draw: (builder: StreamsBuilder) => void): Topology {
  const builder = new StreamsBuilder()
  draw(builder)
  return builder.build()
}

const byShop = build((builder) => {
  builder
    .stream(orders)
    .groupBy((order) => order.shop)
    .count('by-shop')
})

const said = (after: Topology, before: Topology | TopologyJson): readonly string[] =>
  after
    .compare(before)
    .map(({ severity, subject, message }) => `${severity}: ${subject}: ${message}`)

describe('a topology compared with the one before it', () => {
  it('differs in nothing from itself, as it was and as JSON text kept it', () => {
    expect(byShop.compare(byShop)).toEqual([])
    const kept = JSON.parse(JSON.stringify(byShop.toJson())) as TopologyJson
    expect(byShop.compare(kept)).toEqual([])
  })

  it('takes new stateless operators, other functions, and another output', () => {
    const after = build((builder) => {
      const stream = builder.stream(orders).filter((order) => order.cents > 0)
      stream.to(topic('copies', { key: string(), value: json<Order>() }))
      stream.groupBy((order) => order.shop.toLowerCase()).count('by-shop')
    })
    expect(after.compare(byShop)).toEqual([])
  })

  it('refuses a global table of another topic, or of other rows', () => {
    const globally = (name: string, value: Serde<unknown>) =>
      build((builder) => {
        const table = builder.globalTable(topic(name, { key: string(), value }), 'shops')
        const shop = (order: Order) => order.shop
        builder
          .stream(orders)
          .join(table, shop, shop)
          .to(orders as never)
      })
    const before = globally('shops', string())
    expect(said(before, before)).toEqual([])
    expect(said(globally('stores', string()), before)).toEqual([
      "incompatible: global table 'shops': it holds string by string of topic 'shops', and would " +
        "hold string by string of topic 'stores'",
    ])
    expect(said(globally('shops', int32()), before)).toEqual([
      "incompatible: global table 'shops': it holds string by string of topic 'shops', and would " +
        "hold int32 by string of topic 'shops'",
    ])
    const { globals: _, ...earlier } = before.toJson()
    expect(said(before, earlier)).toEqual([
      "compatible: global table 'shops': it is new, and restored from its topic",
    ])
  })

  it('names what is new and what is gone, and goes on', () => {
    const after = build((builder) => {
      builder
        .stream(orders)
        .groupBy((order) => order.shop)
        .count('per-shop')
    })
    const differences = after.compare(byShop)
    expect(differences.map(({ severity, subject }) => [severity, subject])).toEqual([
      ['compatible', "store 'per-shop'"],
      ['compatible', "store 'by-shop'"],
      ['compatible', "repartition topic 'per-shop'"],
      ['compatible', "repartition topic 'by-shop'"],
    ])
  })

  it('refuses other values under the same name', () => {
    const after = build((builder) => {
      builder
        .stream(orders)
        .groupBy((order) => order.shop)
        .aggregate('by-shop', { orders: count(), cents: sum((order) => order.cents) })
    })
    expect(said(after, byShop)).toEqual([
      "incompatible: store 'by-shop': it holds count by default key, and would hold " +
        '{ orders: count, cents: sum } by default key',
    ])
  })

  it('refuses another key, in the store and on the way to it', () => {
    const after = build((builder) => {
      builder
        .stream(orders)
        .groupBy((order) => order.cents, { key: int32() })
        .count('by-shop')
    })
    expect(after.compare(byShop).map(({ severity, subject }) => [severity, subject])).toEqual([
      ['incompatible', "store 'by-shop'"],
      ['incompatible', "repartition topic 'by-shop'"],
    ])
  })

  it.each([
    ['another size', tumbling('10m')],
    ['another shape', hopping('5m', { advance: '1m' })],
    ['another emission', tumbling('5m').emit('final')],
  ])('refuses windows of %s, keyed or not', (_, windows) => {
    const draw = (shape: typeof windows): Topology =>
      build((builder) => {
        const stream = builder.stream(orders)
        stream.groupByKey().windowedBy(shape).count('keyed')
        stream.windowedBy(shape).aggregate('global', { orders: count() })
      })
    const differences = draw(windows).compare(draw(tumbling('5m')))
    expect(new Set(differences.map(({ severity }) => severity))).toEqual(new Set(['incompatible']))
    expect(differences.map(({ subject }) => subject)).toEqual(
      expect.arrayContaining(["store 'keyed'", "store 'global'", "store 'global-partials'"])
    )
  })

  it('takes another grace where nothing follows from the old one', () => {
    const draw = (grace: '0s' | '1m'): Topology =>
      build((builder) => {
        builder.stream(orders).groupByKey().windowedBy(tumbling('5m', { grace })).count('keyed')
      })
    expect(draw('1m').compare(draw('0s'))).toEqual([])
  })

  it('tells numbers from bigints, and options that show in the bytes', () => {
    const draw = (isExact: boolean): Topology =>
      build((builder) => {
        const global = builder.stream(orders).windowedBy(tumbling('5m'))
        const cents = isExact
          ? sum((order: Order) => BigInt(order.cents), 0n)
          : sum((order: Order) => order.cents)
        global.aggregate('takings', { cents, shops: distinct((order) => order.shop) })
      })
    const message = draw(true).compare(draw(false))[0]?.message
    expect(message).toContain('cents: sum(bigint)')
    expect(message).toContain('members in blocks')
  })

  it('compares stores of processors by what they keep', () => {
    const draw = (value: 'int32' | 'int64', logged: boolean): Topology =>
      build((builder) => {
        const serde = value === 'int32' ? int32() : int64()
        const seen = keyValueStore<string, unknown>('seen', {
          key: string(),
          value: serde as never,
          logged,
        })
        builder.stream(orders).process('p', { seen }, () => ({ process: () => {} }))
      })
    expect(said(draw('int64', true), draw('int32', true))[0]).toContain('int64')
    expect(said(draw('int32', true), draw('int32', false))).toEqual([
      "incompatible: store 'seen': it was kept without a changelog, which cannot be written " +
        'afterwards',
    ])
    expect(said(draw('int32', false), draw('int32', true))).toEqual([])
  })

  it('says of sources what changes, and leaves it to their owner', () => {
    const after = build((builder) => {
      builder
        .stream(topic('orders', { key: string(), value: string() }))
        .groupBy((text) => text)
        .count('by-shop')
      builder.stream(topic('visits', { key: string(), value: string() })).peek(() => {})
    })
    const differences = after.compare(byShop).filter(({ severity }) => severity === 'compatible')
    expect(differences.map(({ subject }) => subject)).toEqual([
      "source topic 'orders'",
      "source topic 'visits'",
    ])
  })
})
