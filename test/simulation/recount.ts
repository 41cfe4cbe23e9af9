/** What rows must hold, by definition: every window looks at every record. No streaming here. */
import { WindowGrid } from '../../src/windows/grid.ts'
import type { Aggregate, Visit } from './world.ts'

/** @param watermark greatest time before the record in its own partition */
export type Counts = (
  aggregate: Aggregate,
  visit: Visit,
  partition: number,
  watermark: number,
  end: number
) => boolean

export interface ExpectedRow {
  readonly end: number
  readonly sessions: ReadonlySet<string>
  readonly ordering: ReadonlySet<string>
  readonly row: Readonly<Record<string, unknown>>
}

/** Each record with the greatest time before it in its partition. */
export function* judged(
  partitions: readonly (readonly Visit[])[]
): Iterable<readonly [visit: Visit, partition: number, watermark: number]> {
  for (const [partition, visits] of partitions.entries()) {
    let watermark = Number.NEGATIVE_INFINITY
    for (const visit of visits) {
      yield [visit, partition, watermark]
      watermark = Math.max(watermark, visit.t)
    }
  }
}

/** Rows of every end from the first one with data up to `until`, empty ones included. */
export function recount(
  aggregate: Aggregate,
  partitions: readonly (readonly Visit[])[],
  counts: Counts,
  until: number
): readonly ExpectedRow[] {
  const { sizeMs, advanceMs } = aggregate.windows
  const byEnd = new Map<number, Visit[]>()
  for (const [visit, partition, watermark] of judged(partitions)) {
    for (let end = visit.t + 1; end <= visit.t + sizeMs; end++) {
      if ((end - sizeMs) % advanceMs !== 0) continue
      if (!counts(aggregate, visit, partition, watermark, end)) continue
      byEnd.set(end, [...(byEnd.get(end) ?? []), visit])
    }
  }
  const rows: ExpectedRow[] = []
  for (let end = Math.min(...byEnd.keys()); end <= until; end += advanceMs) {
    rows.push(rowOf(end, byEnd.get(end) ?? []))
  }
  return rows
}

function rowOf(end: number, visits: readonly Visit[]): ExpectedRow {
  const orders = visits.filter(({ isOrder }) => isOrder)
  const sessions = new Set(visits.map(({ session }) => session))
  const ordering = new Set(orders.map(({ session }) => session))
  const times = visits.map(({ t }) => t)
  const row = {
    n: visits.length,
    orders: orders.length,
    sum: orders.reduce((total, { price }) => total + BigInt(price), 0n),
    sessions: sessions.size,
    ordering: ordering.size,
    first: times.length === 0 ? null : Math.min(...times),
    last: times.length === 0 ? null : Math.max(...times),
  }
  return { end, sessions, ordering, row }
}

/** Ends up to here must have gone out: the slowest partition with data has passed them. */
export function dataUntil(
  { windows }: Aggregate,
  partitions: readonly (readonly Visit[])[]
): number {
  const latest = partitions
    .filter((visits) => visits.length > 0)
    .map((visits) => Math.max(...visits.map(({ t }) => t)))
  return latest.length === 0 ? Number.NEGATIVE_INFINITY : Math.min(...latest) - windows.graceMs
}

/** How many records count for no window at all, by the rule of entry. */
export function lateRecords(
  { windows }: Aggregate,
  partitions: readonly (readonly Visit[])[],
  isToo: (visit: Visit, partition: number, lastEnd: number) => boolean = () => false
): { readonly atEntry: number; readonly too: number } {
  const grid = new WindowGrid(windows)
  let [atEntry, too] = [0, 0]
  for (const [visit, partition, watermark] of judged(partitions)) {
    const last = grid.lastEnd(grid.pane(visit.t))
    if (last + windows.graceMs <= watermark) atEntry += 1
    else if (isToo(visit, partition, last)) too += 1
  }
  return { atEntry, too }
}
