/**
 * Misuse, and what the compiler says: each line below fails, and the comment above it is what is
 * printed. A line that compiles is an error here.
 */
import {
  aggregator,
  approxDistinct,
  boolean,
  collect,
  count,
  data,
  distinct,
  first,
  hopping,
  int64,
  json,
  keyValueStore,
  max,
  type ProcessorContext,
  quantiles,
  StreamsBuilder,
  string,
  sum,
  topic,
  tumbling,
  where,
  within,
} from '../../src/index.ts'

interface Order {
  readonly id: string
  readonly user: string
  readonly cents: bigint
  readonly items: number
}
interface Customer {
  readonly name: string
}

const builder = new StreamsBuilder()
const orderTopic = topic('orders', { key: string(), value: data<Order>() })
const customerTopic = topic('customers', { key: int64(), value: json<Customer>() })
const flagTopic = topic('flags', { key: string(), value: boolean() })
const orders = builder.stream(orderTopic)
const byUser = orders.groupBy((order) => order.user)
const five = tumbling('5m')
const times = keyValueStore('times', { key: string(), value: int64() })
const objectKeys = orders.selectKey((order) => ({ user: order.user }))
type Numbers = ProcessorContext<string, number>

// Collections
// Expected 2-3 arguments: how many are kept must be said.
// @ts-expect-error
byUser.aggregate('all', { all: collect((order) => order.id) })
// Aggregators run synchronously: use mapAsync before aggregate
// @ts-expect-error
byUser.aggregate('one', { one: first(async (order) => order.id) })

// Duplicates
// Type '{ user: string; }' is not assignable to type 'Member'
// @ts-expect-error
orders.deduplicate('once', { by: ({ user }) => ({ user }), within: '1h' })
// A name comes first.
// @ts-expect-error
orders.deduplicate({ by: (order: Order) => order.id, within: '1h' })

// Joins of streams
const customers = builder.stream(customerTopic)
// The keys are string on the left, bigint on the right: use selectKey before the join
// @ts-expect-error
orders.join('j', customers, within('5m'), (order) => order)
// A joiner runs synchronously: join first, then mapAsync
// @ts-expect-error
orders.join('j', orders, within('5m'), async (order) => order)
// A name comes first.
// @ts-expect-error
orders.join(orders, within('5m'), (order: Order) => order)
// Only what is null is missing: the other side of a left join may be.
// @ts-expect-error
orders.leftJoin('j', orders, within('5m'), (order, other) => order.items + other.items)
// Type '"5 minutes"' is not assignable
// @ts-expect-error
within('5 minutes')

// Names
// This keeps durable state, so name it: .count('orders-by-user')
// @ts-expect-error
byUser.count()
// This keeps durable state, so name it: .aggregate('per-user', { … })
// @ts-expect-error
byUser.aggregate({ orders: count() })
// This keeps durable state, so name it: .aggregate('traffic-5m', { … })
// @ts-expect-error
byUser.windowedBy(five).aggregate({ orders: count() })
// This keeps durable state, so name it: .count('orders-5m')
// @ts-expect-error
byUser.windowedBy(five).count()
// This keeps durable state, so name it: .count('orders-5m')
// @ts-expect-error
orders.windowedBy(five).count()
// This keeps durable state, so name it: .aggregate('traffic-5m', { … })
// @ts-expect-error
orders.windowedBy(five).aggregate({ orders: count() })
// This keeps durable state, so name it: .reduce('latest', (kept, value) => …)
// @ts-expect-error
byUser.reduce((kept: Order) => kept)
// Expected 1-2 arguments, but got 0
// @ts-expect-error
orders.repartition()

