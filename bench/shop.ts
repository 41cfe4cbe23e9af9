/** The numbers of a shop, the same for all peers; the application that ships is `shop-app`. */
import {
  count,
  distinct,
  hopping,
  type KStream,
  sum,
  type Topic,
  tumbling,
  type WindowedKTable,
  where,
} from '../src/index.ts'
import { centsOf as cents, grace, isOrder, type ShopEvent } from './events.ts'

export type Row = Readonly<Record<string, number>>

/**
 * Five numbers of closed windows, conversion once an hour: no empty windows, no times of events,
 * no gauges. Kafka Streams' program takes it that a session's events are all in one partition.
 */
export function drawShop(events: KStream<string, ShopEvent>, rows: Topic<string, Row>): void {
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
