/**
 * What every instance knows of the metrics: the committed rows of the metrics topic, whoever wrote
 * them, kept in memory.
 *
 *     metrics topic ──read committed, from the start──▶ one series per metric ──▶ API, page
 *                                                         └─ what each refresh of a sum brought
 *
 * Invariants: nothing uncommitted is ever shown; a row that is read twice changes nothing;
 * listeners hear of new rows only once everything older has been read. A reader that fails is
 * opened again from the start, while the rows at hand go on being shown.
 */
import type { Clock } from '../clock.ts'
import { NotReadyError } from '../errors.ts'
import type { Offset, Timestamp } from '../ids.ts'
import type { Logger } from '../log.ts'
import type { Log, SourceReader } from '../runtime/ports.ts'
import { type MetricRow, parseRow, parseRowKey, type ReadFramed } from './metric-row.ts'
import { Refreshes, type RollingSum } from './refreshes.ts'
import { RowSeries, type SeenRow } from './row-series.ts'

export interface MetricsViewOptions {
  readonly log: Pick<Log, 'read'>
  /** One partition. */
  readonly topic: string
  readonly metrics: readonly string[]
  /** Sums whose refreshes are shown as a metric of their own. */
  readonly sums?: readonly RollingSum[]
  /** Reads rows that are not JSON. Default: there are none. */
  readonly readFramed?: ReadFramed
  readonly clock: Clock
  readonly logger: Logger
  /** Rows older than this, seen from the newest of their metric, are forgotten. Default 9 days. */
  readonly keepMs?: number
  /** Wait before a failed reader is opened again. Default 1,000. */
  readonly retryMs?: number
}

export type RowListener = (seen: SeenRow) => void

const dayMs = 86_400_000
const sliceMs = 3

export class MetricsView {
  readonly metrics: readonly string[]
  readonly #options: MetricsViewOptions
  readonly #series: ReadonlyMap<string, RowSeries>
  readonly #derived: ReadonlyMap<string, RowSeries>
  /** By the metric that they are made of. */
  readonly #refreshes: ReadonlyMap<string, Refreshes>
  readonly #listeners = new Set<RowListener>()
  #reader: SourceReader | undefined
  #timer: NodeJS.Timeout | undefined
  #draining = false
  #caughtUp = false
  #end: Offset = 0
  /** Why the row at hand cannot be read yet. */
  #waitsFor: string | undefined
  #closed = false

  constructor(options: MetricsViewOptions) {
    this.#options = options
    this.metrics = options.metrics
    const { metrics, sums = [], keepMs = 9 * dayMs } = options
    const series = (name: string) => [name, new RowSeries(keepMs)] as const
    this.#series = new Map(metrics.map(series))
    this.#derived = new Map(sums.map(({ name }) => series(name)))
    this.#refreshes = new Map(sums.map((sum) => [sum.of, new Refreshes(sum)]))
  }

  /** Whether everything that was there at the start has been read. */
  get caughtUp(): boolean {
    return this.#caughtUp
  }

  /** Everything before this offset of the topic has been read. */
  get end(): Offset {
    return this.#end
  }

  /** The topic must exist. */
  start(): void {
    const { log, topic } = this.#options
    const onData = (): void => this.#drain()
    this.#reader = log.read({ topic, partition: 0 }, 'earliest', { onData, isolation: 'committed' })
    this.#drain()
  }

  latest(metric: string): SeenRow | undefined {
    return this.#series.get(metric)?.latest
  }

  /** Rows with a window end in [from, to), oldest first, at most `limit`. */
  range(metric: string, from: Timestamp, to: Timestamp, limit: number): readonly MetricRow[] {
    const series = this.#series.get(metric) ?? this.#derived.get(metric)
    return series?.range(from, to, limit) ?? []
  }

  /** The rows that were written at this offset or after it, in the order of the topic. */
  since(offset: Offset): readonly SeenRow[] {
    const found = [...this.#series.values()].flatMap((series) => series.since(offset))
    return found.sort((a, b) => a.offset - b.offset)
  }

  /** Answers with the way to stop listening. */
  subscribe(listener: RowListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#reader?.close()
    this.#listeners.clear()
  }

  /** What the next row waits for, if it cannot be read yet. */
  get waitsFor(): string | undefined {
    return this.#waitsFor
  }

  /** In slices, so that a long topic does not hold up what else the process does. */
  #drain(): void {
    const reader = this.#reader
    if (this.#closed || this.#draining || reader === undefined) return
    const deadline = performance.now() + sliceMs
    try {
      while (this.#waitsFor !== undefined || reader.advance()) {
        this.#end = Math.max(this.#end, reader.offset + 1)
        this.#take(reader)
        this.#waitsFor = undefined
        if (performance.now() < deadline) continue
        this.#draining = true
        setImmediate(() => {
          this.#draining = false
          this.#drain()
        })
        return
      }
    } catch (error) {
      if (error instanceof NotReadyError) this.#wait(error)
      else this.#reopen(error)
      return
    }
    const { answer, position } = reader
    if (answer === undefined || position < answer.highWatermark) return
    this.#caughtUp = true
    // It is lower than before where the topic was made anew.
    this.#end = position
  }

  /** None of the rows that come after it is shown before it. */
  #wait({ message, ready }: NotReadyError): void {
    this.#waitsFor = message
    this.#draining = true
    const again = (): void => {
      this.#draining = false
      this.#drain()
    }
    ready.then(again, again)
  }

  #take({ key, value, offset }: SourceReader): void {
    if (value === null) {
      const place = key === null ? undefined : parseRowKey(key)
      if (place !== undefined) this.#series.get(place.metric)?.delete(place.windowEnd)
      return
    }
    const row = parseRow(value, this.#options.readFramed)
    const series = row === undefined ? undefined : this.#series.get(row.metric)
    if (row === undefined || series === undefined) {
      const at = `${this.#options.topic}-0@${offset}`
      this.#options.logger.debug('A record of the metrics topic is no row of ours', { at })
      return
    }
    const seen = { row, updatedAt: this.#options.clock.now(), offset }
    const isNews = series.put(seen)
    if (isNews) this.#derive(seen)
    if (isNews && this.#caughtUp) for (const listener of this.#listeners) listener(seen)
  }

  #derive(seen: SeenRow): void {
    const refreshes = this.#refreshes.get(seen.row.metric)
    if (refreshes === undefined) return
    const series = this.#derived.get(refreshes.name)
    const row = refreshes.take(seen.row)
    if (row === undefined) series?.delete(seen.row.windowEnd)
    else series?.put({ ...seen, row })
  }

  #reopen(error: unknown): void {
    const { logger, topic, retryMs = 1_000 } = this.#options
    logger.warn('The metrics topic could not be read; reading it again', { topic, error })
    this.#reader?.close()
    this.#reader = undefined
    this.#waitsFor = undefined
    this.#timer = setTimeout(() => this.start(), retryMs)
  }
}
