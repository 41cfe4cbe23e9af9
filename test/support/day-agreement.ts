/**
 * Whether all that was seen of a shop is the truth: the rows of an independent recount. Every
 * answer says, line by line, what is not so; none if all is well.
 *
 *     sample of gauges   all of a metric's gauges are those of one row, which is never an older one
 *     sample of the API  the newest row of each metric, never an older one than before
 *     stream             the records of the topic, in its order, each of them once
 */
import type { Sample } from './day-samples.ts'
import { type Metric, type MetricRow, metrics, metricWindows, rowText } from './shop-recount.ts'
import type { StreamedRow } from './stream-follower.ts'

const faultsMax = 10
const staleMarginMs = 60_000

export interface Truth {
  readonly rows: ReadonlyMap<Metric, readonly MetricRow[]>
  /** Of all accepted events, epoch ms. */
  readonly eventTimes: ReadonlySet<number>
  /** Grace and idle time. */
  readonly closeMs: number
}

export class Agreement {
  readonly faults: string[] = []
  readonly #truth: Truth
  readonly #rows: ReadonlyMap<string, MetricRow>
  /** The newest that was shown, by what showed it. */
  readonly #newest = new Map<string, number>()
  /** Rows that gauges have shown. */
  readonly #shown = new Set<string>()

  constructor(truth: Truth) {
    this.#truth = truth
    const all = [...truth.rows.values()].flat()
    this.#rows = new Map(all.map((row) => [place(row.metric, row.windowEnd), row]))
  }

  /** Of how many rows gauges have shown all there is. */
  get shown(): number {
    return this.#shown.size
  }

  /** In the order in which they were taken. */
  hold(samples: readonly Sample[]): void {
    for (const sample of samples) {
      const { series, latest, conversion } = sample
      if (series !== null) this.#holdGauges(series, sample)
      for (const row of latest ?? []) this.#holdRow(row, sample)
      if (conversion !== null) this.#holdConversion(sample)
    }
  }

  /** The stream is what the topic holds, offset by offset. */
  holdStream(
    streamed: readonly StreamedRow[],
    records: readonly { readonly offset: number; readonly value: string }[]
  ): void {
    const got = streamed.map(({ id, row }) => `${id - 1} ${rowText(row)}`)
    const wanted = records.map(({ offset, value }) => {
      return `${offset} ${rowText(JSON.parse(value) as MetricRow)}`
    })
    for (let i = 0; i < Math.max(got.length, wanted.length); i++) {
      if (got[i] === wanted[i]) continue
      this.#fault(`row ${i} of the stream is\n  ${got[i]}, in the topic\n  ${wanted[i]}`)
      return
    }
  }

