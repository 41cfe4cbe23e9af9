/**
 * One open connection to one broker. Requests leave in the order they are sent.
 *
 * Whatever ends it (error, end, close, a request without an answer) fails all its requests at once
 * and destroys the socket: a late answer must not meet a repeated request.
 */
import type net from 'node:net'
import { ConnectionError } from './kafka-errors.ts'
import type { InsideConnection } from './link-inside.ts'
import { asOpenError, loginHint } from './open-errors.ts'
import { type Api, versionRangesApi } from './protocol.ts'

/**
 * A broker takes a second login on a connection for an ordinary request, and refuses it, if the
 * last one began less than a second ago (KIP-368). kafkajs asks for one as soon as less than ten
 * seconds of the session are left, however short that is.
 */
const loginPauseMs = 1_100

/** For logging in again, all its requests together. */
const loginMsMax = 20_000

/** In an answer: behind its size, and behind the correlation id. */
const correlationIdAt = 4
const bodyAt = 8

interface Waiting {
  readonly api: Api
  readonly timer: NodeJS.Timeout
  readonly resolve: (body: Buffer) => void
  readonly reject: (error: Error) => void
}

export interface ConnectionParts {
  readonly address: string
  /** Open, and secured if need be. */
  readonly socket: net.Socket
  readonly clientId: string
  /** Shorter times of single requests do not count. */
  readonly requestTimeoutMs: number
  /** What has logged in on it, and does so again when the session ends. Default: nobody has to. */
  readonly inside?: InsideConnection
}

export class Connection {
  readonly address: string
  readonly #socket: net.Socket
  readonly #inside: InsideConnection | undefined
  readonly #hasTls: boolean
  readonly #timeoutMsMin: number
  readonly #clientId: Buffer
  /** By their correlation ids, in the order in which they were sent. */
  readonly #waiting = new Map<number, Waiting>()
  #hasAnswered = false
  #hasEnded = false
  #lastCorrelationId = 0
  #loggingIn: Promise<void> | undefined
  #nextLoginMs = performance.now() + loginPauseMs

