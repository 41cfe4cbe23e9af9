/**
 * What the examples in the comments of the public API speak of. Each function makes the names for
 * the examples of some classes; `self` is what a call without a receiver is called on.
 */
import {
  count,
  data,
  hopping,
  type KeyValueStore,
  keyValueStore,
  type StreamsBuilder,
  schemaRegistry,
  session,
  string,
  topic,
  tumbling,
} from '../../src/index.ts'

export interface Order {
  readonly id: string
  readonly user: string
  readonly product: string
  readonly cents: number
  readonly currency: string
  readonly items: readonly string[]
}

export interface User {
  readonly name: string
  readonly region: string
}

export interface Event {
  readonly at: number
}

export const orderTopic = topic('orders', { key: string(), value: data<Order>() })
export const userTopic = topic('users', { key: string(), value: data<User>() })
export const productTopic = topic('products', {
  key: string(),
  value: data<{ readonly title: string }>(),
})
export const paymentTopic = topic('payments', {
  key: string(),
  value: data<{ readonly at: number }>(),
})
export const addressTopic = topic('addresses', {
  key: string(),
  value: data<{ readonly street: string }>(),
})
export const archive = topic('archive', { key: string(), value: data<Order>(), create: true })
export const paid = topic('paid', { key: string(), value: data<Order>(), create: true })
export const seen = keyValueStore('seen', { key: string(), value: data<number>() })

export const registry = schemaRegistry({ url: 'http://registry:8081' })

export const audit = (..._: readonly unknown[]): void => {}
export const rateOf = async (_currency: string): Promise<number> => 1
export const isOrder = ({ cents }: Order): boolean => cents > 0
export const longer = (one: Order, other: Order): Order => (one.cents > other.cents ? one : other)

export type Seen = KeyValueStore<string, number>

export function builders(builder: StreamsBuilder) {
  const orders = builder.stream(orderTopic)
  return { self: builder, orders }
}

export function streams(builder: StreamsBuilder) {
  const orders = builder.stream(orderTopic)
  const returns = builder.stream(topic('returns', { key: string(), value: data<Order>() }))
  const payments = builder.stream(paymentTopic)
  const users = builder.table(userTopic)
  const products = builder.globalTable(productTopic, 'products')
  return { self: orders, orders, returns, payments, users, products }
}

export function tables(builder: StreamsBuilder) {
  const users = builder.table(userTopic)
  const addresses = builder.table(addressTopic)
  const orders = builder.table(orderTopic)
  const products = builder.table(productTopic)
  const visits = builder.stream(topic('visits', { key: string(), value: data<Order>() }))
  const counts = visits.groupByKey().count('visits')
  const perHour = visits.groupByKey().windowedBy(tumbling('1h')).count('per-hour')
  return { self: users, users, people: users, addresses, orders, products, counts, perHour }
}

export function grouped(builder: StreamsBuilder) {
  const orders = builder.stream(orderTopic).groupByKey()
  const visits = builder.stream(paymentTopic).groupByKey()
  return { self: orders, orders, visits }
}

export function groupedTable(builder: StreamsBuilder) {
  const orders = builder.table(orderTopic)
  const self = orders.groupBy(({ user, cents }) => ({ key: user, value: cents }))
  return { self }
}

export function windowed(builder: StreamsBuilder) {
  return { self: builder.stream(orderTopic).groupByKey().windowedBy(tumbling('5m')) }
}

export function globalWindowed(builder: StreamsBuilder) {
  const windows = hopping('24h', { advance: '30m' })
  return { self: builder.stream(orderTopic).windowedBy(windows) }
}

export function sessions(builder: StreamsBuilder) {
  return { self: builder.stream(orderTopic).groupByKey().windowedBy(session('30m')) }
}

export function branches(builder: StreamsBuilder) {
  return { self: builder.stream(orderTopic).split() }
}

/** Functions stand for themselves. */
export function functions(builder: StreamsBuilder) {
  const orders = builder.stream(orderTopic).peek(() => {})
  const clicks = builder.stream(topic('clicks', { key: string(), value: data<Order>() }))
  const returns = builder.stream(topic('returns', { key: string(), value: data<Order>() }))
  return { orders, clicks, returns }
}

/** Their selectors find what they ask for. */
export function aggregators(builder: StreamsBuilder) {
  const orders = builder.stream(orderTopic)
  const events = orders.mapValues((order) => ({ ...order, sessionId: order.id, ms: order.cents }))
  return { self: events.groupByKey() }
}

export function cogrouped(builder: StreamsBuilder) {
  const orders = builder.stream(orderTopic).groupByKey()
  const other = builder.stream(topic('refunds', { key: string(), value: data<Order>() }))
  const self = orders.cogroup((balance: number, order) => balance + order.cents)
  return { self, refunds: other.groupByKey() }
}

export function cogroupedWindows(builder: StreamsBuilder) {
  return { self: cogrouped(builder).self.windowedBy(tumbling('1h')) }
}

export function cogroupedSessions(builder: StreamsBuilder) {
  return { self: cogrouped(builder).self.windowedBy(session('30m')) }
}

export function cogroupedFields(builder: StreamsBuilder) {
  const { orders, visits } = grouped(builder)
  const self = orders.cogroup({ orders: count() })
  return { self, visits }
}

export function cogroupedFieldsInWindows(builder: StreamsBuilder) {
  return { self: cogroupedFields(builder).self.windowedBy(tumbling('1h')) }
}

export function cogroupedFieldsInSessions(builder: StreamsBuilder) {
  return { self: cogroupedFields(builder).self.windowedBy(session('30m')) }
}
