/**
 * The shop metrics processor: the topology on its log, the rows that it wrote, and HTTP in front.
 *
 *     events ──▶ StreamApp ──▶ metrics topic ──▶ MetricsView ──▶ HTTP ──▶ API, page
 *       ▲  ▲                                       snapshot ──▶ Exposition ──▶ /metrics
 *       │  └── POST /api/events, demo storefront (without a broker)
 *
 * HTTP listens first and closes last, so that probes tell the truth from the beginning to the end.
 */
import { currencyDecimals } from '../topologies/currency.ts'
import type { EventFormat } from '../topologies/event-format.ts'
import { framedRows } from '../topologies/metric-format.ts'
import type { MetricRow } from '../topologies/metric-row.ts'
import { shownTogether } from '../topologies/shop-gauges.ts'
import {
  knownLabels,
  metricWindows,
  type ShopOptions,
  shopMetrics,
} from '../topologies/shop-metrics.ts'
import { AvroSchemaError } from './avro/schema.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Config } from './config.ts'
import { Feeder } from './demo/feeder.ts'
import { durationMs } from './durations.ts'
import { ConfigError } from './errors.ts'
import { createHttpApp } from './http/app.ts'
import { type HttpServer, listen } from './http/server.ts'
import type { Timestamp } from './ids.ts'
import { kafkaSettings } from './kafka/kafka-settings.ts'
import type { Logger } from './log.ts'
import { Exposition } from './metrics/exposition.ts'
import type { ConfluentAvro } from './registry/confluent-avro.ts'
import type { SchemaRegistryOptions } from './registry/schema-registry.ts'
import type { Log } from './runtime/ports.ts'
import { StreamApp } from './stream-app.ts'
import type { TopologyModule } from './threads/topology-module.ts'
import type { Topology } from './topology/topology.ts'
import { packageVersion } from './version.ts'
import { MetricsView } from './views/metrics-view.ts'
import type { RollingSum } from './views/refreshes.ts'

/** Events of which none could be decoded before readiness says so. */
const undecodableMin = 20
const demoDisorderMs = 8_000
/** As this file: one is source, the other compiled. */
const topologyUrl = import.meta.url.replace(/src\/shop-app(\.\w+)$/, 'topologies/shop-metrics$1')

export interface ShopAppOptions {
  readonly logger: Logger
  readonly clock?: Clock
  /** Instead of the one that the settings name; it stays open. */
  readonly log?: Log
}

export class ShopApp {
  readonly #config: Config
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #topology: Topology
  readonly #app: StreamApp
  readonly #view: MetricsView
  /** Of the rows, where a registry has their schema; null: there is none. */
  readonly #framed: ConfluentAvro<MetricRow> | null
  /** Aborted by `close`. */
  readonly #cut = new AbortController()
  /** What the start waits for, outside of the engine. */
  #waitsFor: string | undefined
  #feeder: Feeder | undefined
  #server: HttpServer | undefined
  #closing: Promise<void> | undefined

