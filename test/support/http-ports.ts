/** A fake application behind the HTTP server; each part can be replaced. */
import { ManualClock } from '../../src/clock.ts'
import type { HttpPorts } from '../../src/http/ports.ts'
import { taskId } from '../../src/ids.ts'
import { silentLogger } from '../../src/log.ts'
import type { AppSnapshot } from '../../src/runtime/snapshot.ts'
import type { MetricRow } from '../../src/views/metric-row.ts'
import type { RowListener } from '../../src/views/metrics-view.ts'
import { RowSeries } from '../../src/views/row-series.ts'

const minute = 60_000
const hour = 60 * minute

export const metricInfos = [
  { name: 'visitors_5m', sizeMs: 5 * minute, refreshMs: 5 * minute },
  { name: 'orders_5m', sizeMs: 5 * minute, refreshMs: 5 * minute },
  { name: 'conversion_1h', sizeMs: hour, refreshMs: 5 * minute },
  { name: 'average_order_value_24h', sizeMs: 24 * hour, refreshMs: hour },
  { name: 'revenue_24h', sizeMs: 24 * hour, refreshMs: 30 * minute },
]
const derived = ['revenue_30m']
const names = [...metricInfos.map(({ name }) => name), ...derived]

export class FakeApplication {
  readonly clock = new ManualClock(Date.UTC(2026, 10, 22, 12))
  readonly ingested: Uint8Array[] = []
  readonly listeners = new Set<RowListener>()
  readonly #series = new Map(names.map((name) => [name, new RowSeries(100 * 24 * hour)]))
  reasons: readonly string[] = []
  snapshot: AppSnapshot = runningSnapshot()
  caughtUp = true
  /** The next offset of the metrics topic. */
  end = 0

  put(...rows: readonly MetricRow[]): void {
    for (const row of rows) {
      const seen = { row, updatedAt: this.clock.now(), offset: this.end++ }
      this.#series.get(row.metric)?.put(seen)
      for (const listener of this.listeners) listener(seen)
    }
  }

  ports(replaced: Partial<HttpPorts> = {}): HttpPorts {
    const series = this.#series
    const caughtUp = (): boolean => this.caughtUp
    const end = (): number => this.end
    return {
      snapshot: () => this.snapshot,
      reasons: () => this.reasons,
      lastEventAt: () => null,
      rows: {
        get caughtUp() {
          return caughtUp()
        },
        get end() {
          return end()
        },
        since: (offset) => {
          const found = [...series.values()].flatMap((rows) => rows.since(offset))
          return found.sort((a, b) => a.offset - b.offset)
        },
        latest: (metric) => series.get(metric)?.latest,
        range: (metric, from, to, limit) => series.get(metric)?.range(from, to, limit) ?? [],
        subscribe: (listener) => {
          this.listeners.add(listener)
          return () => this.listeners.delete(listener)
        },
      },
      topology: {
        describe: () => 'Topologies:',
        toJson: () => ({ subtopologies: [] }),
        toMermaid: () => 'flowchart LR',
      },
      metrics: metricInfos,
      derived,
      closeMs: 90_000,
      ingest: async (events) => void this.ingested.push(...events),
      exposition: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }),
      apiToken: null,
      clock: this.clock,
      logger: silentLogger,
      ...replaced,
    }
  }
}

export function runningSnapshot(changes: Partial<AppSnapshot> = {}): AppSnapshot {
  const partition = { topic: 'shop.events', partition: 0, position: 7, endOffset: 9, lag: 2 }
  return {
    applicationId: 'shop-metrics',
    instance: 'a',
    state: 'running',
    reasons: [],
    log: { ok: true },
    tasks: [
      {
        id: taskId(0, 0),
        state: 'running',
        partitions: [{ ...partition, watermark: 1_000 }],
        streamTime: 1_000,
        stateBytes: 100,
        restore: [],
      },
    ],
    recordsIn: 7,
    recordsOut: 3,
    dropped: {},
    commits: { count: 2, seconds: 0.1, aborted: 0 },
    restores: { count: 1, seconds: 0.2, records: 3 },
    rebalances: 1,
    gauges: [],
    counters: [],
    ...changes,
  }
}
