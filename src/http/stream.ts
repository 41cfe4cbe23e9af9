/**
 * `/api/stream`: new rows and the application's state as server-sent events.
 *
 *     event: status   { state, reasons, lastEventAt, now }   at once, when it changes, every minute
 *     event: row      a row of the metrics topic              when it was committed
 *     : ping                                                  when nothing else was sent for 15 s
 *
 * A client that does not keep up is cut off: it comes back, and reads the rows anew.
 */
import type { Context } from 'hono'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import type { MetricRow } from '../views/metric-row.ts'
import { isRestoring, isStale } from './conversion.ts'
import type { HttpPorts } from './ports.ts'
import { notYet } from './problem.ts'

export interface StreamTiming {
  /** How often the state is looked at. Default 2,000. */
  readonly statusMs?: number
  /** The longest silence on the wire. Default 15,000. */
  readonly pingMs?: number
}

const sseType = 'text/event-stream'
const clientsMax = 200
const backlogMax = 2_000
const reconnectMs = 3_000
const statusRepeatMs = 60_000

export class StreamHub {
  readonly #ports: HttpPorts
  readonly #timing: Required<StreamTiming>
  readonly #clients = new Set<Client>()
  #closed = false

  constructor(ports: HttpPorts, timing: StreamTiming = {}) {
    this.#ports = ports
    this.#timing = { statusMs: timing.statusMs ?? 2_000, pingMs: timing.pingMs ?? 15_000 }
  }

  get clients(): number {
    return this.#clients.size
  }

  handle(context: Context): Response {
    if (context.req.method === 'HEAD') return context.body(null, 200, { 'content-type': sseType })
    if (this.#closed) return notYet(context, 'The application is closing.')
    if (this.#clients.size >= clientsMax) return notYet(context, 'Too many streams are open.')
    const client = new Client(this.#ports, this.#timing)
    this.#clients.add(client)
    // Not kept by proxies, and not gathered by them before it is passed on.
    context.header('x-accel-buffering', 'no')
    const response = streamSSE(context, async (stream) => {
      try {
        await client.run(stream)
      } finally {
        this.#clients.delete(client)
      }
    })
    response.headers.set('cache-control', 'no-store')
    return response
  }

  /** Ends all streams, and takes no more. */
  close(): void {
    this.#closed = true
    for (const client of this.#clients) client.end()
  }
}

class Client {
  readonly #ports: HttpPorts
  readonly #timing: Required<StreamTiming>
  readonly #backlog: MetricRow[] = []
  readonly #over: Promise<void>
  #end = (): void => {}
  #ended = false
  #wake = (): void => {}

  constructor(ports: HttpPorts, timing: Required<StreamTiming>) {
    this.#over = new Promise((resolve) => (this.#end = resolve))
    this.#ports = ports
    this.#timing = timing
  }

  end(): void {
    this.#ended = true
    this.#wake()
    this.#end()
  }

  async run(stream: SSEStreamingApi): Promise<void> {
    stream.onAbort(() => this.end())
    const unsubscribe = this.#ports.rows.subscribe((row) => this.#add(row))
    try {
      // A write to a client that does not read may never come back: its end does not wait for it.
      await Promise.race([this.#send(stream), this.#over])
    } finally {
      unsubscribe()
    }
  }

  #add(row: MetricRow): void {
    this.#backlog.push(row)
    if (this.#backlog.length > backlogMax) this.end()
    else this.#wake()
  }

  async #send(stream: SSEStreamingApi): Promise<void> {
    let shown = ''
    let [statusAt, sentAt] = [0, performance.now()]
    await stream.write(`retry: ${reconnectMs}\n\n`)
    while (!this.#ended && !stream.aborted) {
      const now = performance.now()
      const status = statusOf(this.#ports)
      const text = JSON.stringify([status.state, status.reasons])
      if (text !== shown || now - statusAt > statusRepeatMs) {
        await stream.writeSSE({ event: 'status', data: JSON.stringify(status) })
        shown = text
        statusAt = sentAt = now
      }
      for (const row of this.#backlog.splice(0)) {
        await stream.writeSSE({ event: 'row', data: JSON.stringify(row) })
        sentAt = now
      }
      if (now - sentAt >= this.#timing.pingMs) {
        await stream.write(': ping\n\n')
        sentAt = now
      }
      if (this.#backlog.length === 0 && !this.#ended) await this.#pause()
    }
  }

  /** Until there is something new, or it is time to look. */
  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#timing.statusMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = () => {}
  }
}

interface Status {
  readonly state: 'ready' | 'restoring' | 'unavailable' | 'stale'
  readonly reasons: readonly string[]
  readonly lastEventAt: number | null
  /** The server's own clock. */
  readonly now: number
}

function statusOf(ports: HttpPorts): Status {
  const reasons = ports.reasons()
  const base = { reasons, lastEventAt: ports.lastEventAt(), now: ports.clock.now() }
  if (isRestoring(ports.snapshot()) || !ports.rows.caughtUp) return { ...base, state: 'restoring' }
  if (reasons.length > 0) return { ...base, state: 'unavailable' }
  return { ...base, state: ports.metrics.some((info) => isStale(ports, info)) ? 'stale' : 'ready' }
}