// Tables
const people = builder.table(customerTopic, 'people')
const byName = people.groupBy(({ name }, id) => ({ key: name, value: id }))
// This keeps durable state, so name it: .count('users-by-region')
// @ts-expect-error
byName.count()
// This keeps durable state, so name it: .reduce('stock', add, remove)
// @ts-expect-error
byName.reduce((kept: bigint, id: bigint) => kept + id)
// Rows of a table change: give this aggregator a remove function
// @ts-expect-error
byName.aggregate('most', { most: max((id) => id) })
// @ts-expect-error as above
byName.aggregate('ids', { ids: approxDistinct((id) => id) })
// @ts-expect-error as above
byName.aggregate('ids', { ids: quantiles((id) => id, [0.5]) })
// Expected 4-5 arguments, but got 3: what is added must be removed again
const zero = () => 0n
const plus = (total: bigint, id: bigint) => total + id
// @ts-expect-error
byName.aggregate('ids', zero, plus)
// Expected 1-2 arguments, but got 0
// @ts-expect-error
orders.toTable()
// Expected 1-2 arguments, but got 0
// @ts-expect-error
people.stored()
// A predicate answers true or false
// @ts-expect-error
people.filter(({ name }) => name)
// This callback runs synchronously: for a promise use toStream().mapAsync(…)
// @ts-expect-error
people.mapValues(async ({ name }) => name)
// A key of this type has no default serde: say { key: serde } as the last argument
// @ts-expect-error
people.groupBy((customer) => ({ key: { customer }, value: 1 }))
// A key of this type has no default serde: say { key: serde } as the last argument
// @ts-expect-error
objectKeys.toTable('by-object')
// Property 'windowedBy' does not exist on type 'StoredKTable'
// @ts-expect-error
people.windowedBy(five)

// The keys are string on the left, bigint on the right: use selectKey before the join
// @ts-expect-error
orders.join(people, (order, { name }) => order.id + name)
// A joiner runs synchronously: join first, then mapAsync
// @ts-expect-error
orders.selectKey(() => 1n).leftJoin(people, async (order) => order.id)
// The keys are bigint on the left, string on the right: use selectKey before the join
// @ts-expect-error
people.join(orders.toTable('orders-table'), ({ name }) => name)
const nameOf = ({ name }: Customer) => name
// The foreign key is not a key of the other table
// @ts-expect-error
people.join('by-name', people, nameOf, nameOf)
// Property 'grace' is missing: a join with a table needs a name only if it waits
// @ts-expect-error
orders.join('named', orders.toTable('orders-again'), (order) => order.id)

// Durations and windows
// Argument of type '"5 minutes"' is not assignable to parameter of type '`${number}d` | …'
// @ts-expect-error
tumbling('5 minutes')
// Argument of type '300000' is not assignable to parameter of type '`${number}d` | …'
// @ts-expect-error
tumbling(300_000)
// Expected 2 arguments, but got 1
// @ts-expect-error
hopping('1h')
// Type '"1 min"' is not assignable to type '`${number}d` | …'
// @ts-expect-error
tumbling('5m', { grace: '1 min' })
// Object literal may only specify known properties, but 'garce' does not exist
// @ts-expect-error
tumbling('5m', { garce: '1m' })
// Argument of type '"finals"' is not assignable to parameter of type 'Emission'
// @ts-expect-error
five.emit('finals')
// emptyWindows is for windows without a key: drop it here, or drop the grouping
// @ts-expect-error
byUser.windowedBy(tumbling('5m', { emptyWindows: true }))
// Type '"2 min"' is not assignable to type '`${number}d` | …'
// @ts-expect-error
builder.stream(orderTopic, { maxFuture: '2 min' })

// Promises
// An aggregator runs synchronously: it cannot answer a promise
// @ts-expect-error
byUser.aggregate('x', { items: sum(async (order) => order.items) })
// @ts-expect-error as above
byUser.aggregate('x', { n: count(where(async (order) => order.id === '')) })
// An aggregator runs synchronously: it cannot answer a promise
// @ts-expect-error
byUser.aggregate(
  'x',
  () => 0,
  async (n) => n + 1
)
// This callback runs synchronously: it cannot answer a promise
// @ts-expect-error
orders.mapValues(async (order) => order.id)
// @ts-expect-error as above
orders.filter(async (order) => order.id === '')
// @ts-expect-error as above
orders.peek(async (order) => void order)
// A predicate answers true or false
// @ts-expect-error
orders.filter((order) => order.id)

