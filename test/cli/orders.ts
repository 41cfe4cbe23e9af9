/** A module as `millrace run` and its siblings take it: counts orders by customer. */
import {
  count,
  json,
  StreamsBuilder,
  session,
  string,
  type Topology,
  topic,
  tumbling,
} from '../../src/index.ts'

export interface OrdersInput {
  readonly input?: string
  readonly output?: string
  /** Makes another topology of it. */
  readonly store?: string
}

export function topology(options: OrdersInput = {}): Topology {
  const { input = 'orders', output = 'orders-by-customer', store = 'by-customer' } = options
  const builder = new StreamsBuilder()
  const orders = topic(input, { key: string(), value: json<{ customer: string }>() })
  const counts = topic(output, { key: string(), value: json<{ n: number }>(), create: true })
  builder
    .stream(orders)
    .groupBy(({ customer }) => customer)
    .aggregate(store, { n: count() })
    .toStream()
    .to(counts)
  return builder.build()
}

/** The same name with other values in its store. */
export function changed(): Topology {
  const builder = new StreamsBuilder()
  const orders = topic('orders', { key: string(), value: json<{ customer: string }>() })
  builder
    .stream(orders)
    .groupBy(({ customer }) => customer)
    .count('by-customer')
    .toStream()
    .to(topic('counts', { key: string(), value: json<number>(), create: true }))
  return builder.build()
}

/** Rows of all kinds. */
export function windowsAndSessions(): Topology {
  const builder = new StreamsBuilder()
  const orders = builder.stream(topic('orders', { key: string(), value: json<object>() }))
  const byKey = orders.groupByKey()
  byKey.count('by-customer')
  byKey.windowedBy(tumbling('1m', { grace: '0s' })).aggregate('by-minute', { n: count() })
  byKey.windowedBy(session('5m', { grace: '0s' })).count('by-session')
  return builder.build()
}

/** No function, and one that builds nothing. */
export const notAFunction = 1
export function nothing(): number {
  return 0
}
