/** A module as `millrace run` and its siblings take it: counts orders by customer. */
import { count, json, StreamsBuilder, string, type Topology, topic } from '../../src/index.ts'

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

/** No function, and one that builds nothing. */
export const notAFunction = 1
export function nothing(): number {
  return 0
}