// Type 'string' is not assignable to type 'PromiseLike<unknown>': that is mapValues
// @ts-expect-error
orders.mapAsync((order) => order.id)
// Type '"5 seconds"' is not assignable to type '`${number}d` | …'
// @ts-expect-error
orders.mapAsync(async (order) => order.id, { timeout: '5 seconds' })
// A predicate answers true or false: the answer is a promise of one
// @ts-expect-error
orders.mapAsync(async (order) => order.id).filter(async (id) => id === '')
// The values of this stream do not fit the topic: mapValues first
// @ts-expect-error
orders.mapAsync(async (order) => order.items).to(orderTopic)

// Abilities and member types of aggregators
// Windows without a key merge partial results: give this aggregator a merge function
// @ts-expect-error
orders.windowedBy(five).aggregate('x', { n: aggregator({ init: () => 0, add: (n) => n + 1 }) })
// @ts-expect-error a sum is of numbers
byUser.aggregate('x', { total: sum((order) => order.id) })
// @ts-expect-error distinct cannot tell objects apart
byUser.aggregate('x', { orders: distinct((order) => ({ id: order.id })) })
// @ts-expect-error approxDistinct neither
byUser.aggregate('x', { orders: approxDistinct((order) => ({ id: order.id })) })
// @ts-expect-error quantiles are of numbers
byUser.aggregate('x', { ids: quantiles((order) => order.id, [0.5]) })
// Expected 2-3 arguments, but got 1: which ones must be said
// @ts-expect-error
byUser.aggregate('x', { items: quantiles((order) => order.items) })
// A gauge shows a number, a bigint, or null for unknown
// @ts-expect-error
byUser.count('n').toGauge({ name: 'n', help: '', value: (n) => `${n}` })

// Serdes and topics
// JSON would lose a bigint, Date, Map, Set, bytes or function: use data()
// @ts-expect-error
json<Order>()
// A key of this type has no default serde: say { key: serde } as the last argument
// @ts-expect-error
orders.groupBy((order) => ({ user: order.user }))
// @ts-expect-error as above
objectKeys.groupByKey()
// @ts-expect-error as above
objectKeys.repartition('r')
objectKeys.groupByKey({ key: data<{ user: string }>() })
objectKeys.repartition('r', { key: data<{ user: string }>() })
// No default serde keeps a function, symbol or promise: give { value: serde }
// @ts-expect-error
orders.mapValues((order) => ({ run: () => order })).groupBy(() => 'all')
// The keys of this stream do not fit the topic: selectKey or map first
// @ts-expect-error
orders.to(customerTopic)
// The values of this stream do not fit the topic: mapValues first
// @ts-expect-error
orders.to(flagTopic)
// @ts-expect-error as above
orders.to((order) => (order.cents > 9n ? flagTopic : flagTopic), { among: [flagTopic] })
// Expected 2 arguments, but got 1: the topics must be known at start
// @ts-expect-error
orders.to(() => orderTopic)

// Processors and branches
orders
  // State what you forward: (context: ProcessorContext<string, Total>) => …
  // @ts-expect-error
  .process('p', {}, (c) => ({ process: ({ key }) => c.forward({ key, value: 1 }) }))
// Type 'string' is not assignable to type 'number'
// @ts-expect-error
orders.process('p', {}, (c: Numbers) => ({ process: ({ key }) => c.forward({ key, value: key }) }))
// Argument of type 'number' is not assignable to parameter of type 'bigint'
// @ts-expect-error
orders.process('p', { times }, (_, { times }) => ({ process: ({ key }) => times.put(key, 1) }))
// Property 'forward' does not exist on type 'ValueProcessorContext'
// @ts-expect-error
orders.processValues('p', {}, (c) => (order, key) => c.forward({ key, value: order }))
orders
  .split()
  .branch('a', (order) => order.id === '')
  // This branch name is taken
  // @ts-expect-error
  .defaultBranch('a')
