/**
 * The brokers as one: who leads a partition, who coordinates a group or a transaction, and requests
 * that look for another broker when one is gone.
 *
 * Nothing here interprets an answer beyond "ask again, perhaps elsewhere"; errors that repeating
 * cannot help reach the caller as codes.
 */
import { type MillraceError, RetriableError } from '../errors.ts'
import type { TopicPartition } from '../ids.ts'
import { partitionName } from '../ids.ts'
import type { Logger } from '../log.ts'
import { packageVersion } from '../version.ts'
import { type BackoffOptions, backoffMs, sleep } from './backoff.ts'
import {
  ConnectionError,
  errorClassOf,
  errorCodes,
  isTransient,
  kafkaError,
  stumbled,
} from './kafka-errors.ts'
import type { Leader } from './leaders.ts'
import { Leaders } from './leaders.ts'
import type { KafkaOptions } from './link-options.ts'
import type { LinkRole } from './links.ts'
import { Links } from './links.ts'
import type { Rpc } from './protocol.ts'
import { apiVersions } from './requests/features.ts'
import type { MetadataResponse } from './requests/metadata.ts'
import { findCoordinator, metadata } from './requests/metadata.ts'
import { lifetime } from './waiting.ts'

export type CoordinatorKind = 'group' | 'transaction'

export interface CallOptions {
  /** Ends the attempts; the promise rejects with its reason. */
  readonly signal?: AbortSignal
  /** How long to try, default 60,000; then the last failure is thrown as a RetriableError. */
  readonly deadlineMs?: number
  /** For one attempt, if longer than usual: a request that parks on the broker. */
  readonly timeoutMs?: number
  /** Default 'control'. */
  readonly role?: LinkRole
  /** Between attempts; default 20 to 500 ms. */
  readonly backoff?: BackoffOptions
}

const refreshPauseMs = 50
const healthyMs = 5_000

export class Cluster {
  readonly links: Links
  readonly logger: Logger
  readonly #seeds: readonly string[]
  readonly #leaders = new Leaders()
  readonly #coordinators = new Map<string, string>()
  readonly #closing = lifetime()
  #controllerId = -1
  #preferred: string | undefined
  #wanted = new Set<string>()
  #refreshing: Promise<void> | undefined
  #answeredAt = Number.NEGATIVE_INFINITY
  #failure: string | undefined

  constructor(options: KafkaOptions) {
    this.links = new Links(options)
    this.logger = options.logger
    this.#seeds = options.brokers
  }

  /** Aborted by `close()`: for loops that run beside. */
  get signal(): AbortSignal {
    return this.#closing.signal
  }

