/** `/api/conversion` and `/api/metrics`: the newest rows. */
import type { Context } from 'hono'
import { isoDuration } from '../durations.ts'
import type { Timestamp } from '../ids.ts'
import type { AppSnapshot } from '../runtime/snapshot.ts'
import type { SeenRow } from '../views/row-series.ts'
import { json } from './answers.ts'
import type { HttpPorts, MetricInfo } from './ports.ts'
import { notYet, rowsNotYet } from './problem.ts'
import { iso } from './time-query.ts'

const conversionMetric = 'conversion_1h'
const staleMarginMs = 60_000

export function conversion(ports: HttpPorts): (context: Context) => Response {
  return (context) => {
    if (isRestoring(ports.snapshot()) || !ports.rows.caughtUp) {
      return notYet(context, 'The state is being restored; /api/status tells how far it is.')
    }
    const info = ports.metrics.find(({ name }) => name === conversionMetric)
    const seen = ports.rows.latest(conversionMetric)
    if (info === undefined || seen === undefined) {
      return notYet(
        context,
        'No window has closed yet: the first row comes after the first events.'
      )
    }
    return json(context, conversionBody(seen, isStale(ports, info)))
  }
}

export function latestRows(ports: HttpPorts): (context: Context) => Response {
  return (context) => {
    if (!ports.rows.caughtUp) return rowsNotYet(context)
    const seen = ports.metrics.map(({ name }) => ports.rows.latest(name))
    return json(context, { results: seen.flatMap((row) => row?.row ?? []) })
  }
}

/** Whether a row should have come since: true before the first, too. */
export function isStale(ports: HttpPorts, { name, refreshMs }: MetricInfo): boolean {
  const end = ports.rows.latest(name)?.row.windowEnd ?? -Infinity
  return ports.clock.now() - end > refreshMs + ports.closeMs + staleMarginMs
}

export function isRestoring({ state, tasks }: AppSnapshot): boolean {
  if (state === 'created' || state === 'starting') return true
  return tasks.some((task) => task.state === 'created' || task.state === 'restoring')
}

function conversionBody({ row, updatedAt }: SeenRow, stale: boolean): object {
  const timeOrNull = (time: Timestamp | null): string | null => (time === null ? null : iso(time))
  return {
    conversion: row.value,
    window: {
      start: iso(row.windowStart),
      end: iso(row.windowEnd),
      duration: isoDuration(row.windowEnd - row.windowStart),
      final: row.final,
    },
    sessions: row.denominator,
    orderingSessions: row.numerator,
    updatedAt: iso(updatedAt),
    lastEventAt: timeOrNull(row.lastEventAt),
    stale,
    revision: row.revision,
  }
}
