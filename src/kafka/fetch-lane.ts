/**
 * The partitions that one broker leads, fetched together.
 *
 * Invariants: one request at a time; the next is on its way before what came is decoded; whom an
 * answer does not serve, because it left or was sent elsewhere meanwhile, does not get it.
 */
import { FatalError, MillraceError } from '../errors.ts'
import type { Offset } from '../ids.ts'
import { partitionName } from '../ids.ts'
import type { FetchEntry, FetcherOptions, FetchTarget, FetchTimes } from './fetch-target.ts'
import type { FrameUse } from './frame-buffers.ts'
import { errorCodes, errorNameOf, isTransient, kafkaError } from './kafka-errors.ts'
import { type FetchedPartition, fetch, type Isolation } from './requests/records.ts'
import { Sign } from './waiting.ts'

const requestBytesMax = 16 * 1024 * 1024
/** Of a request that must not park, because the next one is likely to ask for more partitions. */
const briefWaitMs = 10
/**
 * Partitions come in numbers: behind the first of them others follow. The longer none has come, the
 * longer a request may park: half of that. With brief ones alone for half a second a start took 32
 * fetches instead of 22, and 0.66 s of CPU for a run of 20,000 records instead of 0.63.
 */
const patienceShare = 0.5

export interface FetchLaneEvents {
  failed(entry: FetchEntry, error: unknown): void
  /** Not here, or not now. */
  moved(entry: FetchEntry, code: number): void
  ended(): void
}

export class FetchLane {
  readonly sign = new Sign()
  readonly #address: string
  readonly #isolation: Isolation
  readonly #options: FetcherOptions
  readonly #events: FetchLaneEvents
  readonly #entries = new Set<FetchEntry>()
  #stopped = false
  #running = false
  #joinedAtMs = Number.NEGATIVE_INFINITY

  constructor(
    address: string,
    isolation: Isolation,
    options: FetcherOptions,
    events: FetchLaneEvents
  ) {
    this.#address = address
    this.#isolation = isolation
    this.#options = options
    this.#events = events
  }

