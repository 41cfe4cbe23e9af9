/** The shop's own topology, and a snapshot of an instance that runs it. */

import { taskId } from '../../src/ids.ts'
import type { AppSnapshot, TaskSnapshot } from '../../src/runtime/snapshot.ts'
import { shopMetrics } from '../../topologies/shop-metrics.ts'
import { runningSnapshot } from './http-ports.ts'

export const shopTopology = shopMetrics({
  eventsTopic: 'shop.events',
  metricsTopic: 'shop.metrics',
  orderTypes: ['checkout_click'],
  currency: 'EUR',
  grace: '30s',
  idle: '1m',
  conversionRefresh: '5m',
  maxFuture: '2m',
})

const between = ['traffic-5m', 'conversion-1h', 'basket-24h', 'revenue-24h']

/** Everything has read so many records of each partition. */
export function shopSnapshot(position: number, changes: Partial<AppSnapshot> = {}): AppSnapshot {
  const task = (sub: number, topics: readonly string[]): TaskSnapshot => ({
    id: taskId(sub, 0),
    state: 'running',
    partitions: topics.map((topic) => ({
      topic,
      partition: 0,
      position,
      endOffset: position + 5,
      lag: 5,
      watermark: Date.UTC(2026, 10, 22, 11, 59, 57),
    })),
    streamTime: null,
    stateBytes: 1_500_000,
    restore: [],
  })
  const name = (topic: string): string => `shop-metrics-${topic}-repartition`
  return runningSnapshot({
    tasks: [task(0, ['shop.events']), task(1, between.map(name)), task(2, [name('newest')])],
    recordsIn: position,
    ...changes,
  })
}
