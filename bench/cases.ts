/** The benchmark's topologies: the same work as the cases of the same names in `bench/java`. */
import {
  hopping,
  json,
  type KStream,
  nullable,
  StreamsBuilder,
  string,
  sum,
  type Topology,
  topic,
  tumbling,
  untilWindowCloses,
} from '../src/index.ts'
import { shopMetrics } from '../topologies/shop-metrics.ts'
import { centsOf as cents, grace, isOrder, orderType, type ShopEvent } from './events.ts'
import type { BenchOptions } from './options.ts'
import { drawShop, type Row } from './shop.ts'

/** Of the hopping case whose total is split. */
const shards = 16

type Events = KStream<string, ShopEvent>
type Rows = KStream<string, unknown>

export interface DrawnCase {
  readonly options: BenchOptions
  readonly input: string
  readonly output: string
}

/** For threads: they build a topology with one argument. */
export function drawCase({ options, input, output }: DrawnCase): Topology {
  return benchTopology(options, input, output)
}

/** `input` is filled; `output` is made at start, with as many partitions. */
export function benchTopology(options: BenchOptions, input: string, output: string): Topology {
  if (options.name === 'shop-app') return shopApp(options, input, output)
  const builder = new StreamsBuilder()
  const source = builder.stream(topic(input, { key: string(), value: json<ShopEvent>() }))
  // The peers parse every record; a callback that takes the value makes sure that this does too.
  const events = options.lazy ? source : source.peek((event) => void event)
  const config = { 'retention.ms': '-1', ...options.outputConfig }
  const out = { create: true, partitions: options.partitions, config }
  if (options.name === 'shop') {
    drawShop(events, topic(output, { key: string(), value: json<Row>(), ...out }))
    return builder.build()
  }
  // A count is null where its table has lost a row; nothing else is ever null.
  const value = options.name === 'count' ? nullable(json<unknown>()) : json<unknown>()
  rows(options, source, events).to(topic(output, { key: string(), value, ...out }))
  return builder.build()
}

function rows(options: BenchOptions, source: Events, events: Events): Rows {
  const { name } = options
  if (name === 'pass') return source.filter(isOrder)
  if (name === 'hop-shard-final') return shardedTotals(options, events)
  if (name.startsWith('hop')) return totals(options, events)
  if (name.startsWith('wcount')) return windowed(options, events)
  return events.groupByKey().count('counts').toStream()
}

/** Per key and five minutes. */
function windowed({ name }: BenchOptions, events: Events): Rows {
  const windows = tumbling('5m', { grace })
  const grouped = events.groupByKey()
  if (name === 'wcount-suppress') {
    const held = grouped.windowedBy(windows).count('counts')
    return held
      .suppress('held', untilWindowCloses())
      .toStream()
      .map((value, { key, window }) => ({ key: `${key}@${window.start}`, value }))
  }
  const counts =
    name === 'wcount-final'
      ? grouped.windowedBy(windows.emit('final')).count('counts').toStream()
      : grouped.windowedBy(windows).count('counts').toStream()
  return counts.map((value, { key, window }) => ({ key: `${key}@${window.start}`, value }))
}

/** Of the orders, or of all records: one total for the whole shop. */
function totals({ name, window, advance }: BenchOptions, events: Events): Rows {
  const taken = name.startsWith('hop-all') ? events : events.filter(isOrder)
  const windows = hopping(window, { advance, grace })
  const total = { cents: sum(cents) }
  const all = name.endsWith('-final')
    ? taken.windowedBy(windows.emit('final')).aggregate('total', total).toStream()
    : taken.windowedBy(windows).aggregate('total', total).toStream()
  return all.map((value, { window: { start } }) => ({ key: `total@${start}`, value }))
}

function shardedTotals({ window, advance }: BenchOptions, events: Events): Rows {
  return events
    .filter(isOrder)
    .groupBy(({ sessionId }) => `shop${shardOf(sessionId)}`)
    .windowedBy(hopping(window, { advance, grace }).emit('final'))
    .aggregate('total', { cents: sum(cents) })
    .toStream()
    .map((value, { key, window: { start } }) => ({ key: `${key}@${start}`, value }))
}

/** Java's hash of a string, so that both sides have the same shards. */
export function shardOf(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0
  return hash & (shards - 1)
}

function shopApp({ refresh }: BenchOptions, eventsTopic: string, metricsTopic: string): Topology {
  return shopMetrics({
    eventsTopic,
    metricsTopic,
    orderTypes: [orderType],
    currency: 'EUR',
    grace,
    idle: 'off',
    conversionRefresh: refresh,
    maxFuture: 'off',
  })
}