  constructor(config: Config, { logger, clock = systemClock, log }: ShopAppOptions) {
    this.#config = config
    this.#logger = logger
    this.#clock = clock
    this.#topology = topologyOf(config)
    this.#app = this.#makeApp(log)
    this.#framed = framedRowsOf(config)
    const framed = this.#framed
    this.#view = new MetricsView({
      log: { read: (...args) => this.#app.log.read(...args) },
      topic: config.metricsTopic,
      metrics: metricWindows(shopOptions(config)).map(({ name }) => name),
      sums: shownSums(config),
      // Whatever is written now: the topic may hold rows from before.
      ...(framed === null ? {} : { readFramed: (bytes) => framed.deserialize(bytes) }),
      clock,
      logger,
    })
  }

  /** Resolves after `close`; rejects with the error that ended the application. */
  get done(): Promise<void> {
    return this.#app.done
  }

  /** Where HTTP answers; undefined before it does. */
  get url(): string | undefined {
    return this.#server?.url
  }

  /** Rejects with what stands in the way, and leaves nothing open then. Resolves when closed. */
  async start(): Promise<void> {
    const { httpHost, httpPort, demo } = this.#config
    this.#server = await listen(this.#http(), httpHost, httpPort)
    try {
      await this.#register()
      if (this.#closing === undefined) await this.#app.start()
    } catch (error) {
      await this.#server.close(0)
      if (this.#cut.signal.aborted) return
      throw error
    }
    if (this.#closing !== undefined) return await this.#server.close(0)
    this.#view.start()
    if (demo) this.#startDemo()
  }

  /** Before anything runs: a schema that does not go with those before it is told at the start. */
  async #register(): Promise<void> {
    if (this.#config.metricsFormat === 'json') return
    const { signal } = this.#cut
    await this.#framed?.register({ signal, onWait: (reason) => (this.#waitsFor = reason) })
    this.#waitsFor = undefined
  }

  /** Not ready, no more events, commit, leave the group, close. Safe to call more than once. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#cut.abort()
    await this.#feeder?.stop()
    this.#view.close()
    await this.#app.close()
    await this.#server?.close()
  }

  #makeApp(given: Log | undefined): StreamApp {
    const { applicationId, stateDir, guarantee, commitInterval, kafka, threads } = this.#config
    const where = kafka === null ? {} : { kafka: kafkaSettings(kafka) }
    return new StreamApp(this.#topology, {
      applicationId,
      stateDir,
      guarantee,
      threads,
      topologyModule: shopTopologyModule(this.#config),
      commitIntervalMs: durationMs(commitInterval),
      clock: this.#clock,
      logger: this.#logger,
      ...(given === undefined ? where : { log: given }),
    })
  }

  #http() {
    const { config, app } = { config: this.#config, app: this.#app }
    const snapshot = () => app.snapshot()
    const { instruments } = this.#topology
    const version = packageVersion()
    const together = shownTogether
    const exposition = new Exposition({ snapshot, instruments, knownLabels, together, version })
    const idleMs = config.idle === 'off' ? 0 : durationMs(config.idle)
    return createHttpApp({
      snapshot,
      reasons: () => this.#reasons(),
      lastEventAt: () => this.#lastEventAt(),
      rows: this.#view,
      topology: this.#topology,
      metrics: metricWindows(shopOptions(config)),
      derived: shownSums(config).map(({ name }) => name),
      closeMs: durationMs(config.grace) + idleMs,
      ingest: config.kafka === null ? (events) => this.#ingest(events) : null,
      exposition: () => exposition.render(),
      apiToken: config.apiToken,
      clock: this.#clock,
      logger: this.#logger,
    })
  }

  /** Dated at their arrival, as the demo storefront's are: it resumes where the topic ends. */
  async #ingest(events: readonly Uint8Array[]): Promise<void> {
    const timestamp = this.#clock.now()
    const records = events.map((value) => ({ timestamp, key: null, value }))
    await this.#app.log.append(this.#config.eventsTopic, records)
  }

  #startDemo(): void {
    const { eventsTopic, orderTypes, currency, grace } = this.#config
    const [orderType = ''] = orderTypes
    const decimals = currencyDecimals(currency)
    const disorderMs = Math.min(demoDisorderMs, durationMs(grace) / 2)
    this.#feeder = new Feeder({
      log: this.#app.log,
      topic: eventsTopic,
      shop: { seed: 1, orderType, decimals, disorderMs },
      clock: this.#clock,
      logger: this.#logger,
    })
    this.#feeder.start()
  }

  #reasons(): readonly string[] {
    if (this.#closing !== undefined) return ['The application is closing.']
    if (this.#waitsFor !== undefined) return [`The application waits: ${this.#waitsFor}`]
    const { reasons } = this.#app.snapshot()
    if (reasons.length > 0) return reasons
    if (!this.#view.caughtUp) {
      const { waitsFor } = this.#view
      const why = waitsFor === undefined ? '' : ` One has to wait: ${waitsFor}`
      return [`The rows of the metrics topic are being read.${why}`]
    }
    return this.#undecodable()
  }

  /** A wrong format must not look like a quiet shop. */
  #undecodable(): readonly string[] {
    let [accepted, undecoded] = [0, 0]
    for (const { name, labels, value } of this.#app.snapshot().counters) {
      if (name === 'shop_events_total') accepted += value
      if (labels['reason'] === 'decode') undecoded += value
    }
    if (accepted > 0 || undecoded < undecodableMin) return []
    const { eventsTopic, eventsFormat } = this.#config
    return [
      `None of ${undecoded} events of ${eventsTopic} could be decoded: ` +
        `is EVENTS_FORMAT=${eventsFormat} what they are written in?`,
    ]
  }

  /** From the gauge where the task is here, else from the rows. */
  #lastEventAt(): Timestamp | null {
    const gauge = this.#app.snapshot().gauges.find(({ name }) => name === 'last_message_time')
    const rows = this.#view.metrics.map((metric) => this.#view.latest(metric)?.row.lastEventAt)
    const known = [gauge?.value, ...rows].filter((time) => typeof time === 'number')
    return known.length === 0 ? null : Math.max(...known)
  }
}

