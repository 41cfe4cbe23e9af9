/**
 * Where rows and the state come from, and what is done when they do not come:
 *
 *     stream ──ended──▶ stream again, 1 s later, behind its last id
 *        └─────refused──▶ one poll ──answered──▶ polling ──▶ stream again, 15 s later
 *                            └─────no answer───▶ offline ──▶ stream again, 3 s later
 */
import { getJson, getRows, readStream, TokenNeeded } from './api.mjs'
import { dayMs, hourMs } from './time.mjs'

const pollMs = 15_000
const retryMs = 3_000
const againMs = 1_000
/** Rows of a week ago are fetched ahead, for a page that stays open. */
const reloadMs = 6 * hourMs

const metrics = [
  'visitors_5m',
  'orders_5m',
  'conversion_1h',
  'average_order_value_24h',
  'revenue_24h',
  'revenue_30m',
]
/** Metrics that are added up over a day. */
const added = ['orders_5m', 'revenue_30m']

export class Feed {
  #on
  #lastId
  #isOpen = false
  #isRestoring = false
  #loadedAt = -Infinity
  /** The end of the newest window, by metric. */
  #newest = new Map()

  /** `on`: rows(list), health(health), link(name), token(): a promise. */
  constructor(on) {
    this.#on = on
  }

  async run() {
    setInterval(() => void this.#load(), hourMs)
    for (;;) {
      this.#isOpen = false
      try {
        await this.#follow()
      } catch (error) {
        if (error instanceof TokenNeeded) {
          await this.#on.token()
          continue
        }
      }
      if (this.#isOpen) this.#on.link('connecting')
      const ms = this.#isOpen ? againMs : (await this.#poll()) ? pollMs : retryMs
      await new Promise((resolve) => setTimeout(resolve, ms))
    }
  }

  /** Listens first and loads then, so that no row falls between the two. */
  async #follow() {
    await readStream('api/stream', this.#lastId, {
      open: () => {
        this.#isOpen = true
        this.#on.link('live')
      },
      event: (name, data, id) => {
        if (id !== undefined) this.#lastId = id
        if (name === 'row') this.#take([data], true)
        if (name === 'reset') this.#loadedAt = -Infinity
        if (name === 'status') {
          this.#hear(data)
          void this.#load()
        }
      },
    })
  }

  #hear(health) {
    this.#isRestoring = health.state === 'restoring'
    this.#on.health(health)
  }

  /** Loads what is to be loaded; if that fails, the next state tries it again. */
  async #load() {
    await this.#reload().catch(() => {})
  }

  /** False if nobody answers. */
  async #poll() {
    try {
      const { health: state, reasons, lastEventAt, now } = await getJson('api/status')
      this.#hear({ state, reasons, lastEventAt, now })
      await this.#pollRows().catch((error) => {
        // Whoever still reads the rows answers all the same.
        if (!this.#isRestoring) throw error
      })
      this.#on.link('polling')
      return true
    } catch (error) {
      if (error instanceof TokenNeeded) return true
      this.#on.link('offline')
      return false
    }
  }

  async #pollRows() {
    if (await this.#reload()) return
    for (const metric of metrics) {
      this.#take(await getRows(metric, (this.#newest.get(metric) ?? 0) + 1))
    }
  }

  /** Two days up to the newest row, and the day a week before; false if that is here already. */
  async #reload() {
    const now = Date.now()
    if (now - this.#loadedAt < reloadMs) return false
    this.#loadedAt = now
    try {
      const { results } = await getJson('api/metrics')
      const end = results.reduce((newest, row) => Math.max(newest, row.windowEnd), 0)
      const lists = results.length === 0 ? [] : await Promise.all(metrics.flatMap(this.#past(end)))
      this.#take([...results, ...lists.flat()])
      if (results.length === 0 || this.#isRestoring) this.#loadedAt = -Infinity
      return true
    } catch (error) {
      this.#loadedAt = -Infinity
      if (error instanceof TokenNeeded) return true
      throw error
    }
  }

  #past(end) {
    const week = end - 7 * dayMs
    return (metric) => {
      const back = added.includes(metric) ? 26 * hourMs : 2 * hourMs
      return [
        getRows(metric, end - 2 * dayMs - 2 * hourMs),
        getRows(metric, week - back, week + reloadMs + 2 * hourMs),
      ]
    }
  }

  #take(rows, isNews = false) {
    for (const { metric, windowEnd } of rows) {
      this.#newest.set(metric, Math.max(windowEnd, this.#newest.get(metric) ?? 0))
    }
    if (rows.length > 0) this.#on.rows(rows)
    // What is made of the rows of another metric is not in the topic.
    if (isNews && rows[0].metric === 'revenue_24h') void this.#derived()
  }

  async #derived() {
    const metric = 'revenue_30m'
    const from = (this.#newest.get(metric) ?? 0) + 1
    await getRows(metric, from).then(
      (rows) => this.#take(rows),
      () => {}
    )
  }
}
