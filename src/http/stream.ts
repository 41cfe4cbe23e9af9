/**
 * `/api/stream`: new rows and the application's state as server-sent events.
 *
 *     id: 17                                                 with each event: what the client has
 *     event: status   { state, reasons, lastEventAt, now }   at once, when it changes, every minute
 *     event: row      a row of the metrics topic              when it was committed
 *     event: reset    {}                                      the id means nothing here: all again
 *     : ping                                                  when nothing else was sent for 15 s
 *
 * An id is a place in the metrics topic, which all instances read: a client goes on with any of
 * them where it was, by `Last-Event-ID`. One that does not keep up is cut off, and does the same.
 */
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { HttpPorts } from './ports.ts'
import { notYet } from './problem.ts'
import { StreamClient } from './stream-client.ts'

export interface StreamTiming {
  /** How often the state is looked at. Default 2,000. */
  readonly statusMs?: number
  /** The longest silence on the wire. Default 15,000. */
  readonly pingMs?: number
  /** How long a client may leave unread what there is for it. Default 30,000. */
  readonly stallMs?: number
  /** How long an id from further on than this instance has read is waited for. Default 10,000. */
  readonly resumeMs?: number
  /** Streams at the same time; those beyond it get a 503. Default 200. */
  readonly clientsMax?: number
}

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  // Not kept, compressed or gathered by proxies before it is passed on.
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
}

export class StreamHub {
  readonly #ports: HttpPorts
  readonly #timing: Required<StreamTiming>
  readonly #clients = new Set<StreamClient>()
  #closed = false

  constructor(ports: HttpPorts, timing: StreamTiming = {}) {
    const { statusMs = 2_000, pingMs = 15_000, stallMs = 30_000 } = timing
    const { resumeMs = 10_000, clientsMax = 200 } = timing
    this.#ports = ports
    this.#timing = { statusMs, pingMs, stallMs, resumeMs, clientsMax }
  }

  get clients(): number {
    return this.#clients.size
  }

  handle(context: Context): Response {
    if (context.req.method === 'HEAD') return context.body(null, 200, headers)
    if (this.#closed) return notYet(context, 'The application is closing.')
    if (this.#clients.size >= this.#timing.clientsMax) {
      return notYet(context, 'Too many streams are open.')
    }
    const client = new StreamClient({
      ports: this.#ports,
      timing: this.#timing,
      lastId: idOf(context.req.header('last-event-id')),
      cut: () => socketOf(context)?.destroy(),
      gone: () => this.#clients.delete(client),
    })
    this.#clients.add(client)
    return context.body(client.body, 200, headers)
  }

  /** Ends all streams, and takes no more. */
  close(): void {
    this.#closed = true
    for (const client of this.#clients) client.end()
  }
}

/** Undefined if it is none of ours. */
function idOf(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,15}$/.test(header) ? Number(header) : undefined
}

/** A body that has ended still waits for a reader who never comes: only the socket helps then. */
function socketOf({ env }: Context<{ Bindings: Partial<HttpBindings> }>) {
  return env?.outgoing
}