  join(entry: FetchEntry): void {
    this.#entries.add(entry)
    this.#joinedAtMs = performance.now()
    this.sign.raise()
    if (this.#running) return
    this.#running = true
    void this.#run()
  }

  leave(entry: FetchEntry): void {
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

  async #fetch(asked: readonly FetchEntry[]): Promise<void> {
    const { cluster, clock, role, log } = this.#options
    const { request, waitMs } = this.#request(asked)
    const offsets = new Map(asked.map((entry) => [entry, entry.target.fetchOffset]))
    const sentAt = clock.now()
    try {
      const options = { role, timeoutMs: waitMs + 10_000 }
      const { error, partitions } = await cluster.send(this.#address, fetch, request, options)
      if (error !== errorCodes.NONE) return this.#allRefused(asked, error)
      const times = { sentAt, answeredAt: clock.now() }
      // All at once: what one is through with, the next may not have seen yet.
      const byName = new Map(
        partitions.map((fetched) => {
          const use = cluster.links.buffers.use(fetched.records)
          return [partitionName(fetched), { fetched, use }]
        })
      )
      for (const entry of asked) {
        const found = byName.get(partitionName(entry.target))
        const isAsked = offsets.get(entry) === entry.target.fetchOffset
        if (found === undefined || !isAsked) continue
        await this.#take(entry, found.fetched, times, found.use)
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

  #request(asked: readonly FetchEntry[]) {
    const { cluster, waitMs: patientMs = 250 } = this.#options
    // Somebody who waits for room may have it, and somebody else come, while a request is parked.
    const isBrief = asked.length < this.#entries.size
    const gatheredMs = (performance.now() - this.#joinedAtMs) * patienceShare
    const likedMs = isBrief ? briefWaitMs : Math.max(briefWaitMs, Math.ceil(gatheredMs))
    const waitMs = Math.min(likedMs, patientMs)
    const partitions = asked.map(({ target }) => ({
      topic: target.topic,
      partition: target.partition,
      offset: target.fetchOffset ?? 0,
      leaderEpoch: cluster.leader(target)?.epoch ?? -1,
      lastEpoch: target.lastEpoch,
      bytesMax: target.bytesMax,
    }))
    const bounds = { waitMs, bytesMin: 1, bytesMax: requestBytesMax, isolation: this.#isolation }
    return { waitMs, request: { ...bounds, partitions } }
  }

  async #take(
    entry: FetchEntry,
    fetched: FetchedPartition,
    times: FetchTimes,
    use: FrameUse
  ): Promise<void> {
    const { target } = entry
    // It left, or was sent elsewhere, while the request was under way.
    if (!this.#entries.has(entry)) return
    if (fetched.error !== 0) return this.#refused(entry, fetched)
    if (fetched.divergesAt !== undefined) {
      return this.#events.failed(entry, truncated(target, fetched.divergesAt))
    }
    entry.attempts = 0
    entry.refusal = undefined
    // Who was served goes to the end: the broker fills its answer from the front.
    if (fetched.records.length > 0) {
      this.#entries.delete(entry)
      this.#entries.add(entry)
    }
    try {
      const taking = target.take(fetched, times, use)
      if (taking !== undefined) await taking
    } catch (error) {
      this.#events.failed(entry, error)
    }
  }

  #allRefused(asked: readonly FetchEntry[], error: number): void {
    for (const entry of asked) if (this.#entries.has(entry)) this.#refused(entry, { error })
  }

  #refused(entry: FetchEntry, { error, logStart = -1 }: Refusal): void {
    const name = partitionName(entry.target)
    if (isTransient(error) || error === errorCodes.UNKNOWN_SERVER_ERROR) {
      if (error !== errorCodes.NOT_LEADER_OR_FOLLOWER) {
        this.#options.log.warn(`A broker refuses to be read: ${errorNameOf(error)}`, { name })
      }
      this.#events.moved(entry, error)
    } else if (error === errorCodes.OFFSET_OUT_OF_RANGE) {
      this.#events.failed(entry, outOfRange(entry.target, logStart))
    } else
      this.#events.failed(entry, kafkaError(error, `Fetch of ${name}`, null, entry.target.topic))
  }
}

type Refusal = Pick<FetchedPartition, 'error'> & Partial<FetchedPartition>

/** What is in the log is not what was read: nobody can tell here what to make of it. */
function truncated(target: FetchTarget, end: Offset): FatalError {
  const { topic, partition } = target
  const lost = `[${end}, ${target.fetchOffset})`
  return new FatalError(
    'MILLRACE_LOG_TRUNCATED',
    `${partitionName(target)} has lost its records ${lost}, which were read: a replica that did ` +
      'not have them became the leader (unclean.leader.election.enable). What they led to is ' +
      'kept. To go on with what is there now, stop all instances, then kafka-consumer-groups.sh ' +
      '--group <application> --reset-offsets ' +
      `--to-offset ${end} --topic ${topic}:${partition} --execute`
  )
}

function outOfRange(target: FetchTarget, logStart: Offset): FatalError {
  const start = logStart >= 0 ? `, which begins at ${logStart}` : ''
  return new FatalError(
    'MILLRACE_OFFSET_OUT_OF_RANGE',
    `Offset ${target.fetchOffset} of ${partitionName(target)} is not in the log${start}. Records ` +
      'were deleted before they were read, or the topic was made anew: bring it back from a ' +
      'copy; or go on without them, with the application stopped, by kafka-consumer-groups.sh ' +
      '--reset-offsets --to-earliest for its group and topic: its state stays as it is (if the ' +
      'topic was made anew, remove tasks from the state directories, too: states come back from ' +
      'their changelogs)'
  )
}
