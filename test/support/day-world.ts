/** The application on Kafka with everybody who looks at it, over a day in which it is killed. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { AppProcess, freePort } from './app-process.ts'
import { Sampler } from './day-samples.ts'
import { createTopic, ForeignFollower, ForeignProducer } from './foreign-client.ts'
import type { Arrival } from './shop-day.ts'
import { placedEvent } from './shop-events.ts'
import { acceptedTime, type MetricRow } from './shop-recount.ts'
import { StreamFollower } from './stream-follower.ts'

export interface DayWorldOptions {
  readonly brokers: string
  /** Its topics are `<id>.events` and `<id>.metrics`. */
  readonly id: string
  readonly partitions: number
  readonly instances: number
  readonly env?: Readonly<Record<string, string>>
}

const patience = { timeout: 90_000, interval: 25 }

export class DayWorld {
  readonly instances: readonly AppProcess[]
  readonly follower: ForeignFollower
  readonly sampler: Sampler
  readonly stream: StreamFollower
  readonly #producer: ForeignProducer
  readonly #options: DayWorldOptions
  readonly #directory: string
  /** The time of the newest accepted event, by partition. */
  readonly #newest = new Map<number, number>()
  /** Events sent, those that are none too. */
  sent = 0
  kills = 0

  private constructor(
    options: DayWorldOptions,
    directory: string,
    instances: readonly AppProcess[],
    { producer, follower }: { producer: ForeignProducer; follower: ForeignFollower }
  ) {
    this.#options = options
    this.#directory = directory
    this.instances = instances
    this.#producer = producer
    this.follower = follower
    const urls = (): readonly string[] => this.urls
    this.sampler = new Sampler(urls)
    this.stream = new StreamFollower(urls)
  }

  /** With the first instance running, and ready. */
  static async open(options: DayWorldOptions): Promise<DayWorld> {
    const { brokers, id, partitions } = options
    const directory = await mkdtemp(join(tmpdir(), 'millrace-day-'))
    await createTopic(brokers, `${id}.events`, partitions)
    const producing = ForeignProducer.open(brokers, `${id}.events`)
    const instances = await Promise.all(
      Array.from({ length: options.instances }, (_, i) => instance(options, directory, i))
    )
    instances[0]?.start()
    await instances[0]?.ready()
    const follower = await ForeignFollower.open(brokers, `${id}.metrics`)
    return new DayWorld(options, directory, instances, { producer: await producing, follower })
  }

  get events(): string {
    return `${this.#options.id}.events`
  }

  get urls(): readonly string[] {
    return this.instances.filter(({ running }) => running).map(({ url }) => url)
  }

  /** The instance that has shown gauges last. */
  get owner(): string {
    const name = 'last_window_end'
    return this.sampler.samples.findLast(({ series }) => series?.has(name) === true)?.url ?? ''
  }

  /** What the processes have said last, for a failure. */
  get told(): string {
    return this.instances.map(({ output }) => output.slice(-3_000)).join('\n')
  }

  /** The rows of the metrics topic, as somebody else reads them. */
  get rows(): readonly MetricRow[] {
    return this.follower.records.map(({ value }) => JSON.parse(value) as MetricRow)
  }

  /** The event time that all partitions have reached; 0 before. */
  get reachedByEvents(): number {
    return this.#newest.size < this.#options.partitions ? 0 : Math.min(...this.#newest.values())
  }

  async send(arrivals: readonly Arrival[]): Promise<void> {
    const { partitions } = this.#options
    const records = arrivals.map(({ event }, i) => placedEvent(event, this.sent + i, partitions))
    this.sent += records.length
    await this.#producer.send(records)
    for (const [i, { partition }] of records.entries()) {
      const time = acceptedTime(arrivals[i]?.event ?? {}) ?? 0
      this.#newest.set(partition, Math.max(time, this.#newest.get(partition) ?? 0))
    }
  }

  /**
   * kill -9, and a start later on. With nobody left to commit anything, all that was ever shown has
   * to be in the topic: it was committed before it was shown.
   */
  async kill(app: AppProcess, downMs: number): Promise<void> {
    await app.kill()
    this.kills += 1
    if (this.urls.length === 0) await this.#expectCommitted()
    await sleep(downMs)
    app.start()
  }

  /** The newest window end of a metric that gauges, API and stream have all shown. */
  reached(metric: string): number {
    const gauge = `shop_window_end_timestamp_seconds{metric="${metric}"}`
    const shown = this.sampler.samples.findLast(({ series }) => series?.has(gauge) === true)
    const answered = this.sampler.samples.findLast(({ latest }) => latest !== null)
    const streamed = this.stream.rows.findLast(({ row }) => row.metric === metric)
    const row = answered?.latest?.find((one) => one.metric === metric)
    return Math.min(
      (shown?.series?.get(gauge) ?? 0) * 1_000,
      row?.windowEnd ?? 0,
      streamed?.row.windowEnd ?? 0
    )
  }

  /** However long it takes, as long as it goes on. */
  async untilReached(metric: string, windowEnd: number): Promise<void> {
    const rows = (): number => this.follower.records.length + this.stream.rows.length
    let [known, movedAt] = [rows(), Date.now()]
    while (this.reached(metric) < windowEnd) {
      if (rows() > known) [known, movedAt] = [rows(), Date.now()]
      if (Date.now() - movedAt > patience.timeout) {
        const shown = `shown are ${this.reached(metric)} and ${known} rows`
        throw new Error(`${metric} does not come to ${windowEnd}: ${shown}\n${this.told}`)
      }
      await sleep(patience.interval)
    }
  }

  async #expectCommitted(): Promise<void> {
    const seen = new Set(this.stream.rows.map(({ row }) => `${row.metric} ${row.windowEnd}`))
    for (const { series, latest } of this.sampler.samples.slice(-200)) {
      for (const { metric, windowEnd } of latest ?? []) seen.add(`${metric} ${windowEnd}`)
      for (const [name, value] of series ?? []) {
        const [, metric] = /^shop_window_end_timestamp_seconds\{metric="(\w+)"\}$/.exec(name) ?? []
        if (metric !== undefined) seen.add(`${metric} ${value * 1_000}`)
      }
    }
    const missing = (): string[] => {
      const known = new Set(this.rows.map(({ metric, windowEnd }) => `${metric} ${windowEnd}`))
      return [...seen].filter((place) => !known.has(place))
    }
    await vi.waitFor(() => expect(missing(), 'shown, and not committed').toEqual([]), patience)
  }

  /** What was seen stays; the instances go on. */
  async closeLookers(): Promise<void> {
    await Promise.all([this.sampler.close(), this.stream.close()])
  }

  async close(): Promise<void> {
    await this.closeLookers()
    await Promise.all([this.follower.close(), this.#producer.close()])
    await Promise.all(this.instances.map((one) => one.kill()))
    await rm(this.#directory, { recursive: true, force: true })
  }
}

/** A static member: after a kill it has its tasks again at once. */
async function instance(
  { brokers, id, env = {} }: DayWorldOptions,
  directory: string,
  index: number
): Promise<AppProcess> {
  return new AppProcess({
    KAFKA_BROKERS: brokers,
    KAFKA_INSTANCE_ID: `${id}-${index}`,
    KAFKA_SESSION_TIMEOUT: '6s',
    APPLICATION_ID: id,
    EVENTS_TOPIC: `${id}.events`,
    METRICS_TOPIC: `${id}.metrics`,
    STATE_DIR: join(directory, String(index)),
    HTTP_PORT: String(await freePort()),
    ...env,
  })
}
