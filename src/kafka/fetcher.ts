/**
 * Fetches ahead of need, for any number of partitions.
 *
 *     targets ──by leader and isolation──▶ lanes ──one request at a time──▶ brokers
 *        ▲                                   │ leader moved, broker gone
 *        └──────── homeless: ask for the leader, with growing pauses ◀──────┘
 *
 * Invariants: a target is in one lane, or homeless, or done, never in two; the next request is on
 * its way before what came is decoded; a partition without room is left out of requests, so a slow
 * consumer holds back nobody else; an answer is refused by no one but its target.
 */
import type { Clock } from '../clock.ts'
import { FatalError, MillraceError, RetriableError } from '../errors.ts'
import type { Offset, Timestamp, TopicPartition } from '../ids.ts'
import { partitionName } from '../ids.ts'
import { backoffMs } from './backoff.ts'
import type { Cluster } from './cluster.ts'
import { errorCodes, errorNameOf, isTransient, kafkaError } from './kafka-errors.ts'
import { type FetchedPartition, fetch, type Isolation, listOffsets } from './requests/records.ts'
import type { ThrottledLog } from './throttled-log.ts'
import { Sign } from './waiting.ts'

export interface FetchTimes {
  readonly sentAt: Timestamp
  readonly answeredAt: Timestamp
}

/** A partition to be fetched; the fetcher calls it, one call at a time. */
export interface FetchTarget extends TopicPartition {
  readonly isolation: Isolation
  /** Undefined: from the earliest there is; `begin` tells which. */
  readonly fetchOffset: Offset | undefined
  readonly hasRoom: boolean
  readonly bytesMax: number
  begin(earliest: Offset): void
  /** Moves `fetchOffset`. What it throws becomes the failure of the target. */
  take(fetched: FetchedPartition, times: FetchTimes): Promise<void> | void
  /** No more will come. */
  fail(error: Error): void
}

export interface FetcherOptions {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly role: 'fetch' | 'restore'
  readonly log: ThrottledLog
  /** How long a broker holds a request that finds nothing. Default 250. */
  readonly waitMs?: number
}

interface Entry {
  readonly target: FetchTarget
  lane: Lane | undefined
  attempts: number
  retryAtMs: number
  /** Since when brokers say that there is no such partition, by the monotonic clock. */
  unknownSinceMs: number | undefined
}

const requestBytesMax = 16 * 1024 * 1024
/** While somebody waits for room a parked request would delay the one that makes room next. */
const crowdedWaitMs = 10
const unknownMsMax = 30_000
const retryMs = { firstMs: 20, maxMs: 1_000 } as const

export class Fetcher {
  readonly #options: FetcherOptions
  readonly #entries = new Map<FetchTarget, Entry>()
  readonly #lanes = new Map<string, Lane>()
  readonly #homeless = new Sign()
  #housing = false
  #closed = false

  constructor(options: FetcherOptions) {
    this.#options = options
  }

  add(target: FetchTarget): void {
    const entry = {
      target,
      lane: undefined,
      attempts: 0,
      retryAtMs: 0,
      unknownSinceMs: undefined,
    }
    this.#entries.set(target, entry)
    this.#house()
  }

  remove(target: FetchTarget): void {
    const entry = this.#entries.get(target)
    this.#entries.delete(target)
    if (entry !== undefined) this.#leaveLane(entry)
  }

  /** The target has room again. */
  wake(target: FetchTarget): void {
    this.#entries.get(target)?.lane?.sign.raise()
  }

