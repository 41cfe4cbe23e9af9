/**
 * What goes in, known from its seed: payments for the program, events for the shop. A feed sends
 * batch after batch for as long as it is told to, each acknowledged before the next.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ForeignProducer, type RecordToSend } from '../../support/foreign-client.ts'
import { Random } from '../../support/random.ts'
import { placedEvent, type RawEvent, shopEvents } from '../../support/shop-events.ts'

export interface Payment {
  readonly id: number
  readonly amount: number
  readonly group: string
}

const keys = 300
const groups = 25
const hourMs = 3_600_000
const pauseMs = 200

/** About 250 a second. */
export function* payments(seed: number): Generator<readonly RecordToSend[]> {
  const random = new Random(seed)
  for (let id = 1; ; ) {
    const size = random.below(100)
    yield Array.from({ length: size }, () => {
      const group = `g${random.below(groups)}`
      const payment: Payment = { id: id++, amount: random.below(2_001) - 1_000, group }
      return { key: `k${random.below(keys)}`, value: JSON.stringify(payment) }
    })
  }
}

export interface ShopFeed {
  /**
   * An event for every partition, older than all others: a partition that is found empty is not
   * waited for, so all must have begun before anybody looks.
   */
  readonly opening: readonly RecordToSend[]
  readonly batches: Generator<readonly RecordToSend[]>
  /** Moves all partitions past the windows of `until`. */
  readonly closing: readonly RecordToSend[]
  /** Rows up to here are final after `closing`. */
  readonly until: number
}

/** Two days of events, about 50 a second; then nothing more. */
export function shopFeed(seed: number, minutes: number, partitions: number): ShopFeed {
  const now = Date.now()
  const range = { from: now - 58 * hourMs, to: now - 26 * hourMs, disorderMs: 25_000 }
  const count = Math.round(minutes * 60 * 50)
  const events = shopEvents({ seed, count, ...range, sessions: count / 10 })
  const random = new Random(seed)
  const until = range.to + 25 * hourMs
  const everywhere = (timestamp: number, name: string): readonly RecordToSend[] =>
    Array.from({ length: partitions }, (_, partition) => {
      const key = `${name}-${partition}`
      const event = { timestamp, sessionId: key, eventType: 'pageView' }
      return { partition, key, value: JSON.stringify(event) }
    })
  return {
    opening: everywhere(range.from, 'first'),
    batches: batchesOf(events, random, partitions),
    closing: everywhere(until + hourMs / 2, 'last'),
    until,
  }
}

function* batchesOf(
  events: readonly RawEvent[],
  random: Random,
  partitions: number
): Generator<readonly RecordToSend[]> {
  for (let from = 0; from < events.length; ) {
    const size = random.below(21)
    yield events
      .slice(from, from + size)
      .map((event, i) => placedEvent(event, from + i, partitions))
    from += size
  }
}

/** Sends batches until it is stopped; what is acknowledged is remembered. */
export class Feed {
  readonly acknowledged: string[] = []
  readonly #producer: ForeignProducer
  #running: Promise<void> = Promise.resolve()
  #isStopped = false
  #failure: unknown

  static async open(brokers: string, topic: string): Promise<Feed> {
    return new Feed(await ForeignProducer.open(brokers, topic))
  }

  private constructor(producer: ForeignProducer) {
    this.#producer = producer
  }

  /** Resolves when they are acknowledged. */
  async send(batch: readonly RecordToSend[]): Promise<void> {
    if (batch.length === 0) return
    await this.#producer.send(batch)
    for (const { value } of batch) this.acknowledged.push(String(value))
  }

  start(batches: Generator<readonly RecordToSend[]>): void {
    this.#running = this.#run(batches).catch((error: unknown) => {
      this.#failure = error
    })
  }

  /** Resolves when all that was sent is acknowledged, and a last batch after it. */
  async stop(last: readonly RecordToSend[] = []): Promise<void> {
    this.#isStopped = true
    await this.#running
    if (this.#failure !== undefined) throw this.#failure
    await this.send(last)
    await this.#producer.close()
  }

  /** At the end of a run that failed: nothing is waited for. */
  abandon(): void {
    this.#isStopped = true
    this.#producer.kill()
  }

  async #run(batches: Generator<readonly RecordToSend[]>): Promise<void> {
    for (const batch of batches) {
      if (this.#isStopped) return
      await this.send(batch)
      await sleep(pauseMs)
    }
  }
}
