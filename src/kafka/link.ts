/**
 * Opens connections to brokers, with the inside of kafkajs 2.2.4 that only the link files know: it
 * does TLS and SASL, and asks for ApiVersions. The socket is ours, and once it is open, so are the
 * requests and the answers on it.
 *
 *   Transport ──open──► kafkajs Broker (fresh each time) ──► its first Connection ──► socket
 *
 * - The pool of kafkajs reconnects without a lock (several sockets on one framing buffer), so it is
 *   never asked again.
 * - A dead connection is dropped, never reconnected: kafkajs leaks listeners otherwise.
 */
import net from 'node:net'
import tls from 'node:tls'
import type { LogEntry, SASLOptions } from 'kafkajs'
import { Kafka, logLevel } from 'kafkajs'
import { FatalError } from '../errors.ts'
import type { Logger } from '../log.ts'
import type { FrameBuffers } from './frame-buffers.ts'
import { Frames } from './frames.ts'
import { Connection } from './link-connection.ts'
import type { Inside, InsidePool } from './link-inside.ts'
import {
  askedKinds,
  brokerKinds,
  connectionOf,
  inside,
  insideOf,
  openedKinds,
  poolKinds,
} from './link-inside.ts'
import type { KafkaOptions } from './link-options.ts'
import { asOpenError } from './open-errors.ts'
import { checkVersions } from './protocol.ts'

/** Opens connections with one set of credentials. */
export class Transport {
  readonly #inside: Inside
  readonly #hasTls: boolean
  readonly #hasSasl: boolean
  readonly #requestTimeoutMs: number
  readonly #openTimeoutMs: number

  constructor(options: KafkaOptions, buffers: FrameBuffers) {
    const { requestTimeoutMs = 10_000, connectionTimeoutMs = 5_000 } = options
    this.#hasTls = tlsOptions(options) !== undefined
    this.#hasSasl = options.sasl !== undefined
    this.#requestTimeoutMs = requestTimeoutMs
    this.#openTimeoutMs = connectionTimeoutMs * 2 + requestTimeoutMs
    const kafka = new Kafka({
      brokers: [...options.brokers],
      clientId: options.clientId,
      requestTimeout: requestTimeoutMs,
      connectionTimeout: connectionTimeoutMs,
      authenticationTimeout: requestTimeoutMs,
      retry: { retries: 0 },
      logLevel: logLevel.WARN,
      logCreator: () => (entry) => relay(options.logger, entry),
      socketFactory: ({ host, port, onConnect }) =>
        openSocket(host, port, tlsOptions(options), buffers, onConnect),
      ...(options.tls ? { ssl: tlsOptions(options) ?? true } : {}),
      ...(options.sasl ? { sasl: { ...options.sasl } as SASLOptions } : {}),
    })
    this.#inside = insideOf(kafka)
  }

  /**
   * Rejects with a ConnectionError, as soon as the signal aborts too, or with a FatalError if
   * logging in was refused.
   */
  async open(address: string, signal?: AbortSignal): Promise<Connection> {
    const { host, port } = parseAddress(address)
    const { connectionPoolBuilder, brokerPool, rootLogger } = this.#inside
    const pool = inside<InsidePool>(
      await connectionPoolBuilder.build({ host, port, rack: null }),
      'ConnectionPool',
      poolKinds
    )
    pool.getConnectionByRequest = () => pool.getConnection(0)
    const broker = brokerPool.createBroker({ connectionPool: pool, logger: rootLogger })
    inside(broker, 'Broker', brokerKinds)
    const connection = connectionOf(pool)
    try {
      await withDeadline(broker.connect(), this.#openTimeoutMs, signal)
      inside(connection, 'Connection', openedKinds)
      checkVersions(address, inside(broker, 'Broker', askedKinds).versions)
      return new Connection(address, connection, this.#hasSasl, this.#requestTimeoutMs)
    } catch (error) {
      connection.socket?.destroy()
      throw error instanceof FatalError ? error : asOpenError(address, error, this.#hasTls)
    }
  }
}

function openSocket(
  host: string,
  port: number,
  secure: tls.ConnectionOptions | undefined,
  buffers: FrameBuffers,
  onConnect: () => void
): net.Socket {
  const servername = net.isIP(host) === 0 ? { servername: host } : {}
  // Whoever listens for data gets whole answers, sizes included.
  const frames = new Frames(buffers, (frame) => void socket.emit('data', frame))
  const onread: net.OnReadOpts = {
    buffer: () => frames.room,
    callback: (bytes) => {
      try {
        frames.take(bytes)
      } catch (error) {
        socket.destroy(error as Error)
      }
      return true
    },
  }
  const target = { host, port, onread }
  const socket: net.Socket = secure
    ? tls.connect({ ...target, ...servername, ...secure }, onConnect)
    : net.connect(target, onConnect)
  socket.setNoDelay(true)
  socket.setKeepAlive(true, 60_000)
  return socket
}

function tlsOptions(options: KafkaOptions): tls.ConnectionOptions | undefined {
  if (!options.tls) return undefined
  return options.tls === true ? {} : { ...options.tls }
}

export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  return { host, port: Number(address.slice(colon + 1)) }
}

async function withDeadline(
  opening: Promise<void>,
  timeoutMs: number,
  signal: AbortSignal | undefined
): Promise<void> {
  // A TLS server that hangs up during the handshake leaves the promise of kafkajs open for ever.
  let timer: NodeJS.Timeout | undefined
  let onAbort = (): void => undefined
  const cut = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no connection in ${timeoutMs} ms`)), timeoutMs)
    onAbort = () => reject(new Error('it is wanted no more'))
    signal?.addEventListener('abort', onAbort)
  })
  try {
    await Promise.race([opening, cut])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

function relay(logger: Logger, entry: LogEntry): void {
  // A cut connection is an error to kafkajs, and daily bread to us: what matters is logged above.
  logger.debug(`kafkajs: ${entry.log.message}`, { namespace: entry.namespace })
}
