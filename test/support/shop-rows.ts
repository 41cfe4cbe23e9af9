/** The rows of the metrics topic as a foreign client reads them, against an independent recount. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { readCommitted } from './foreign-client.ts'
import type { RawEvent } from './shop-events.ts'
import { differences, type MetricRow, metrics, recount } from './shop-recount.ts'

export interface ShopRun {
  readonly brokers: string
  /** Its topics are `<id>.events` and `<id>.metrics`. */
  readonly id: string
  /** How many events the topic must hold. */
  readonly events: number
  /** Rows that end later are not looked at. */
  readonly until: number
  /** What the application said, for a failure. */
  readonly told: () => string
}

/** Reads until the last row is there, and once more a little later: nothing may come twice. */
export async function expectExactRows(run: ShopRun): Promise<void> {
  const stored = await readCommitted(run.brokers, `${run.id}.events`)
  expect(stored.length).toBe(run.events)
  const events = stored.map(({ value }) => JSON.parse(value) as RawEvent)
  const expected = recount(events, run.until)
  const total = [...expected.values()].reduce((sum, rows) => sum + rows.length, 0)
  const deadline = Date.now() + 150_000
  for (;;) {
    const rows = await metricRows(run)
    if (rows.length >= total || Date.now() > deadline) break
    await sleep(1_000)
  }
  await sleep(1_000)
  const rows = await metricRows(run)
  for (const metric of metrics) {
    const actual = rows.filter((row) => row.metric === metric)
    const faults = differences(expected.get(metric) ?? [], actual)
    expect(faults, `${metric}\n${faults.length > 0 ? run.told() : ''}`).toEqual([])
  }
}

async function metricRows({ brokers, id, until }: ShopRun): Promise<MetricRow[]> {
  const records = await readCommitted(brokers, `${id}.metrics`)
  const rows = records.map(({ value }) => JSON.parse(value) as MetricRow)
  return rows.filter((row) => row.windowEnd <= until)
}