  constructor({ address, socket, clientId, requestTimeoutMs, inside }: ConnectionParts) {
    this.address = address
    this.#socket = socket
    this.#inside = inside
    this.#hasTls = 'encrypted' in socket
    this.#timeoutMsMin = requestTimeoutMs
    this.#clientId = Buffer.from(clientId)
    for (const event of ['end', 'error', 'close']) {
      socket.once(event, (error?: unknown) => this.#end(error, true))
    }
    this.#takeOver(socket)
  }

  get alive(): boolean {
    const isLoggedIn = this.#inside === undefined || this.#inside.connectionStatus === 'connected'
    return isLoggedIn && !this.#hasEnded && !this.#socket.destroyed
  }

  /** Nothing is waited for on it. */
  get isIdle(): boolean {
    return this.#waiting.size === 0
  }

  /**
   * Sends a request and resolves with the body of the answer. Requests leave in the order of the
   * calls. Rejects with a ConnectionError: the broker may have carried the request out.
   */
  async send(api: Api, body: readonly Uint8Array[], timeoutMs = 0): Promise<Buffer> {
    try {
      const login = this.#inside === undefined ? undefined : this.#login(this.#inside)
      if (login !== undefined) await login
    } catch (error) {
      this.close()
      throw asOpenError(this.address, error, this.#hasTls)
    }
    if (!this.alive) throw disconnected(this.address, api, new Error('not connected'))
    const correlationId = this.#inside?.nextCorrelationId() ?? this.#nextCorrelationId()
    const header = this.#header(api, correlationId, body)
    const ms = Math.max(timeoutMs, this.#timeoutMsMin)
    return await new Promise((resolve, reject) => {
      // After a long computation the answer may be there, unread: timers come before sockets.
      const timer = setTimeout(() => setImmediate(() => this.#giveUp(correlationId, ms)), ms)
      this.#waiting.set(correlationId, { api, timer, resolve, reject })
      scatter(this.#socket, header, body)
    })
  }

  /** 31 bits of them: no more requests are ever under way. */
  #nextCorrelationId(): number {
    this.#lastCorrelationId = (this.#lastCorrelationId + 1) & 0x7fff_ffff
    return this.#lastCorrelationId
  }

  #giveUp(correlationId: number, ms: number): void {
    const waiting = this.#waiting.get(correlationId)
    if (waiting === undefined) return
    this.#waiting.delete(correlationId)
    waiting.reject(unanswered(this.address, waiting.api, ms))
    this.close()
  }

  /** Fails what is under way and cuts the socket; may be called again. */
  close(): void {
    this.#end(undefined, false)
  }

  #end(error: unknown, isTheirs: boolean): void {
    const cause = error instanceof Error ? error : new Error('connection closed')
    this.#hasEnded = true
    if (this.#inside !== undefined) {
      this.#inside.connectionStatus = 'disconnected'
      this.#inside.rejectRequests(cause)
      this.#inside.requestQueue.destroy()
    }
    this.#socket.destroy()
    const mayWantLogin = isTheirs && !this.#hasAnswered && this.#inside === undefined
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { api, timer, reject } of waiting) {
      clearTimeout(timer)
      reject(disconnected(this.address, api, cause, mayWantLogin ? loginHint : ''))
    }
  }

  /** From here on what comes is ours, but for the answers to what kafkajs asks when it logs in. */
  #takeOver(socket: net.Socket): void {
    const theirs = socket.listeners('data') as ((frame: Buffer) => void)[]
    for (const listener of theirs) socket.off('data', listener)
    socket.on('data', (frame: Buffer) => {
      if (!this.#answered(frame)) for (const listener of theirs) listener(frame)
    })
    this.#inside?.requestQueue.destroy()
  }

  #answered(frame: Buffer): boolean {
    if (frame.length < bodyAt) return false
    const correlationId = frame.readInt32BE(correlationIdAt)
    const waiting = this.#waiting.get(correlationId)
    if (waiting === undefined) return false
    this.#waiting.delete(correlationId)
    clearTimeout(waiting.timer)
    // What it speaks, a broker tells anybody.
    this.#hasAnswered ||= waiting.api !== versionRangesApi
    waiting.resolve(frame.subarray(bodyAt))
    return true
  }

  /** Undefined: none is due. Requests that wait for one leave in the order of their calls. */
  #login(inner: InsideConnection): Promise<void> | undefined {
    const isDue = !inner.isAuthenticated() && performance.now() >= this.#nextLoginMs
    if (this.#loggingIn !== undefined || !isDue) return this.#loggingIn
    const timer = setTimeout(() => this.close(), loginMsMax)
    this.#loggingIn = inner.authenticate().finally(() => {
      clearTimeout(timer)
      // Its timers look every millisecond whether one of its requests may leave, for ever.
      inner.requestQueue.destroy()
      this.#nextLoginMs = performance.now() + loginPauseMs
      // Not before those that wait are through: nobody must overtake them.
      setImmediate(() => {
        this.#loggingIn = undefined
      })
    })
    return this.#loggingIn
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

function scatter(socket: net.Socket, header: Buffer, body: readonly Uint8Array[]): void {
  socket.cork()
  socket.write(header)
  for (const chunk of body) socket.write(chunk)
  socket.uncork()
}

/** `hint`: what that may mean, if anything. */
function disconnected(address: string, api: Api, cause: unknown, hint = ''): ConnectionError {
  const message = `The connection to ${address} was cut before it answered ${api.name}${hint}`
  return new ConnectionError('MILLRACE_KAFKA_DISCONNECTED', message, { cause })
}

function unanswered(address: string, api: Api, ms: number): ConnectionError {
  const message = `The broker ${address} did not answer ${api.name} in ${ms} ms`
  return new ConnectionError('MILLRACE_KAFKA_UNANSWERED', message)
}
