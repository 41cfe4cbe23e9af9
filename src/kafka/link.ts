/**
 * One connection to one broker, and the only place that knows the inside of kafkajs 2.2.4: it opens
 * the socket, does TLS and SASL, asks for ApiVersions, and matches answers to requests. What is in
 * the requests is ours.
 *
 *   Transport ──open──► kafkajs Broker (fresh each time) ──► its first Connection ──► socket
 *
 * - Requests go to the Connection, in the order they are sent. The pool of kafkajs reconnects
 *   without a lock (several sockets on one framing buffer), so it is never asked again.
 * - Whatever ends a connection (error, end, close, a request without an answer) fails all its
 *   requests at once and destroys the socket: a late answer must not meet a repeated request.
 * - A dead connection is dropped, never reconnected: kafkajs leaks listeners otherwise.
 */
import net from 'node:net'
import tls from 'node:tls'
import type { Cluster as KafkajsCluster, LogEntry, SASLOptions } from 'kafkajs'
import { Kafka, logLevel } from 'kafkajs'
import { FatalError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { ConnectionError } from './kafka-errors.ts'
import type { Api, VersionRanges } from './protocol.ts'
import { checkVersions } from './protocol.ts'

export interface SaslOptions {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

/** PEM text or bytes; what is absent is Node's default. */
export interface TlsOptions {
  readonly ca?: string | Buffer
  readonly cert?: string | Buffer
  readonly key?: string | Buffer
  readonly passphrase?: string
  /** Default true. */
  readonly rejectUnauthorized?: boolean
}

export interface KafkaOptions {
  /** `host:port`, at least one that answers. */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly logger: Logger
  /** True: TLS with Node's own certificate authorities. */
  readonly tls?: TlsOptions | boolean
  readonly sasl?: SaslOptions
  /** Default 10,000; a request that parks on the broker is given longer by its caller. */
  readonly requestTimeoutMs?: number
  /** Default 5,000, for the socket and TLS; logging in has as long again. */
  readonly connectionTimeoutMs?: number
}

interface Inside {
  readonly connectionPoolBuilder: {
    build(broker: { host: string; port: number; rack: null }): Promise<InsidePool>
  }
  readonly brokerPool: {
    createBroker(options: { connectionPool: InsidePool; logger: unknown }): InsideBroker
  }
  readonly rootLogger: object
}

interface InsidePool {
  readonly pool: readonly unknown[]
  getConnection(index: number): Promise<unknown>
  getConnectionByRequest(request: unknown): Promise<unknown>
}

interface InsideBroker {
  readonly versions: VersionRanges
  connect(): Promise<void>
}

interface InsideConnection {
  connectionStatus: string
  readonly clientId: string
  readonly socket: net.Socket
  readonly requestQueue: InsideQueue
  isAuthenticated(): boolean
  authenticate(): Promise<void>
  nextCorrelationId(): number
  rejectRequests(error: Error): void
}

interface InsideQueue {
  push(request: {
    entry: object
    expectResponse: true
    requestTimeout: number
    sendRequest: () => void
  }): void
  destroy(): void
}

type Kinds<T> = Readonly<Record<keyof T, 'function' | 'object' | 'string'>>

const insideKinds: Kinds<Inside> = {
  connectionPoolBuilder: 'object',
  brokerPool: 'object',
  rootLogger: 'object',
}
const poolKinds: Kinds<InsidePool> = {
  pool: 'object',
  getConnection: 'function',
  getConnectionByRequest: 'function',
}
const brokerKinds: Kinds<InsideBroker> = { versions: 'object', connect: 'function' }
const connectionKinds: Kinds<Omit<InsideConnection, 'socket'>> = {
  connectionStatus: 'string',
  clientId: 'string',
  requestQueue: 'object',
  isAuthenticated: 'function',
  authenticate: 'function',
  nextCorrelationId: 'function',
  rejectRequests: 'function',
}
const openedKinds: Kinds<Pick<InsideConnection, 'socket'>> = { socket: 'object' }
const queueKinds: Kinds<InsideQueue> = { push: 'function', destroy: 'function' }

/** Takes `value` for what we know of it, or names what is not there any more. */
function inside<T>(value: unknown, what: string, kinds: Kinds<T>): T {
  const fields = Object(value) as Record<string, unknown>
  const gone = Object.entries(kinds).filter(([name, kind]) => typeof fields[name] !== kind)
  if (gone.length === 0) return value as T
  const names = gone.map(([name, kind]) => `${name} (${kind})`)
  throw new FatalError(
    'MILLRACE_KAFKAJS_CHANGED',
    `The ${what} of kafkajs has no ${names.join(', ')}; install kafkajs 2.2.4 exactly`
  )
}

/** Opens connections with one set of credentials. */
export class Transport {
  readonly #inside: Inside
  readonly #hasSasl: boolean
  readonly #requestTimeoutMs: number
  readonly #openTimeoutMs: number

  constructor(options: KafkaOptions) {
    const { requestTimeoutMs = 10_000, connectionTimeoutMs = 5_000 } = options
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
        openSocket(host, port, tlsOptions(options), onConnect),
      ...(options.tls ? { ssl: tlsOptions(options) ?? true } : {}),
      ...(options.sasl ? { sasl: { ...options.sasl } as SASLOptions } : {}),
    })
    this.#inside = insideOf(kafka)
  }

  /** Rejects with a ConnectionError, or with a FatalError if logging in was refused. */
  async open(address: string): Promise<Connection> {
    const { host, port } = parseAddress(address)
    const { connectionPoolBuilder, brokerPool, rootLogger } = this.#inside
    const pool = inside<InsidePool>(
      await connectionPoolBuilder.build({ host, port, rack: null }),
      'ConnectionPool',
      poolKinds
    )
    pool.getConnectionByRequest = () => pool.getConnection(0)
    const broker = brokerPool.createBroker({ connectionPool: pool, logger: rootLogger })
    const connection = pool.pool[0] as InsideConnection
    inside(connection, 'Connection', connectionKinds)
    inside(connection.requestQueue, 'RequestQueue', queueKinds)
    try {
      await withDeadline(broker.connect(), this.#openTimeoutMs)
      inside(connection, 'Connection', openedKinds)
      checkVersions(address, inside<InsideBroker>(broker, 'Broker', brokerKinds).versions)
      return new Connection(address, connection, this.#hasSasl, this.#requestTimeoutMs)
    } catch (error) {
      connection.socket?.destroy()
      throw error instanceof FatalError ? error : asOpenError(address, error)
    }
  }
}

export class Connection {
  readonly address: string
  readonly #inside: InsideConnection
  readonly #hasSasl: boolean
  readonly #timeoutMsMin: number
  readonly #clientId: Buffer

  constructor(address: string, inner: InsideConnection, hasSasl: boolean, timeoutMsMin: number) {
    this.address = address
    this.#inside = inner
    this.#hasSasl = hasSasl
    this.#timeoutMsMin = timeoutMsMin
    this.#clientId = Buffer.from(inner.clientId)
    // Kafkajs listens to 'end' and 'error' only: a socket that was destroyed would go unnoticed.
    inner.socket.once('close', () => this.close())
  }

  get alive(): boolean {
    return this.#inside.connectionStatus === 'connected' && !this.#inside.socket.destroyed
  }

  /**
   * Sends a request and resolves with the body of the answer. Requests leave in the order of the
   * calls. Rejects with a ConnectionError: the broker may have carried the request out.
   */
  async send(api: Api, body: readonly Uint8Array[], timeoutMs = 0): Promise<Buffer> {
    const inner = this.#inside
    try {
      if (this.#hasSasl && !inner.isAuthenticated()) await inner.authenticate()
    } catch (error) {
      this.close()
      throw asOpenError(this.address, error)
    }
    if (!this.alive) throw disconnected(this.address, api, new Error('not connected'))
    const correlationId = inner.nextCorrelationId()
    const header = this.#header(api, correlationId, body)
    try {
      const { payload } = await new Promise<{ payload: Buffer }>((resolve, reject) => {
        const apiKey = api.key
        inner.requestQueue.push({
          entry: {
            apiKey,
            apiName: api.name,
            apiVersion: api.version,
            correlationId,
            resolve,
            reject,
          },
          expectResponse: true,
          requestTimeout: Math.max(timeoutMs, this.#timeoutMsMin),
          sendRequest: () => scatter(inner.socket, header, body),
        })
      })
      return payload
    } catch (error) {
      const isTimeout = nameOf(error) === 'KafkaJSRequestTimeoutError'
      if (isTimeout) this.close()
      throw isTimeout
        ? unanswered(this.address, api, error)
        : disconnected(this.address, api, error)
    }
  }

  /** Fails what is under way and cuts the socket; may be called again. */
  close(): void {
    const inner = this.#inside
    inner.connectionStatus = 'disconnected'
    inner.rejectRequests(new Error('connection closed'))
    inner.requestQueue.destroy()
    inner.socket.destroy()
  }

  #header(api: Api, correlationId: number, body: readonly Uint8Array[]): Buffer {
    const tags = api.flexible ? 1 : 0
    const header = Buffer.alloc(14 + this.#clientId.length + tags)
    const bodyBytes = body.reduce((sum, chunk) => sum + chunk.length, 0)
    header.writeInt32BE(header.length - 4 + bodyBytes, 0)
    header.writeInt16BE(api.key, 4)
    header.writeInt16BE(api.version, 6)
    header.writeInt32BE(correlationId, 8)
    header.writeInt16BE(this.#clientId.length, 12)
    this.#clientId.copy(header, 14)
    return header
  }
}

/** An assigner factory is handed the cluster in the constructor of a consumer; nothing joins. */
function insideOf(kafka: Kafka): Inside {
  let cluster: KafkajsCluster | undefined
  kafka.consumer({
    groupId: 'never-joined',
    partitionAssigners: [
      (config) => {
        cluster = config.cluster
        const protocol = () => ({ name: 'none', metadata: Buffer.alloc(0) })
        return { name: 'none', version: 0, assign: () => Promise.resolve([]), protocol }
      },
    ],
  })
  return inside<Inside>(cluster, 'Cluster', insideKinds)
}

function scatter(socket: net.Socket, header: Buffer, body: readonly Uint8Array[]): void {
  socket.cork()
  socket.write(header)
  for (const chunk of body) socket.write(chunk)
  socket.uncork()
}

function openSocket(
  host: string,
  port: number,
  secure: tls.ConnectionOptions | undefined,
  onConnect: () => void
): net.Socket {
  const servername = net.isIP(host) === 0 ? { servername: host } : {}
  const socket = secure
    ? tls.connect({ host, port, ...servername, ...secure }, onConnect)
    : net.connect({ host, port }, onConnect)
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

async function withDeadline(opening: Promise<void>, timeoutMs: number): Promise<void> {
  // A TLS server that hangs up during the handshake leaves the promise of kafkajs open for ever.
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no connection in ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    await Promise.race([opening, deadline])
  } finally {
    clearTimeout(timer)
  }
}

function asOpenError(address: string, error: unknown): Error {
  const reason = error instanceof Error ? error.message : String(error)
  if (nameOf(error) === 'KafkaJSSASLAuthenticationError') {
    return new FatalError(
      'MILLRACE_KAFKA_LOGIN_REFUSED',
      `The broker ${address} refused to log us in: ${reason}; check user, password and mechanism`,
      { cause: error }
    )
  }
  return new ConnectionError(
    'MILLRACE_KAFKA_UNREACHABLE',
    `No connection to the broker ${address}: ${reason}`,
    { cause: error }
  )
}

function disconnected(address: string, api: Api, cause: unknown): ConnectionError {
  const message = `The connection to ${address} was cut before it answered ${api.name}`
  return new ConnectionError('MILLRACE_KAFKA_DISCONNECTED', message, { cause })
}

function unanswered(address: string, api: Api, cause: unknown): ConnectionError {
  const message = `The broker ${address} did not answer ${api.name} in time`
  return new ConnectionError('MILLRACE_KAFKA_UNANSWERED', message, { cause })
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}

function relay(logger: Logger, entry: LogEntry): void {
  // A cut connection is an error to kafkajs, and daily bread to us: what matters is logged above.
  logger.debug(`kafkajs: ${entry.log.message}`, { namespace: entry.namespace })
}
