/** Named aggregates against a plain recount, split, merged and written in between. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Aggregators } from '../../src/aggregators/aggregator.ts'
import {
  aggregator,
  collect,
  count,
  distinct,
  first,
  last,
  max,
  mean,
  min,
  sum,
  where,
} from '../../src/aggregators/aggregators.ts'
import { ByteReader, ByteWriter } from '../../src/aggregators/bytes.ts'
import { type Row, RowAggregation } from '../../src/aggregators/row.ts'
import { string } from '../../src/serde/primitives.ts'

interface Order {
  readonly user: string
  readonly cents: bigint | null
  readonly items: number
}

const large = where((order: Order) => order.items > 3)
const fields = {
  orders: count(),
  large: count(large),
  revenue: sum((order: Order) => order.cents, large, 0n),
  items: sum((order: Order) => order.items),
  least: min((order: Order) => order.cents),
  most: max((order: Order) => order.items, large),
  mean: mean((order: Order) => order.cents),
  users: distinct((order: Order) => order.user, large),
  opened: first((order: Order) => order.cents),
  closed: last((order: Order) => ({ by: order.user }), large),
  some: collect((order: Order) => order.cents, { max: 5 }),
  longest: aggregator({
    init: () => '',
    add: (kept: string, { user }: Order) => (user.length > kept.length ? user : kept),
    merge: (left, right) => (right.length > left.length ? right : left),
    result: (kept) => kept.length,
    state: string(),
  }),
}
const rows = new RowAggregation('orders', fields)

class Sets {
  readonly members = new Set<string>()
  addMember(field: number, member: string): boolean {
    const before = this.members.size
    return this.members.add(`${field}${member}`).size > before
  }
}

function aggregate(orders: readonly Order[], sets = new Sets()): Row {
  const row = rows.init()
  for (const order of orders) rows.add(row, order, sets)
  return row
}

function rewritten(row: Row): Row {
  const writer = new ByteWriter()
  rows.write(writer, row)
  return rows.read(new ByteReader(writer.take()))
}

function recount(orders: readonly Order[]): unknown {
  const big = orders.filter(({ items }) => items > 3)
  const priced = orders.flatMap(({ cents }) => cents ?? [])
  const total = (list: readonly bigint[]) => list.reduce((all, one) => all + one, 0n)
  return {
    orders: orders.length,
    large: big.length,
    revenue: total(big.flatMap(({ cents }) => cents ?? [])),
    items: orders.reduce((all, { items }) => all + items, 0),
    least: priced.length === 0 ? null : priced.sort((a, b) => Number(a - b))[0],
    most: big.length === 0 ? null : Math.max(...big.map(({ items }) => items)),
    mean: priced.length === 0 ? null : Number(total(priced)) / priced.length,
    users: new Set(big.map(({ user }) => user)).size,
    opened: orders.find(({ cents }) => cents !== null)?.cents ?? null,
    closed: big.length === 0 ? null : { by: big.at(-1)?.user },
    some: orders.flatMap(({ cents }) => cents ?? []).slice(0, 5),
    longest: Math.max(0, ...orders.map(({ user }) => user.length)),
  }
}

const order = fc.record({
  user: fc.string({ maxLength: 3 }),
  cents: fc.option(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n })),
  items: fc.nat(9),
})
const orders = fc.array(order, { maxLength: 30 })

test('rows are what a recount says, in the order of the declaration', () => {
  fc.assert(
    fc.property(orders, (list) => {
      const result = rows.result(rewritten(aggregate(list)))
      expect(result).toEqual(recount(list))
      expect(Object.keys(result)).toEqual(Object.keys(fields))
    })
  )
})

test('a collection is of a size that is said', () => {
  const unbounded = { all: collect((order: Order) => order.user, { max: 0 }) }
  expect(() => new RowAggregation('orders', unbounded)).toThrow(/up to 0/)
})

test('merging the parts gives the whole, and leaves the parts as they were', () => {
  fc.assert(
    fc.property(fc.array(orders, { maxLength: 4 }), (lists) => {
      const sets = new Sets()
      const parts = lists.map((list) => aggregate(list, sets))
      const before = parts.map((part) => rows.result(part))
      const merged = rows.init()
      for (const part of parts) rows.merge(merged, part)
      merged[rows.sets[0] ?? -1] = sets.members.size
      expect(rows.result(merged)).toEqual(recount(lists.flat()))
      expect(parts.map((part) => rows.result(part))).toEqual(before)
    })
  )
})

test('a merge that picks its right side does not hand it out to be changed', () => {
  const picking = new RowAggregation('picking', {
    list: aggregator({
      init: (): number[] => [],
      add: (list: number[], one: number) => {
        list.push(one)
        return list
      },
      merge: (left, right) => {
        if (left.length === 0) return right
        left.push(...right)
        return left
      },
    }),
  })
  const part = picking.init()
  picking.add(part, 1, new Sets())
  const merged = picking.init()
  picking.merge(merged, part)
  picking.merge(merged, part)
  expect(picking.result(merged)).toEqual({ list: [1, 1] })
  expect(picking.result(part)).toEqual({ list: [1] })
})

test('what other fields have written is not read', () => {
  const writer = new ByteWriter()
  rows.write(writer, rows.init())
  const others: Aggregators<never> = { ...fields, orders: sum(({ items }: Order) => items) }
  const read = () => new RowAggregation('orders', others).read(new ByteReader(writer.take()))
  expect(read).toThrow(/'orders' finds results of other fields/)
})

test('what cannot be added is refused by name', () => {
  const wrong = (value: unknown): (() => void) => {
    const one = new RowAggregation('r', { total: sum((v: number) => v) })
    return () => one.add(one.init(), value, new Sets())
  }
  expect(wrong('12')).toThrow(/'total' takes a number, a bigint or null, got a string/)
  expect(wrong(12n)).toThrow(/sum\(select, 0n\)/)
  expect(() => distinctOf({})).toThrow(/tells strings, numbers/)
})

function distinctOf(value: unknown): void {
  const one = new RowAggregation('r', { seen: distinct((v: string) => v) })
  one.add(one.init(), value, new Sets())
}
