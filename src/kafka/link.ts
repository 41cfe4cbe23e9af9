/**
 * Opens connections to brokers, and asks each what it speaks.
 *
 *   Transport ──open──► socket, TLS ──► ApiVersions ──────────────────────► Connection
 *                 └── with a login: the inside of kafkajs, see `link-login.ts` ──┘
 *
 * A dead connection is dropped, never opened again.
 */
import type net from 'node:net'
import { FatalError } from '../errors.ts'
import type { FrameBuffers } from './frame-buffers.ts'
import { kafkaError } from './kafka-errors.ts'
import { Connection } from './link-connection.ts'
import type { LoginTransport } from './link-login.ts'
import type { KafkaOptions } from './link-options.ts'
import { openSocket, parseAddress, secureOf } from './link-socket.ts'
import { asOpenError } from './open-errors.ts'
import { checkVersions, type VersionRanges, versionRangesApi } from './protocol.ts'
import { decodeVersionRanges } from './requests/features.ts'
import { WireReader } from './wire.ts'

/** Opens connections with one set of credentials. */
export class Transport {
  readonly #options: KafkaOptions
  readonly #buffers: FrameBuffers
  readonly #hasTls: boolean
  readonly #requestTimeoutMs: number
  readonly #connectionTimeoutMs: number
  readonly #openTimeoutMs: number
  #login: Promise<LoginTransport> | undefined

  constructor(options: KafkaOptions, buffers: FrameBuffers) {
    const { requestTimeoutMs = 10_000, connectionTimeoutMs = 5_000 } = options
    this.#options = options
    this.#buffers = buffers
    this.#hasTls = options.tls !== undefined && options.tls !== false
    this.#requestTimeoutMs = requestTimeoutMs
    this.#connectionTimeoutMs = connectionTimeoutMs
    this.#openTimeoutMs = connectionTimeoutMs * 2 + requestTimeoutMs
  }

  /**
   * Rejects with a ConnectionError, as soon as the signal aborts too, or with a FatalError if
   * logging in was refused.
   */
  async open(address: string, signal?: AbortSignal): Promise<Connection> {
    try {
      const { sasl } = this.#options
      if (sasl === undefined) return await this.#openPlain(address, signal)
      return await this.#openWithLogin(address, { ...this.#options, sasl }, signal)
    } catch (error) {
      throw error instanceof FatalError ? error : asOpenError(address, error, this.#hasTls)
    }
  }

  async #openPlain(address: string, signal: AbortSignal | undefined): Promise<Connection> {
    const cut = new AbortController()
    const opening = this.#connect(address, cut.signal)
    try {
      return await withDeadline(opening, this.#openTimeoutMs, signal)
    } catch (error) {
      cut.abort()
      throw error
    }
  }

  async #connect(address: string, cut: AbortSignal): Promise<Connection> {
    const { host, port } = parseAddress(address)
    const secure = await secureOf(this.#options)
    let socket: net.Socket | undefined
    const connected = new Promise<net.Socket>((resolve, reject) => {
      const opened = openSocket(host, port, secure, this.#buffers, () => resolve(opened))
      socket = opened
      // For good: an error that nobody listens to would end the process.
      opened.on('error', reject)
      opened.once('close', () => reject(new Error('connection closed')))
      cut.addEventListener('abort', () => opened.destroy())
    })
    try {
      await withDeadline(connected, this.#connectionTimeoutMs)
      const [{ clientId }, requestTimeoutMs] = [this.#options, this.#requestTimeoutMs]
      const connection = new Connection({
        ...{ address, clientId, requestTimeoutMs },
        socket: await connected,
      })
      checkVersions(address, await askVersions(connection))
      return connection
    } catch (error) {
      socket?.destroy()
      throw error
    }
  }

  async #openWithLogin(
    address: string,
    options: KafkaOptions & { readonly sasl: NonNullable<KafkaOptions['sasl']> },
    signal: AbortSignal | undefined
  ): Promise<Connection> {
    const [requestTimeoutMs, connectionTimeoutMs] = [
      this.#requestTimeoutMs,
      this.#connectionTimeoutMs,
    ]
    const times = { requestTimeoutMs, connectionTimeoutMs }
    this.#login ??= import('./link-login.ts').then(
      async ({ LoginTransport }) =>
        new LoginTransport(options, await secureOf(options), times, this.#buffers)
    )
    const { connection: inside, opened } = await (await this.#login).open(address)
    try {
      checkVersions(address, await withDeadline(opened, this.#openTimeoutMs, signal))
      const { socket, clientId } = inside
      return new Connection({ address, socket, clientId, inside, requestTimeoutMs })
    } catch (error) {
      inside.socket?.destroy()
      throw error
    }
  }
}

/** As its own first request. */
async function askVersions(connection: Connection): Promise<VersionRanges> {
  const answer = await connection.send(versionRangesApi, [])
  const { error, ranges } = decodeVersionRanges(new WireReader(answer, { flexible: false }))
  if (error !== 0) throw kafkaError(error, versionRangesApi.name)
  return ranges
}

async function withDeadline<T>(
  opening: Promise<T>,
  timeoutMs: number,
  signal?: AbortSignal
): Promise<T> {
  // A TLS server that hangs up during the handshake leaves the promise of kafkajs open for ever.
  let timer: NodeJS.Timeout | undefined
  let onAbort = (): void => undefined
  const cut = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no connection in ${timeoutMs} ms`)), timeoutMs)
    onAbort = () => reject(new Error('it is wanted no more'))
    signal?.addEventListener('abort', onAbort)
  })
  try {
    return await Promise.race([opening, cut])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}
