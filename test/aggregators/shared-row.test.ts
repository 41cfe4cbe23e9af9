/** Rows that share what they make of values, against rows that each take every value. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Aggregators } from '../../src/aggregators/aggregator.ts'
import {
  count,
  distinct,
  first,
  max,
  mean,
  min,
  sum,
  where,
} from '../../src/aggregators/aggregators.ts'
import { type Row, RowAggregation } from '../../src/aggregators/row.ts'
import { canShare, SharedRow } from '../../src/aggregators/shared-row.ts'

interface Order {
  readonly user: string
  readonly cents: bigint | null
  readonly items: number | bigint
}

const user = (order: Order): string => order.user
const cents = (order: Order): bigint | null => order.cents
const items = (order: Order): number | bigint => order.items
const isLarge = (order: Order): boolean => order.items > 3
const kinds: readonly Aggregators<Order>[] = [
  { users: distinct(user), orders: count(where(isLarge)), least: min(items), most: max(items) },
  { all: distinct(user), large: distinct(user, where(isLarge)), most: max(items) },
  { revenue: sum(cents, 0n), orders: count(), some: sum(cents, where(isLarge), 0n) },
  { least: min(cents), most: max(items, where(isLarge)), count: count(where(isLarge)) },
]
const aggregations = kinds.map((fields) => new RowAggregation('orders', fields))

class Members extends Set<string> {
  take(member: string): boolean {
    const before = this.size
    return this.add(member).size > before
  }
}

class Kept {
  readonly rows: Row[] = aggregations.map((one) => one.init())
  readonly sets = aggregations.map(({ fields }) => fields.map(() => new Members()))

  add(index: number, order: Order): void {
    const addMember = (slot: number, member: string): boolean =>
      this.sets[index]?.[slot]?.take(member) ?? false
    aggregations[index]?.add(this.rows[index] ?? [], order, { addMember })
  }

  /** With the sizes of sets where they belong. */
  seen(): unknown {
    const rows = this.rows.map((row, index) =>
      row.map((state, slot) =>
        aggregations[index]?.sets.includes(slot) ? this.sets[index]?.[slot]?.size : state
      )
    )
    return [rows, this.sets]
  }
}

const order = fc.record({
  user: fc.string({ maxLength: 2 }),
  cents: fc.option(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n })),
  items: fc.oneof(fc.nat(9), fc.constant(Number.NaN), fc.constant(-0), fc.bigInt(0n, 9n)),
})
const runs = fc.array(fc.array(order, { maxLength: 12 }), { maxLength: 5 })

function sharing(kept: Kept): SharedRow {
  const shared = new SharedRow(aggregations)
  shared.tellMembersTo((index, slot) => {
    const set = kept.sets[index]?.[slot] ?? new Members()
    return { add: (member) => set.take(member) }
  })
  return shared
}

test('rows that share hold what they would have taken in each by itself', () => {
  fc.assert(
    fc.property(runs, (all) => {
      const [apart, together] = [new Kept(), new Kept()]
      const shared = sharing(together)
      for (const run of all) {
        for (const one of run) {
          for (const index of kinds.keys()) apart.add(index, one)
          shared.add(one)
        }
        for (const [index, row] of together.rows.entries()) shared.addTo(index, row)
        shared.reset()
      }
      expect(together.seen()).toEqual(apart.seen())
    })
  )
})

test('a value that makes a function throw leaves no trace', () => {
  const kept = new Kept()
  const shared = sharing(kept)
  const broken = { user: 'a', items: 4, cents: 1 } as unknown as Order
  expect(() => shared.add(broken)).toThrow(/cannot add a number/)
  for (const [index, row] of kept.rows.entries()) shared.addTo(index, row)
  expect(kept.seen()).toEqual(new Kept().seen())
})

test('what differs by the order or the groups in which values come is not shared', () => {
  const shares = (fields: Aggregators<Order>): boolean =>
    canShare(new RowAggregation('orders', { orders: count(), ...fields }))
  expect(shares({ revenue: sum(cents, 0n) })).toBe(true)
  expect(shares({ items: sum(({ items }: Order) => Number(items)) })).toBe(false)
  expect(shares({ mean: mean(items) })).toBe(false)
  expect(shares({ first: first(user) })).toBe(false)
})

test('a function that several fields choose by is called once for each value', () => {
  let calls = 0
  const counting = (value: Order): string => {
    calls += 1
    return value.user
  }
  const both = [{ a: distinct(counting) }, { b: distinct(counting), c: count() }]
  const shared = new SharedRow(both.map((fields) => new RowAggregation('orders', fields)))
  shared.tellMembersTo(() => ({ add: () => true }))
  shared.add({ user: 'a', cents: null, items: 1 })
  expect(calls).toBe(1)
})
