/** The benchmark's topologies: the same work as the peers' cases of the same names. */
import {
  count,
  type Duration,
  distinct,
  hopping,
  json,
  type KStream,
  nullable,
  StreamsBuilder,
  string,
  sum,
  type Topic,
  type Topology,
  topic,
  tumbling,
  type WindowedKTable,
  where,
} from '../src/index.ts'
import { shopMetrics } from '../topologies/shop-metrics.ts'
import type { BenchOptions } from './options.ts'

interface ShopEvent {
  readonly timestamp: number
  readonly sessionId: string
  readonly eventType: string
  readonly total_price: string
}

const grace: Duration = '1m'
const isOrder = (event: ShopEvent): boolean => event.eventType === 'checkout_click'
const cents = (event: ShopEvent): number => Math.round(Number(event.total_price) * 100)

/** `input` is filled; `output` is made at start, with as many partitions. */
export function benchTopology(options: BenchOptions, input: string, output: string): Topology {
  if (options.name === 'shop') return shop(input, output)
  const builder = new StreamsBuilder()
  const source = builder.stream(topic(input, { key: string(), value: json<ShopEvent>() }))
  // The peers parse every record; a callback that takes the value makes sure that this does too.
  const events = options.lazy ? source : source.peek((event) => void event)
  const out = { create: true, partitions: options.partitions, config: { 'retention.ms': '-1' } }
  if (options.name === 'pass') {
    source.filter(isOrder).to(topic(output, { key: string(), value: json<ShopEvent>(), ...out }))
  } else if (options.name === 'wcount-final') {
    events
      .groupByKey()
      .windowedBy(tumbling('5m', { grace }).emit('final'))
      .count('counts')
      .toStream()
      .map((value, { key, window }) => ({ key: `${key}@${window.start}`, value }))
      .to(topic(output, { key: string(), value: json<number>(), ...out }))
  } else if (options.name === 'shop-pair') {
    drawShopPair(events, topic(output, { key: string(), value: json<Row>(), ...out }))
  } else if (options.name === 'hop-all-final') {
    events
      .windowedBy(hopping('24h', { advance: '30m', grace }).emit('final'))
      .aggregate('total', { cents: sum(cents) })
      .toStream()
      .map((value, { window }) => ({ key: `total@${window.start}`, value }))
      .to(topic(output, { key: string(), value: json<{ cents: number }>(), ...out }))
  } else {
    events
      .groupByKey()
      .count('counts')
      .toStream()
      .to(topic(output, { key: string(), value: nullable(json<number>()), ...out }))
  }
  return builder.build()
}

type Row = Readonly<Record<string, number>>

/**
 * What the peers compute as `shop`, no more: conversion once an hour, no empty windows, no times
 * of events, no gauges. Theirs takes it that a session's events are all in one partition.
 */
function drawShopPair(events: KStream<string, ShopEvent>, rows: Topic<string, Row>): void {
  const session = ({ sessionId }: ShopEvent): string => sessionId
  const put = (name: string, table: WindowedKTable<null, Row, 'final'>): void =>
    table
      .toStream()
      .map((value, { window }) => ({ key: `${name}@${window.start}`, value }))
      .to(rows)
  const traffic = { visitors: distinct(session), orders: count(where(isOrder)) }
  const conversion = { sessions: distinct(session), ordering: distinct(session, where(isOrder)) }
  const hourly = tumbling('1h', { grace }).emit('final')
  const eachHour = hopping('24h', { advance: '1h', grace }).emit('final')
  const eachHalfHour = hopping('24h', { advance: '30m', grace }).emit('final')
  const orders = events.filter(isOrder)
  put(
    'traffic',
    events.windowedBy(tumbling('5m', { grace }).emit('final')).aggregate('traffic', traffic)
  )
  put('conversion', events.windowedBy(hourly).aggregate('conversion', conversion))
  put(
    'basket',
    orders.windowedBy(eachHour).aggregate('basket', { cents: sum(cents), orders: count() })
  )
  put('revenue', orders.windowedBy(eachHalfHour).aggregate('revenue', { cents: sum(cents) }))
}

function shop(eventsTopic: string, metricsTopic: string): Topology {
  return shopMetrics({
    eventsTopic,
    metricsTopic,
    orderTypes: ['checkout_click'],
    currency: 'EUR',
    grace,
    idle: 'off',
    conversionRefresh: '5m',
    maxFuture: 'off',
  })
}
