/** The shop metrics: each row once, in order by metric, and equal to a recount of the events. */
import type { ForeignRecord } from '../../support/foreign-client.ts'
import type { RawEvent } from '../../support/shop-events.ts'
import { type MetricRow, metrics, recount, rowText } from '../../support/shop-recount.ts'
import { compare, type Row, type Verdict } from './compare.ts'
import { lanesOf } from './lanes.ts'

export function judgeShop(
  events: readonly ForeignRecord[],
  output: readonly ForeignRecord[],
  until: number
): Verdict {
  const raw = events.map(({ value }) => JSON.parse(value) as RawEvent)
  const counted = recount(raw, until)
  const expected = new Map<string, readonly Row[]>(
    metrics.map((metric) => [
      metric,
      (counted.get(metric) ?? []).map((row) => ({ ...rowOf(row), at: 'the recount' })),
    ])
  )
  const rows = output.filter(({ timestamp }) => timestamp <= until)
  const actual = lanesOf(rows, 'metrics', ({ value }) => rowOf(JSON.parse(value) as MetricRow))
  return compare('shop', expected, actual)
}

function rowOf(row: MetricRow) {
  const id = `${row.metric} ${new Date(row.windowEnd).toISOString()}`
  return { lane: row.metric, id, text: rowText(row) }
}