  close(): void {
    this.#closed = true
    this.#homeless.raise()
    this.#entries.clear()
    for (const lane of this.#lanes.values()) lane.stop()
    this.#lanes.clear()
  }

  /** Finds lanes for all that have none; runs while there are any. */
  #house(): void {
    this.#homeless.raise()
    if (this.#housing || this.#closed) return
    this.#housing = true
    void this.#houseAll().finally(() => {
      this.#housing = false
    })
  }

  async #houseAll(): Promise<void> {
    const { signal } = this.#options.cluster
    for (;;) {
      // Cleared first: who comes from here on is seen in the next round at the latest.
      await this.#homeless.wait(0)
      const homeless = [...this.#entries.values()].filter(({ lane }) => lane === undefined)
      if (homeless.length === 0 || this.#closed || signal.aborted) return
      const now = performance.now()
      const due = homeless.filter(({ retryAtMs }) => retryAtMs <= now)
      if (due.length > 0) await this.#findLeaders(due)
      for (const entry of due) if (!(await this.#tryHouse(entry))) this.#postpone(entry)
      const left = homeless.filter(({ lane }) => lane === undefined)
      if (left.length > 0) {
        const next = Math.min(...left.map(({ retryAtMs }) => retryAtMs))
        await this.#homeless.wait(Math.max(1, next - performance.now()))
      }
    }
  }

  async #findLeaders(entries: readonly Entry[]): Promise<void> {
    const { cluster, log } = this.#options
    const isKnown = ({ target, attempts }: Entry): boolean =>
      attempts === 0 && cluster.leader(target) !== undefined
    if (entries.every(isKnown)) return
    try {
      await cluster.refresh([...new Set(entries.map(({ target }) => target.topic))])
    } catch (error) {
      if (!cluster.signal.aborted) log.warn('No broker tells where the partitions are', { error })
    }
  }

  async #tryHouse(entry: Entry): Promise<boolean> {
    const { target } = entry
    if (!this.#entries.has(target)) return true
    if (target.fetchOffset === undefined && !(await this.#begin(entry))) return false
    const leader = this.#options.cluster.leader(target)
    if (leader === undefined || this.#closed) return false
    const name = `${leader.address} ${target.isolation}`
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      lane = new Lane(leader.address, target.isolation, this.#options, {
        failed: (entry, error) => this.#fail(entry, error),
        moved: (entry, code) => this.#moved(entry, code),
        ended: () => this.#lanes.delete(name),
      })
      this.#lanes.set(name, lane)
    }
    entry.lane = lane
    lane.join(entry)
    return true
  }

  async #begin(entry: Entry): Promise<boolean> {
    const { cluster } = this.#options
    const { target } = entry
    const { topic, partition } = target
    const address = cluster.leader(target)?.address
    if (address === undefined) return false
    const request = {
      isolation: target.isolation,
      partitions: [{ topic, partition, at: 'earliest' as const }],
    }
    try {
      const [found] = await cluster.send(address, listOffsets, request)
      if (found === undefined) return false
      if (found.error === 0) target.begin(found.offset)
      else if (isTransient(found.error)) this.#checkKnown(entry, found.error)
      else this.#fail(entry, kafkaError(found.error, `ListOffsets of ${partitionName(target)}`))
      return found.error === 0
    } catch (error) {
      if (!(error instanceof RetriableError)) this.#fail(entry, error)
      return false
    }
  }

  #postpone(entry: Entry): void {
    entry.retryAtMs = performance.now() + backoffMs(entry.attempts++, retryMs)
  }

  #moved(entry: Entry, code: number): void {
    this.#leaveLane(entry)
    this.#checkKnown(entry, code)
    this.#postpone(entry)
    this.#house()
  }

  #checkKnown(entry: Entry, code: number): void {
    const now = performance.now()
    if (code !== errorCodes.UNKNOWN_TOPIC_OR_PARTITION) {
      entry.unknownSinceMs = undefined
      return
    }
    entry.unknownSinceMs ??= now
    if (now - entry.unknownSinceMs < unknownMsMax) return
    const name = partitionName(entry.target)
    const message = `The partition ${name} is gone: create the topic again, and restart`
    this.#fail(entry, new FatalError('MILLRACE_TOPIC_LOST', message))
  }

  #fail(entry: Entry, error: unknown): void {
    if (!this.#entries.delete(entry.target)) return
    this.#leaveLane(entry)
    entry.target.fail(error instanceof Error ? error : new Error(String(error)))
  }

  #leaveLane(entry: Entry): void {
    entry.lane?.leave(entry)
    entry.lane = undefined
  }
}

interface LaneEvents {
  failed(entry: Entry, error: unknown): void
  /** Not here, or not now. */
  moved(entry: Entry, code: number): void
  ended(): void
}

/** The partitions that one broker leads, fetched together. */
class Lane {
  readonly sign = new Sign()
  readonly #address: string
  readonly #isolation: Isolation
  readonly #options: FetcherOptions
  readonly #events: LaneEvents
  readonly #entries = new Set<Entry>()
  #stopped = false
  #running = false

  constructor(address: string, isolation: Isolation, options: FetcherOptions, events: LaneEvents) {
    this.#address = address
    this.#isolation = isolation
    this.#options = options
    this.#events = events
  }