  health(): { readonly ok: boolean; readonly reason?: string } {
    if (this.#failure === undefined || performance.now() - this.#answeredAt < healthyMs)
      return { ok: true }
    return { ok: false, reason: this.#failure }
  }

  /** One request, one attempt, to one broker. */
  async send<Request, Response>(
    address: string,
    rpc: Rpc<Request, Response>,
    request: Request,
    options: Pick<CallOptions, 'role' | 'timeoutMs'> = {}
  ): Promise<Response> {
    try {
      const { role = 'control', timeoutMs } = options
      const response = await this.links.send(address, role, rpc, request, timeoutMs)
      this.#answeredAt = performance.now()
      this.#failure = undefined
      return response
    } catch (error) {
      if (error instanceof ConnectionError) this.#failure = error.message
      throw error
    }
  }

  /** Any broker that answers: first the one that did last, then the others, then the seeds. */
  async any<Request, Response>(rpc: Rpc<Request, Response>, request: Request): Promise<Response> {
    const preferred = this.#preferred === undefined ? [] : [this.#preferred]
    const addresses = new Set([...preferred, ...shuffled(this.#leaders.addresses), ...this.#seeds])
    let failure: unknown
    for (const address of addresses) {
      try {
        const response = await this.send(address, rpc, request)
        this.#preferred = address
        return response
      } catch (error) {
        if (!(error instanceof ConnectionError) || this.signal.aborted) throw error
        failure = error
        this.#preferred = undefined
      }
    }
    throw failure
  }

  /** Asks once, now. Null: all topics. What it learns is kept. */
  async metadata(topics: readonly string[] | null): Promise<MetadataResponse> {
    const response = await this.any(metadata, { topics })
    this.#leaders.take(response)
    this.#controllerId = response.controllerId
    return response
  }

  /** Brings the leaders of these topics up to date; calls close together share one request. */
  refresh(topics: readonly string[]): Promise<void> {
    for (const topic of topics) this.#wanted.add(topic)
    this.#refreshing ??= this.#refreshSoon()
    return this.#refreshing
  }

  async #refreshSoon(): Promise<void> {
    try {
      await sleep(refreshPauseMs, this.signal)
    } finally {
      this.#refreshing = undefined
    }
    const topics = [...this.#wanted]
    this.#wanted = new Set()
    await this.metadata(topics)
  }

  /** As far as known; undefined if unknown, or if there is none at present: `refresh` then. */
  leader(partition: TopicPartition): Leader | undefined {
    return this.#leaders.of(partition)
  }

  /**
   * Why brokers tell nothing of a topic, and will not by being asked again: the right to see it was
   * taken away. As of the latest `refresh`.
   */
  topicRefusal(topic: string): MillraceError | undefined {
    const code = this.#leaders.errorOf(topic)
    if (code === 0 || isTransient(code) || code === errorCodes.UNKNOWN_SERVER_ERROR)
      return undefined
    return kafkaError(code, `Metadata of ${topic}`, null, topic)
  }

  async controller(): Promise<string> {
    if (this.#leaders.addressOf(this.#controllerId) === undefined) await this.metadata([])
    return this.#leaders.addressOf(this.#controllerId) ?? this.#preferred ?? this.#seeds[0] ?? ''
  }

  /** The level of a feature all brokers have agreed on, as of now; 0 if it is not there. */
  async feature(name: string): Promise<number> {
    const software = { name: 'millrace', version: packageVersion() }
    const { error, features } = await this.any(apiVersions, { software })
    if (error !== 0) throw kafkaError(error, 'ApiVersions')
    return features.get(name) ?? 0
  }

  /** Looks it up once, unless known. */
  async coordinator(kind: CoordinatorKind, key: string): Promise<string> {
    const known = this.#coordinators.get(`${kind} ${key}`)
    if (known !== undefined) return known
    const found = await this.any(findCoordinator, { kind, key })
    if (found.error === errorCodes.UNKNOWN_SERVER_ERROR) throw stumbled('FindCoordinator')
    if (found.error !== 0) {
      throw kafkaError(found.error, `FindCoordinator of ${kind} ${key}`, found.message, key)
    }
    const address = `${found.host}:${found.port}`
    this.#coordinators.set(`${kind} ${key}`, address)
    return address
  }

  forgetCoordinator(kind: CoordinatorKind, key: string): void {
    this.#coordinators.delete(`${kind} ${key}`)
  }

  /**
   * Asks a coordinator, wherever it is, until it answers something other than "not me", "not now",
   * or that it does not know what befell it.
   * A repeated request may have been carried out before: all requests that coordinators get from us
   * may be repeated. Other errors are in the response.
   */
  async callCoordinator<Request, Response>(
    kind: CoordinatorKind,
    key: string,
    rpc: Rpc<Request, Response>,
    request: Request,
    errorOf: (response: Response) => number,
    options: CallOptions = {}
  ): Promise<Response> {
    return await this.retrying(`${rpc.api.name} of ${kind} ${key}`, options, async () => {
      try {
        const address = await this.coordinator(kind, key)
        const response = await this.send(address, rpc, request, options)
        const code = errorOf(response)
        if (errorClassOf(code) === 'coordinator') throw kafkaError(code, rpc.api.name)
        if (code === errorCodes.UNKNOWN_SERVER_ERROR) throw stumbled(rpc.api.name)
        return response
      } catch (error) {
        this.forgetCoordinator(kind, key)
        throw error
      }
    })
  }

  /**
   * Asks the leader of each partition, until each has answered something final; one result per
   * entry, errors that cannot be repeated away included.
   */
  async callLeaders<
    Entry extends TopicPartition,
    Result extends TopicPartition & { error: number },
  >(
    what: string,
    entries: readonly Entry[],
    ask: (address: string, entries: readonly Entry[]) => Promise<readonly Result[]>,
    options: CallOptions = {}
  ): Promise<readonly Result[]> {
    const open = new Map(entries.map((entry) => [partitionName(entry), entry]))
    const done: Result[] = []
    await this.retrying(what, options, async () => {
      const groups = await this.#groupByLeader([...open.values()])
      const rounds = await Promise.allSettled(groups.map(([to, group]) => ask(to, group)))
      let failure: unknown
      for (const round of rounds) {
        if (round.status === 'rejected') failure = round.reason
        for (const result of round.status === 'fulfilled' ? round.value : []) {
          if (isTransient(result.error)) failure = kafkaError(result.error, what)
          else if (open.delete(partitionName(result))) done.push(result)
        }
      }
      if (open.size === 0) return
      const topics = [...new Set([...open.values()].map(({ topic }) => topic))]
      await this.refresh(topics)
      for (const topic of topics) failure = this.topicRefusal(topic) ?? failure
      throw failure ?? new RetriableError('MILLRACE_KAFKA_LEADERLESS', `${what}: no leader`)
    })
    return done
  }

  async #groupByLeader<E extends TopicPartition>(entries: readonly E[]): Promise<[string, E[]][]> {
    const lost = entries.filter((entry) => this.leader(entry) === undefined)
    if (lost.length > 0) await this.refresh([...new Set(lost.map(({ topic }) => topic))])
    const groups = new Map<string, E[]>()
    for (const entry of entries) {
      const address = this.leader(entry)?.address
      if (address === undefined) continue
      const group = groups.get(address)
      if (group) group.push(entry)
      else groups.set(address, [entry])
    }
    return [...groups]
  }

  /** Repeats what fails with a RetriableError, with growing pauses, until time is up. */
  async retrying<T>(
    what: string,
    options: Pick<CallOptions, 'signal' | 'deadlineMs' | 'backoff'>,
    attempt: () => Promise<T>
  ): Promise<T> {
    const { deadlineMs = 60_000, signal = this.signal } = options
    const until = performance.now() + deadlineMs
    for (let attempts = 0; ; attempts++) {
      signal.throwIfAborted()
      this.signal.throwIfAborted()
      try {
        return await attempt()
      } catch (error) {
        const pauseMs = backoffMs(attempts, options.backoff)
        if (!(error instanceof RetriableError) || performance.now() + pauseMs > until) throw error
        this.logger.debug(`${what}: trying again`, { attempts, pauseMs, reason: error.message })
        await sleep(pauseMs, signal)
      }
    }
  }

  /** Cuts all connections and ends all attempts. */
  close(): void {
    this.#closing.abort(new ConnectionError('MILLRACE_KAFKA_CLOSED', 'The connection is closed'))
    this.links.close()
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => [Math.random(), item] as const)
    .sort(([left], [right]) => left - right)
    .map(([, item]) => item)
}
