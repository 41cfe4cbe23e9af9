/** `/livez`, `/readyz`, `/api/status`, `/api/topology`: how the application itself is doing. */
import type { Context } from 'hono'
import { answer, json } from './answers.ts'
import { healthOf } from './health.ts'
import type { HttpPorts } from './ports.ts'
import { problem } from './problem.ts'

/** Whether the process is worth keeping; it does not ask whether a broker is up. */
export function livez(ports: HttpPorts): (context: Context) => Response {
  return (context) => {
    const { state, reasons } = ports.snapshot()
    const failed = state === 'failed'
    return probe(context, failed ? (reasons.length > 0 ? reasons : ['It has failed.']) : [])
  }
}

export function readyz(ports: HttpPorts): (context: Context) => Response {
  return (context) => probe(context, ports.reasons())
}

export function status(ports: HttpPorts): (context: Context) => Response {
  return (context) => json(context, statusBody(ports))
}

export function topology({ topology }: HttpPorts): (context: Context) => Response {
  const contentType = 'text/plain; charset=utf-8'
  return (context) => {
    const format = context.req.query('format') ?? 'json'
    if (format === 'json') return json(context, topology.toJson())
    if (format === 'text') return answer(context, topology.describe(), { contentType })
    if (format === 'mermaid') return answer(context, topology.toMermaid(), { contentType })
    return problem(context, 400, '`format` is json, mermaid or text.')
  }
}

function probe(context: Context, reasons: readonly string[]): Response {
  const cacheControl = 'no-store'
  if (reasons.length === 0) {
    return answer(context, JSON.stringify({ status: 'ok', reasons }), { cacheControl })
  }
  const headers = { 'cache-control': cacheControl, 'retry-after': '1' }
  return context.json({ status: 'unavailable', reasons }, 503, headers)
}

function statusBody(ports: HttpPorts): object {
  const { applicationId, instance, state, log, tasks, rebalances, ...rest } = ports.snapshot()
  const { recordsIn, recordsOut, dropped, commits } = rest
  const { state: health, reasons, lastEventAt, now } = healthOf(ports)
  return {
    applicationId,
    instance,
    state,
    ready: reasons.length === 0,
    reasons,
    log: { ok: log.ok, reason: log.reason ?? null },
    rebalances,
    health,
    lastEventAt,
    now,
    recordsIn,
    recordsOut,
    dropped,
    commits,
    tasks: tasks.map(({ id, thread, state, streamTime, stateBytes, partitions, restore }) => ({
      id,
      thread: thread ?? null,
      state,
      streamTime,
      stateBytes,
      partitions,
      restore,
    })),
  }
}