  join(entry: Entry): void {
    this.#entries.add(entry)
    this.sign.raise()
    if (this.#running) return
    this.#running = true
    void this.#run()
  }

  leave(entry: Entry): void {
    this.#entries.delete(entry)
    this.sign.raise()
  }

  stop(): void {
    this.#stopped = true
    this.#entries.clear()
    this.sign.raise()
  }

  async #run(): Promise<void> {
    const idleMs = 60_000
    while (!this.#stopped && this.#entries.size > 0) {
      const asked = [...this.#entries].filter(({ target }) => target.hasRoom)
      if (asked.length === 0) await this.sign.wait(idleMs)
      else await this.#fetch(asked)
    }
    this.#events.ended()
  }

  async #fetch(asked: readonly Entry[]): Promise<void> {
    const { cluster, clock, role, log } = this.#options
    const { request, waitMs } = this.#request(asked)
    const offsets = new Map(asked.map((entry) => [entry, entry.target.fetchOffset]))
    const sentAt = clock.now()
    try {
      const options = { role, timeoutMs: waitMs + 10_000 }
      const { partitions } = await cluster.send(this.#address, fetch, request, options)
      const times = { sentAt, answeredAt: clock.now() }
      const byName = new Map(partitions.map((fetched) => [partitionName(fetched), fetched]))
      for (const entry of asked) {
        const fetched = byName.get(partitionName(entry.target))
        const isAsked = offsets.get(entry) === entry.target.fetchOffset
        if (fetched !== undefined && isAsked) await this.#take(entry, fetched, times)
      }
    } catch (error) {
      if (this.#stopped || cluster.signal.aborted) return
      const isPassing = error instanceof MillraceError && error.canRetry
      if (isPassing) log.warn('Fetching from a broker failed', { broker: this.#address, error })
      for (const entry of asked) {
        if (isPassing) this.#events.moved(entry, errorCodes.NETWORK_EXCEPTION)
        else this.#events.failed(entry, error)
      }
    }
  }

  #request(asked: readonly Entry[]) {
    const { cluster, waitMs: patientMs = 250 } = this.#options
    const waitMs = asked.length < this.#entries.size ? crowdedWaitMs : patientMs
    const partitions = asked.map(({ target }) => ({
      topic: target.topic,
      partition: target.partition,
      offset: target.fetchOffset ?? 0,
      leaderEpoch: cluster.leader(target)?.epoch ?? -1,
      bytesMax: target.bytesMax,
    }))
    const bounds = { waitMs, bytesMin: 1, bytesMax: requestBytesMax, isolation: this.#isolation }
    return { waitMs, request: { ...bounds, partitions } }
  }

  async #take(entry: Entry, fetched: FetchedPartition, times: FetchTimes): Promise<void> {
    const { target } = entry
    // It left, or was sent elsewhere, while the request was under way.
    if (!this.#entries.has(entry)) return
    if (fetched.error !== 0) return this.#refused(entry, fetched)
    entry.attempts = 0
    entry.unknownSinceMs = undefined
    // Who was served goes to the end: the broker fills its answer from the front.
    if (fetched.records.length > 0) {
      this.#entries.delete(entry)
      this.#entries.add(entry)
    }
    try {
      const taking = target.take(fetched, times)
      if (taking !== undefined) await taking
    } catch (error) {
      this.#events.failed(entry, error)
    }
  }

  #refused(entry: Entry, { error, logStart }: FetchedPartition): void {
    const name = partitionName(entry.target)
    if (isTransient(error)) {
      if (error !== errorCodes.NOT_LEADER_OR_FOLLOWER) {
        this.#options.log.warn(`A broker refuses to be read: ${errorNameOf(error)}`, { name })
      }
      this.#events.moved(entry, error)
    } else if (error === errorCodes.OFFSET_OUT_OF_RANGE) {
      this.#events.failed(entry, outOfRange(entry.target, logStart))
    } else this.#events.failed(entry, kafkaError(error, `Fetch of ${name}`))
  }
}

function outOfRange(target: FetchTarget, logStart: Offset): FatalError {
  const start = logStart >= 0 ? `, which begins at ${logStart}` : ''
  return new FatalError(
    'MILLRACE_OFFSET_OUT_OF_RANGE',
    `Offset ${target.fetchOffset} of ${partitionName(target)} is not in the log${start}. Records ` +
      "were deleted before they were read, or the topic was made anew: reset the application's " +
      'offsets, or restore the topic'
  )
}
