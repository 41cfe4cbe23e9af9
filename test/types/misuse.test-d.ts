/**
 * Misuse, and what the compiler says: each line below fails, and the comment above it is what is
 * printed. A line that compiles is an error here.
 */
import {
  aggregator,
  approxDistinct,
  boolean,
  calendar,
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
  retry,
  StreamsBuilder,
  session,
  sliding,
  string,
  sum,
  topic,
  tumbling,
  unlimited,
  untilTimeLimit,
  untilWindowCloses,
  where,
  windowStore,
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
orders.leftJoin(people, (order: Order) => order)
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

// A time zone must be named: whose day?
// @ts-expect-error
calendar('day')
// Argument of type '"year"' is not assignable to parameter of type 'CalendarUnit'
// @ts-expect-error
calendar('year', { timeZone: 'UTC' })
// emptyWindows is for windows without a key: drop it here, or drop the grouping
// @ts-expect-error
byUser.windowedBy(calendar('day', { timeZone: 'UTC', emptyWindows: true }))
// Object literal may only specify known properties, and 'emptyWindows' does not exist
// @ts-expect-error
sliding('5m', { emptyWindows: true })
// Property 'emit' does not exist: a window that never ends has no final rows
// @ts-expect-error
unlimited().emit('final')
// Object literal may only specify known properties, and 'grace' does not exist
// @ts-expect-error
unlimited({ grace: '1m' })
// A window without an end needs a key: group first
// @ts-expect-error
orders.windowedBy(unlimited())
// Nothing is ever late for it
// @ts-expect-error
byUser.windowedBy(unlimited(), { late: () => {} })
// This keeps durable state, so name it
// @ts-expect-error
byUser.windowedBy(unlimited()).count()
// Windows that records make need a key: group first
// @ts-expect-error
orders.windowedBy(session('5m'))
// @ts-expect-error as above
orders.windowedBy(sliding('5m'))
byUser.windowedBy(session('5m')).aggregate(
  'x',
  // Sessions merge: a third function says how
  // @ts-expect-error
  () => 0,
  (n: number) => n + 1
)
byUser.windowedBy(session('5m')).aggregate('x', {
  // Sessions merge when a record joins them: give this aggregator a merge function
  // @ts-expect-error
  n: aggregator({ init: () => 0, add: (n: number) => n + 1 }),
})
// This keeps durable state, so name it: .count('visits')
// @ts-expect-error
byUser.windowedBy(session('5m')).count()
// This keeps durable state, so name it
// @ts-expect-error
byUser.windowedBy(sliding('5m')).count()

// Suppression
const opened = byUser.windowedBy(five).count('opened')
// emit('final') puts out closed windows only: there is nothing to suppress
// @ts-expect-error
byUser.windowedBy(five.emit('final')).count('n').suppress('s', untilWindowCloses())
// This table has no windows that could close: use untilTimeLimit
// @ts-expect-error
byUser.count('n').suppress('s', untilWindowCloses())
// This keeps durable state, so name it: .suppress('hourly', untilTimeLimit('1h'))
// @ts-expect-error
opened.suppress(untilTimeLimit('1h'))
// Type '"1 hour"' is not assignable
// @ts-expect-error
untilTimeLimit('1 hour')
// Type '"drop"' is not assignable to type '"emit-early" | "stop"'
// @ts-expect-error
untilTimeLimit('1h', { whenFull: 'drop' })
// Closed windows are final: nothing goes early
// @ts-expect-error
untilWindowCloses({ whenFull: 'emit-early' })

// Cogroups
const customersById = builder.stream(customerTopic).groupByKey()
const byId = orders.selectKey(() => 1n).groupByKey()
// The keys are string on the left, bigint on the right: use selectKey before the join
// @ts-expect-error
byUser.cogroup({ n: count() }).and(customersById, { m: count() })
// @ts-expect-error a step takes the values of its own stream
byId.cogroup((n: number) => n + 1).and(customersById, (n, order: Order) => n + order.items)
// @ts-expect-error as do selectors
byId.cogroup({ n: count() }).and(customersById, { m: sum((order: Order) => order.items) })
// Another stream of this cogroup has a field of this name
// @ts-expect-error
byId.cogroup({ n: count() }).and(customersById, { n: count() })
// An aggregator runs synchronously: it cannot answer a promise
// @ts-expect-error
byUser.cogroup(async (n: number) => n + 1)
// This keeps durable state, so name it: .aggregate('customers')
// @ts-expect-error
byId.cogroup({ n: count() }).aggregate()
// This keeps durable state, so name it: .aggregate('balances', () => 0)
// @ts-expect-error
byUser.cogroup((n: number) => n + 1).aggregate(() => 0)
const lone = byUser.cogroup({ n: aggregator({ init: () => 0, add: (n: number) => n + 1 }) })
// Sessions merge when a record joins them: give this aggregator a merge function
// @ts-expect-error
lone.windowedBy(session('5m')).aggregate('n')

// Late records and errors
// The values of this stream do not fit the topic: mapValues first
// @ts-expect-error
byUser.windowedBy(five, { late: (records) => records.to(flagTopic) })
// @ts-expect-error as above
orders.windowedBy(five, { late: (records) => records.to(flagTopic) })
// Type '"ignore"' is not assignable to type 'ErrorAction | Retry'
// @ts-expect-error
builder.stream(orderTopic, { errors: { process: 'ignore' } })
// Bytes do not change by reading them again: Type 'Retry' is not assignable
// @ts-expect-error
builder.stream(orderTopic, { errors: { decode: retry(3) } })
// Type '"retry"' is not assignable to type 'ErrorAction'
// @ts-expect-error
retry(3, { finally: 'retry' })
// Type '"2 seconds"' is not assignable to type '`${number}d` | …'
// @ts-expect-error
retry(3, { backoff: '2 seconds' })
// Type 'string' is not assignable to type 'DeadLetterTopic'
// @ts-expect-error
new StreamsBuilder({ errors: { process: 'dead-letter', deadLetters: 'dead' } })

// Promises
// An aggregator runs synchronously: it cannot answer a promise
// @ts-expect-error
byUser.aggregate('x', { items: sum(async (order) => order.items) })
// @ts-expect-error as above
byUser.aggregate('x', { n: count(where(async (order) => order.id === '')) })
// add runs synchronously: use mapAsync before
// @ts-expect-error
byUser.aggregate('x', { n: aggregator({ init: () => 0, add: async (n: number) => n + 1 }) })
// This callback runs synchronously: it cannot answer a promise
// @ts-expect-error
orders.forEach(async (order) => void order)
// @ts-expect-error as above
orders.selectKey(async (order) => order.id)
// @ts-expect-error as above
orders.map(async (order) => ({ key: order.id, value: order }))
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
// Argument of type 'StoreHandle' is not assignable to parameter of type 'string'
// @ts-expect-error
builder.table(orderTopic, windowStore('w', { ...orderTopic, size: '5m', retention: '1h' }))
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
