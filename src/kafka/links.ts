/**
 * Links by broker and role: a long poll or a parked JoinGroup has a socket of its own, and never
 * delays a commit. A link that broke opens a new connection at the next request.
 *
 * Silence is told on: where a request was not answered in time, the other links to that broker may
 * lead nowhere either, and to find out one after the other would take as long again for each. So
 * those on which nothing is waited for are given up, too.
 *
 * A broker whose quota is used up says for how long it will not listen: what is sent on that link
 * waits here, in order, because its time for an answer must not run meanwhile.
 */
import { FatalError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { FrameBuffers } from './frame-buffers.ts'
import { ConnectionError } from './kafka-errors.ts'
import { Transport } from './link.ts'
import type { Connection } from './link-connection.ts'
import type { KafkaOptions } from './link-options.ts'
import type { Rpc } from './protocol.ts'
import { lifetime, pause } from './waiting.ts'
import { WireReader, WireWriter } from './wire.ts'

/** `control` is for whatever answers at once: metadata, transactions, offsets, topics. */
export type LinkRole = 'control' | 'group' | 'heartbeat' | 'fetch' | 'restore' | 'produce'

interface Link {
  connection: Connection | undefined
  opening: Promise<Connection> | undefined
  /** Until when the broker wants nothing, by the monotonic clock; and the wait for it. */
  mutedUntilMs: number
  muted: Promise<void> | undefined
}

export class Links {
  /** What long answers are read into; see `FrameBuffers`. */
  readonly buffers = new FrameBuffers()
  readonly #transport: Transport
  readonly #links = new Map<string, Link>()
  readonly #closing = lifetime()
  readonly #logger: Logger
  #isClosed = false

  constructor(options: KafkaOptions) {
    this.#transport = new Transport(options, this.buffers)
    this.#logger = options.logger
  }

  /**
   * Sends one request, once. Rejects with a ConnectionError if there was no answer; what the answer
   * says is the caller's business.
   */
  async send<Request, Response>(
    address: string,
    role: LinkRole,
    rpc: Rpc<Request, Response>,
    request: Request,
    timeoutMs?: number
  ): Promise<Response> {
    const link = this.#link(address, role)
    if (link.muted !== undefined) await link.muted
    const alive = link.connection?.alive ? link.connection : undefined
    const connection = alive ?? (await this.#open(address, link))
    const { api } = rpc
    const writer = new WireWriter({ flexible: api.flexible })
    rpc.encode(writer, request)
    const answer = await connection.send(api, writer.chunks(), timeoutMs).catch((error) => {
      if (isSilence(error)) this.#doubt(address)
      throw error
    })
    const reader = new WireReader(answer, { flexible: api.flexible })
    try {
      if (!api.bareAnswer) reader.end()
      const response = rpc.decode(reader)
      if (reader.throttleMs > 0) this.#mute(address, role, link, reader.throttleMs)
      return response
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new FatalError(
        'MILLRACE_KAFKA_ANSWER_MALFORMED',
        `The answer of ${address} to ${api.name} ${api.version} ends too early: ${error.message}`,
        { cause: error }
      )
    }
  }

  /** Cuts all connections to a broker, or those of one role; the next request opens new ones. */
  cut(address: string, role?: LinkRole): void {
    for (const [name, link] of this.#links) {
      if (name === linkName(address, role ?? '') || (!role && name.startsWith(`${address} `))) {
        link.connection?.close()
      }
    }
  }

  #doubt(address: string): void {
    for (const [name, { connection }] of this.#links) {
      if (name.startsWith(`${address} `) && connection?.isIdle === true) connection.close()
    }
  }

  close(): void {
    this.#isClosed = true
    this.#closing.abort()
    for (const link of this.#links.values()) link.connection?.close()
    this.#links.clear()
  }

  #mute(address: string, role: LinkRole, link: Link, throttleMs: number): void {
    this.#logger.debug('A quota is used up; the broker asks for a pause', {
      address,
      role,
      throttleMs,
    })
    link.mutedUntilMs = Math.max(link.mutedUntilMs, performance.now() + throttleMs)
    link.muted ??= this.#untilHeard(link)
  }

  /** Everybody waits for the same promise, and goes on in the order in which they came. */
  async #untilHeard(link: Link): Promise<void> {
    const { signal } = this.#closing
    for (let left = 1; left > 0 && !signal.aborted; ) {
      left = link.mutedUntilMs - performance.now()
      if (left > 0) await pause(left, signal)
    }
    // Whoever comes from here on is behind those who are told first.
    queueMicrotask(() => {
      link.muted = undefined
    })
  }

  #link(address: string, role: LinkRole): Link {
    const name = linkName(address, role)
    let link = this.#links.get(name)
    if (link === undefined) {
      link = { connection: undefined, opening: undefined, mutedUntilMs: 0, muted: undefined }
      this.#links.set(name, link)
    }
    return link
  }

  #open(address: string, link: Link): Promise<Connection> {
    if (this.#isClosed) return Promise.reject(closedError(address))
    link.opening ??= this.#transport
      .open(address, this.#closing.signal)
      .catch((error: unknown) => {
        throw this.#isClosed ? closedError(address) : error
      })
      .then((connection) => {
        link.connection = connection
        if (!this.#isClosed) return connection
        connection.close()
        throw closedError(address)
      })
      .finally(() => {
        link.opening = undefined
      })
    return link.opening
  }
}

function isSilence(error: unknown): boolean {
  return error instanceof ConnectionError && error.code === 'MILLRACE_KAFKA_UNANSWERED'
}

function linkName(address: string, role: string): string {
  return `${address} ${role}`
}

function closedError(address: string): ConnectionError {
  return new ConnectionError('MILLRACE_KAFKA_CLOSED', `Not connecting to ${address}: closed`)
}
