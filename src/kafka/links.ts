/**
 * Links by broker and role: a long poll or a parked JoinGroup has a socket of its own, and never
 * delays a commit. A link that broke opens a new connection at the next request.
 */
import { FatalError } from '../errors.ts'
import { ConnectionError } from './kafka-errors.ts'
import { Transport } from './link.ts'
import type { Connection } from './link-connection.ts'
import type { KafkaOptions } from './link-options.ts'
import type { Rpc } from './protocol.ts'
import { WireReader, WireWriter } from './wire.ts'

/** `control` is for whatever answers at once: metadata, transactions, offsets, topics. */
export type LinkRole = 'control' | 'group' | 'heartbeat' | 'fetch' | 'restore' | 'produce'

interface Link {
  connection: Connection | undefined
  opening: Promise<Connection> | undefined
}

export class Links {
  readonly #transport: Transport
  readonly #links = new Map<string, Link>()
  #isClosed = false

  constructor(options: KafkaOptions) {
    this.#transport = new Transport(options)
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
    const alive = link.connection?.alive ? link.connection : undefined
    const connection = alive ?? (await this.#open(address, link))
    const { api } = rpc
    const writer = new WireWriter({ flexible: api.flexible })
    rpc.encode(writer, request)
    const answer = await connection.send(api, writer.chunks(), timeoutMs)
    const reader = new WireReader(answer, { flexible: api.flexible })
    try {
      if (!api.bareAnswer) reader.end()
      return rpc.decode(reader)
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

  close(): void {
    this.#isClosed = true
    for (const link of this.#links.values()) link.connection?.close()
    this.#links.clear()
  }

  #link(address: string, role: LinkRole): Link {
    const name = linkName(address, role)
    let link = this.#links.get(name)
    if (link === undefined) {
      link = { connection: undefined, opening: undefined }
      this.#links.set(name, link)
    }
    return link
  }

  #open(address: string, link: Link): Promise<Connection> {
    if (this.#isClosed) return Promise.reject(closedError(address))
    link.opening ??= this.#transport
      .open(address)
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

function linkName(address: string, role: string): string {
  return `${address} ${role}`
}

function closedError(address: string): ConnectionError {
  return new ConnectionError('MILLRACE_KAFKA_CLOSED', `Not connecting to ${address}: closed`)
}
