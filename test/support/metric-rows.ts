/** Rows of the metrics topic for tests. */
import type { AppendRecord } from '../../src/runtime/ports.ts'
import type { MetricRow } from '../../src/views/metric-row.ts'

const sizes: Readonly<Record<string, number>> = {
  visitors_5m: 300_000,
  orders_5m: 300_000,
  conversion_1h: 3_600_000,
}

export function metricRow(
  metric: string,
  windowEnd: number,
  fields: Partial<MetricRow> = {}
): MetricRow {
  return {
    metric,
    windowStart: windowEnd - (sizes[metric] ?? 86_400_000),
    windowEnd,
    value: 1,
    numerator: null,
    denominator: null,
    amount: null,
    currency: null,
    final: true,
    revision: 0,
    firstEventAt: windowEnd - 2_000,
    lastEventAt: windowEnd - 1_000,
    ...fields,
  }
}

/** As the topology writes it. */
export function rowRecord(row: MetricRow): AppendRecord {
  const encoder = new TextEncoder()
  const key = encoder.encode(`${row.metric}|${new Date(row.windowEnd).toISOString()}`)
  return { timestamp: row.windowEnd, key, value: encoder.encode(JSON.stringify(row)) }
}