  #holdGauges(series: ReadonlyMap<string, number>, sample: Sample): void {
    for (const metric of metrics) {
      const name = `shop_window_end_timestamp_seconds{metric="${metric}"}`
      const end = series.get(name)
      const wanted = end === undefined ? undefined : this.#rowAt(metric, end * 1_000, sample)
      const where = `gauges of ${sample.url} at ${sample.answeredAt}`
      if (end !== undefined) this.#forward(`gauge of ${metric}`, end * 1_000, where)
      if (end === undefined || wanted === undefined) {
        const [legacy = ''] = gaugesOf(metric).keys()
        const before = this.#newest.get(`gauge of ${metric}`)
        const value = series.get(legacy)
        if (end === undefined && value !== undefined && (value !== 0 || before !== undefined)) {
          this.#fault(`${where}: ${legacy} is ${value} without a window; before: ${before}`)
        }
        continue
      }
      for (const [gauge, value] of gaugesOf(metric, wanted)) {
        if (near(series.get(gauge)) === near(value ?? undefined)) continue
        this.#fault(`${where}: ${gauge} is ${series.get(gauge)}, not ${value}: ${rowText(wanted)}`)
      }
      this.#shown.add(place(metric, end * 1_000))
    }
    this.#holdNewest(series, sample)
  }

  #holdNewest(series: ReadonlyMap<string, number>, { url, answeredAt }: Sample): void {
    const at = series.get('last_message_time')
    if (at === undefined) return
    const where = `gauges of ${url} at ${answeredAt}`
    if (!this.#truth.eventTimes.has(at)) this.#fault(`${where}: no event is of ${at}`)
    if (near(series.get('shop_last_event_timestamp_seconds')) !== near(at / 1_000)) {
      this.#fault(`${where}: two newest events`)
    }
    this.#forward('newest event', at, where)
  }

  #holdRow(row: MetricRow, sample: Sample): void {
    const { url, answeredAt } = sample
    const wanted = this.#rowAt(row.metric, row.windowEnd, sample)
    if (wanted !== undefined && rowText(wanted) !== rowText(row)) {
      this.#fault(`a row of ${url} is\n  ${rowText(row)}, not\n  ${rowText(wanted)}`)
    }
    this.#forward(`${row.metric} of ${url}`, row.windowEnd, `/api/metrics at ${answeredAt}`)
  }

  #holdConversion(sample: Sample): void {
    const { url, askedAt, answeredAt, conversion: answer } = sample
    if (answer === null) return
    const end = Date.parse(answer.window.end)
    const row = this.#rowAt('conversion_1h', end, sample)
    if (row === undefined) return
    const lastEventAt = answer.lastEventAt === null ? null : Date.parse(answer.lastEventAt)
    const said = [answer.conversion, answer.orderingSessions, answer.sessions, lastEventAt]
    const wanted = [row.value, row.numerator, row.denominator, row.lastEventAt]
    const where = `/api/conversion of ${url} at ${answeredAt}`
    if (String(said) !== String(wanted)) this.#fault(`${where}: ${said}, not ${wanted}`)
    this.#forward(`conversion of ${url}`, end, where)
    const [, refreshMs] = metricWindows.conversion_1h
    const staleAt = end + refreshMs + this.#truth.closeMs + staleMarginMs
    if (askedAt > staleAt && !answer.stale) this.#fault(`${where}: old, and not stale`)
    if (answeredAt <= staleAt && answer.stale) this.#fault(`${where}: stale, and not old`)
  }

  #rowAt(metric: string, end: number, { url, answeredAt }: Sample): MetricRow | undefined {
    const row = this.#rows.get(place(metric, end))
    if (row === undefined) this.#fault(`${url} at ${answeredAt}: no row ${place(metric, end)}`)
    return row
  }

  #forward(what: string, time: number, where: string): void {
    const before = this.#newest.get(what) ?? -Infinity
    if (time < before) this.#fault(`${where}: ${what} goes back from ${before} to ${time}`)
    this.#newest.set(what, Math.max(before, time))
  }

  #fault(text: string): void {
    if (this.faults.length < faultsMax) this.faults.push(text)
  }
}

/** What a row is to Prometheus; null: absent. The first is one of those that begin at 0. */
export function gaugesOf(metric: Metric, row?: MetricRow): ReadonlyMap<string, number | null> {
  const { value = null, numerator = null, denominator = null, windowEnd = 0 } = row ?? {}
  const gauges: Readonly<Record<Metric, Readonly<Record<string, number | null>>>> = {
    visitors_5m: {
      users_count: value,
      last_window_end: windowEnd,
      'shop_window_unique_sessions{window="5m"}': value,
    },
    orders_5m: { orders_count: value, 'shop_window_orders{window="5m"}': value },
    conversion_1h: {
      conversion: Math.round((value ?? 0) * 10_000) / 100,
      shop_conversion_ratio: value,
      'shop_window_unique_sessions{window="1h"}': denominator,
      'shop_window_ordering_sessions{window="1h"}': numerator,
    },
    average_order_value_24h: {
      aov: roundedQuotient(numerator ?? 0, denominator ?? 0),
      'shop_average_order_value{currency="EUR"}': value,
    },
    revenue_24h: {
      tov: value,
      'shop_window_revenue{currency="EUR",window="24h"}': value,
    },
  }
  return new Map(Object.entries(gauges[metric]))
}

/** Minor units by a count, in major units with two decimals, half up. */
function roundedQuotient(minor: number, count: number): number {
  return count === 0 ? 0 : Math.floor((2 * minor + count) / (2 * count)) / 100
}

function near(value: number | undefined): string | undefined {
  return value?.toPrecision(12)
}

function place(metric: string, end: number): string {
  return `${metric}|${new Date(end).toISOString()}`
}
