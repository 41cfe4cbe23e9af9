/** What the HTTP server needs of the application: small, and easy to fake. */
import type { Clock } from '../clock.ts'
import type { Offset, Timestamp } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { AppSnapshot } from '../runtime/snapshot.ts'
import type { MetricRow } from '../views/metric-row.ts'
import type { RowListener } from '../views/metrics-view.ts'
import type { SeenRow } from '../views/row-series.ts'

export interface RowsPort {
  readonly caughtUp: boolean
  latest(metric: string): SeenRow | undefined
  range(metric: string, from: Timestamp, to: Timestamp, limit: number): readonly MetricRow[]
  /** Everything before this offset of the metrics topic has been read. */
  readonly end: Offset
  /** Rows that were written at this offset or after it, in the order of the topic. */
  since(offset: Offset): readonly SeenRow[]
  /** Answers with the way to stop listening. */
  subscribe(listener: RowListener): () => void
}

export interface TopologyPort {
  describe(): string
  toJson(): unknown
  toMermaid(): string
}

export interface MetricInfo {
  readonly name: string
  readonly sizeMs: number
  /** From one row to the next. */
  readonly refreshMs: number
}

export interface HttpPorts {
  readonly snapshot: () => AppSnapshot
  /** Why the application is not ready, in sentences; empty when it is. */
  readonly reasons: () => readonly string[]
  /** Time of the newest event that is known of; null before the first. */
  readonly lastEventAt: () => Timestamp | null
  readonly rows: RowsPort
  readonly topology: TopologyPort
  /** In the order in which they are shown. */
  readonly metrics: readonly MetricInfo[]
  /** What `/api/windows` has beside them, made of their rows. */
  readonly derived: readonly string[]
  /** How long after its end, and one more refresh, the row of a window may come: grace and idle. */
  readonly closeMs: number
  /** Resolves when the events are durable. Null: a broker is configured, events come from there. */
  readonly ingest: ((events: readonly Uint8Array[]) => Promise<void>) | null
  /** The text for Prometheus. */
  readonly exposition: () => Promise<{ readonly contentType: string; readonly body: string }>
  readonly apiToken: string | null
  readonly clock: Clock
  readonly logger: Logger
}
