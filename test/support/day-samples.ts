/** What instances of the application say of the shop while they run, again and again. */
import { setTimeout as sleep } from 'node:timers/promises'
import { gauges } from './api-client.ts'
import type { MetricRow } from './shop-recount.ts'

export interface ConversionAnswer {
  readonly conversion: number | null
  readonly window: { readonly start: string; readonly end: string; readonly final: boolean }
  readonly sessions: number
  readonly orderingSessions: number
  readonly lastEventAt: string | null
  readonly stale: boolean
}

/** Null: it gave no answer, or not the answer 200. */
export interface Sample {
  readonly url: string
  /** Epoch ms: it was asked after the one, and has answered before the other. */
  readonly askedAt: number
  readonly answeredAt: number
  /** By `name{labels}`. */
  readonly series: ReadonlyMap<string, number> | null
  /** `/api/metrics`. */
  readonly latest: readonly MetricRow[] | null
  /** `/api/conversion`. */
  readonly conversion: ConversionAnswer | null
}

/** One after the other: whatever a sample says was so before the next one was asked for. */
export class Sampler {
  readonly samples: Sample[] = []
  readonly #urls: () => readonly string[]
  readonly #running: Promise<void>
  #closed = false

  /** @param urls of the instances that run; asked before each round */
  constructor(urls: () => readonly string[]) {
    this.#urls = urls
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#running
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      for (const url of this.#urls()) this.samples.push(await ask(url))
      await sleep(40)
    }
  }
}

async function ask(url: string): Promise<Sample> {
  const askedAt = Date.now()
  const [series, latest, conversion] = await Promise.all([
    gauges(url).catch(() => null),
    json<{ readonly results: readonly MetricRow[] }>(`${url}/api/metrics`),
    json<ConversionAnswer>(`${url}/api/conversion`),
  ])
  const answeredAt = Date.now()
  return { url, askedAt, answeredAt, series, latest: latest?.results ?? null, conversion }
}

async function json<T>(url: string): Promise<T | null> {
  const answer = await fetch(url).catch(() => undefined)
  if (answer === undefined) return null
  const body = await answer.json().catch(() => null)
  return answer.status === 200 ? (body as T) : null
}
