/**
 * Feeds the invented shop's traffic to the events topic: 48 hours at once, then as time goes by.
 *
 *     nothing in the topic        ├──────── history ────────┤ live …
 *     there is something    last record ├── what was missed ─┤ live …
 *
 * A record's own timestamp is its arrival, so the topic itself says where to go on: right after its
 * last record, but never more than the history back. What is missed is caught up in order of
 * arrival, so that no event of it comes later than the storefront's disorder allows: none is late.
 */
import type { Clock } from '../clock.ts'
import type { Timestamp } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { AppendRecord, Log } from '../runtime/ports.ts'
import { newestRecord } from './newest-record.ts'
import { type Arrival, type StorefrontOptions, traffic } from './storefront.ts'

export interface FeederOptions {
  readonly log: Pick<Log, 'append' | 'partitions' | 'read'>
  readonly topic: string
  readonly shop: StorefrontOptions
  readonly clock: Clock
  readonly logger: Logger
  /** Default 48 hours. */
  readonly historyMs?: number
  /** How often live traffic is sent. Default 500. */
  readonly tickMs?: number
}

const hourMs = 3_600_000

export class Feeder {
  readonly #options: FeederOptions
  readonly #historyMs: number
  /** All arrivals before this are in the topic; undefined until the topic was read. */
  #until: Timestamp | undefined
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(options: FeederOptions) {
    this.#options = options
    this.#historyMs = options.historyMs ?? 48 * hourMs
  }

  /** Feeds now, and again and again until `stop`. */
  start(): void {
    this.#running = this.feed()
      .catch((error: unknown) => {
        this.#options.logger.warn('The demo storefront could not send its events', { error })
      })
      .then(() => {
        if (this.#stopped) return
        this.#timer = setTimeout(() => this.start(), this.#options.tickMs ?? 500)
      })
  }

  /** Appends what has arrived up to now; in hours, so that a long history does not block. */
  async feed(): Promise<void> {
    const now = this.#options.clock.now()
    const from = this.#until ?? (await this.#resumeAt(now))
    const behindMs = now - from
    let events = 0
    for (let at = from; at < now && !this.#stopped; ) {
      const to = Math.min(now, at + hourMs)
      const arrivals = traffic(this.#options.shop, at, to)
      if (arrivals.length > 0) {
        await this.#options.log.append(this.#options.topic, arrivals.map(record))
      }
      at = this.#until = to
      events += arrivals.length
      if (behindMs > 2 * hourMs) this.#report(behindMs, to - from, events)
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#running
  }

  async #resumeAt(now: Timestamp): Promise<Timestamp> {
    const last = await newestRecord(this.#options.log, this.#options.topic)
    const earliest = now - this.#historyMs
    this.#until = last === undefined ? earliest : Math.max(earliest, last + 1)
    return this.#until
  }

  /** One line per quarter of the way. */
  #report(behindMs: number, doneMs: number, events: number): void {
    const quarter = (ms: number): number => Math.floor((4 * ms) / behindMs)
    if (quarter(doneMs) === quarter(doneMs - hourMs)) return
    const hours = (ms: number): number => Math.round(ms / hourMs)
    this.#options.logger.info(
      `Demo storefront: ${hours(doneMs)} of ${hours(behindMs)} hours written`,
      { events }
    )
  }
}

function record({ at, event }: Arrival): AppendRecord {
  const key = Buffer.from(String(event['partyId']))
  return { timestamp: at, key, value: Buffer.from(JSON.stringify(event)) }
}
