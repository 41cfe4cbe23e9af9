/**
 * The topology that the faults meet: an echo, a running aggregate by key, and counts behind a
 * repartition topic. What it puts out tells by itself which input it comes from, so that a missing,
 * doubled or misplaced record can be named.
 */
import { count, json, min, StreamsBuilder, string, sum, type Topology, topic } from 'millrace'

interface Payment {
  readonly id: number
  readonly amount: number
  readonly group: string
}

export function payments(applicationId: string): Topology {
  const key = string()
  const builder = new StreamsBuilder()
  const payments = topic(`${applicationId}.in`, { key, value: json<Payment>() })
  const input = builder.stream(payments)
  input.to(topic(`${applicationId}.echo`, { key, value: json<Payment>() }))
  input
    .groupByKey()
    .aggregate('running', { n: count(), sum: sum((p) => p.amount), min: min((p) => p.amount) })
    .toStream()
    .to(topic(`${applicationId}.running`, { key, value: json() }))
  input
    .groupBy(({ group }) => group)
    .aggregate('by-group', { n: count(), ids: sum(({ id }) => id) })
    .toStream()
    .to(topic(`${applicationId}.counts`, { key, value: json() }))
  return builder.build()
}
