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
import { FatalError, RetriableError } from '../errors.ts'
import { partitionName } from '../ids.ts'
import { backoffMs } from './backoff.ts'
import { FetchLane } from './fetch-lane.ts'
import type { FetchEntry, FetcherOptions, FetchTarget } from './fetch-target.ts'
import { errorCodes, isTransient, kafkaError } from './kafka-errors.ts'
import { listOffsets } from './requests/records.ts'
import { Sign } from './waiting.ts'

/** A topic that is gone, or a broker that cannot say what is wrong: so long may it pass. */
const refusedMsMax: ReadonlyMap<number, number> = new Map([
  [errorCodes.UNKNOWN_TOPIC_OR_PARTITION, 30_000],
  [errorCodes.UNKNOWN_SERVER_ERROR, 60_000],
])
const retryMs = { firstMs: 20, maxMs: 1_000 } as const

export class Fetcher {
  readonly #options: FetcherOptions
  readonly #entries = new Map<FetchTarget, FetchEntry>()
  readonly #lanes = new Map<string, FetchLane>()
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
      refusal: undefined,
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

  async #findLeaders(entries: readonly FetchEntry[]): Promise<void> {
    const { cluster, log } = this.#options
    const isKnown = ({ target, attempts }: FetchEntry): boolean =>
      attempts === 0 && cluster.leader(target) !== undefined
    if (entries.every(isKnown)) return
    try {
      await cluster.refresh([...new Set(entries.map(({ target }) => target.topic))])
      this.#dropRefused(entries)
    } catch (error) {
      if (!cluster.signal.aborted) log.warn('No broker tells where the partitions are', { error })
    }
  }

  /** Those whose topics may not be seen any more. */
  #dropRefused(entries: readonly FetchEntry[]): void {
    for (const entry of entries) {
      const refusal = this.#options.cluster.topicRefusal(entry.target.topic)
      if (refusal !== undefined) this.#fail(entry, refusal)
    }
  }

  async #tryHouse(entry: FetchEntry): Promise<boolean> {
    const { target } = entry
    if (!this.#entries.has(target)) return true
    if (target.fetchOffset === undefined && !(await this.#begin(entry))) return false
    const leader = this.#options.cluster.leader(target)
    if (leader === undefined || this.#closed) return false
    const name = `${leader.address} ${target.isolation}`
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      lane = new FetchLane(leader.address, target.isolation, this.#options, {
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

  async #begin(entry: FetchEntry): Promise<boolean> {
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
      else if (isPassing(found.error)) this.#checkRefusal(entry, found.error)
      else {
        const where = `ListOffsets of ${partitionName(target)}`
        this.#fail(entry, kafkaError(found.error, where, null, target.topic))
      }
      return found.error === 0
    } catch (error) {
      if (!(error instanceof RetriableError)) this.#fail(entry, error)
      return false
    }
  }

  #postpone(entry: FetchEntry): void {
    entry.retryAtMs = performance.now() + backoffMs(entry.attempts++, retryMs)
  }

  #moved(entry: FetchEntry, code: number): void {
    this.#leaveLane(entry)
    this.#checkRefusal(entry, code)
    this.#postpone(entry)
    this.#house()
  }

  #checkRefusal(entry: FetchEntry, code: number): void {
    const now = performance.now()
    const msMax = refusedMsMax.get(code)
    if (msMax === undefined) entry.refusal = undefined
    else if (entry.refusal?.code !== code) entry.refusal = { code, sinceMs: now }
    else if (now - entry.refusal.sinceMs >= msMax) this.#fail(entry, lastRefusal(entry, code))
  }

  #fail(entry: FetchEntry, error: unknown): void {
    if (!this.#entries.delete(entry.target)) return
    this.#leaveLane(entry)
    entry.target.fail(error instanceof Error ? error : new Error(String(error)))
  }

  #leaveLane(entry: FetchEntry): void {
    entry.lane?.leave(entry)
    entry.lane = undefined
  }
}

function isPassing(code: number): boolean {
  return isTransient(code) || refusedMsMax.has(code)
}

function lastRefusal({ target }: FetchEntry, code: number): Error {
  const name = partitionName(target)
  if (code !== errorCodes.UNKNOWN_TOPIC_OR_PARTITION) return kafkaError(code, `Fetch of ${name}`)
  const message = `The partition ${name} is gone: create the topic again, and restart`
  return new FatalError('MILLRACE_TOPIC_LOST', message)
}