/** A schema that does not fit is a wrong setting, found here because it takes Avro to see it. */
function topologyOf(config: Config): Topology {
  try {
    return shopMetrics(shopOptions(config))
  } catch (error) {
    if (!(error instanceof AvroSchemaError)) throw error
    throw new ConfigError([
      `EVENTS_SCHEMA_FILE: ${error.message}. Give the schema that ${config.eventsTopic} is ` +
        'written with, and say with FIELD_… what its fields are called.',
    ])
  }
}

/** Where threads, and commands, find the topology. */
export function shopTopologyModule(config: Config): TopologyModule {
  return { url: topologyUrl, name: 'shopMetrics', input: shopOptions(config) }
}

/** What the topology takes of the settings. */
export function shopOptions(config: Config): ShopOptions {
  const { eventsTopic, metricsTopic, orderTypes, currency, fields } = config
  const { grace, idle, conversionRefresh, maxFuture, orderDedup } = config
  const topics = { eventsTopic, metricsTopic, orderTypes, currency, fields }
  return { ...topics, grace, idle, conversionRefresh, maxFuture, orderDedup, ...formatsOf(config) }
}

function formatsOf(config: Config): Pick<ShopOptions, 'eventFormat' | 'metricFormat'> {
  const registry = registryOptions(config)
  const isFramed = config.metricsFormat === 'confluent-avro' && registry !== undefined
  const metricFormat = isFramed ? ({ kind: 'confluent-avro', registry } as const) : undefined
  const formats = { eventFormat: eventFormat(config) }
  return metricFormat === undefined ? formats : { ...formats, metricFormat }
}

function framedRowsOf(config: Config): ConfluentAvro<MetricRow> | null {
  const registry = registryOptions(config)
  return registry === undefined ? null : framedRows(registry, config.metricsTopic)
}

function eventFormat(config: Config): EventFormat {
  const { eventsFormat: kind, eventsSchema: schema } = config
  const registry = registryOptions(config)
  if (kind === 'confluent-avro' && registry !== undefined) return { kind, registry }
  return schema === null ? { kind: 'json' } : { kind: 'avro', schema }
}

/** Revenue since midnight is made of these, and rolling sums over 24 hours cannot be. */
function shownSums(config: Config): readonly RollingSum[] {
  const revenue = metricWindows(shopOptions(config)).filter(({ name }) => name === 'revenue_24h')
  return revenue.map(({ name, ...window }) => ({ name: 'revenue_30m', of: name, ...window }))
}

function registryOptions({ schemaRegistry }: Config): SchemaRegistryOptions | undefined {
  if (schemaRegistry === null) return undefined
  const { url, auth } = schemaRegistry
  return auth === null ? { url } : { url, auth }
}
