/**
 * An application: a topology, a log, a state directory, and the engine that runs them.
 *
 *     const app = new StreamApp(topology, { applicationId: 'orders' })
 *     await app.start()
 *     process.once('SIGTERM', () => void app.close())
 *     await app.done
 *
 * What it opens it closes: a log that was handed over as an object stays open.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { openStateDirectory, type StateDirectory } from '../state/index.ts'
import { present } from './assert.ts'
import { type Clock, systemClock } from './clock.ts'
import { ConfigError, FatalError } from './errors.ts'
import type { KafkaLog } from './kafka/kafka-log.ts'
import type { KafkaSettings } from './kafka/kafka-settings.ts'
import { EmbeddedLog } from './log/embedded-log.ts'
import { type Logger, silentLogger } from './log.ts'
import type { Readable, ReadableKind } from './processor/readable.ts'
import { Engine } from './runtime/engine.ts'
import type { Log } from './runtime/ports.ts'
import type { AppSnapshot, AppState } from './runtime/snapshot.ts'
import { openView, type ReadsStores } from './runtime/store-access.ts'
import { expectReadable } from './runtime/store-errors.ts'
import type { StorePart } from './runtime/store-parts.ts'
import { faultsOf, type StreamAppOptions } from './stream-app-options.ts'
import { ThreadedEngine } from './threads/threaded-engine.ts'
import { settled } from './topology/settled.ts'
import type { Topology } from './topology/topology.ts'

export type { StreamAppOptions } from './stream-app-options.ts'

/** The running application, in this thread or in several. */
type Running = Pick<Engine, 'state' | 'done' | 'start' | 'close' | 'snapshot' | 'partsOf'>

/** Ten commits of the default interval: a crash has at most so much more to restore. */
const writeIntervalMs = 1_000

export class StreamApp {
  readonly applicationId: string
  readonly #instance = randomUUID()
  readonly #topology: Topology
  readonly #options: StreamAppOptions
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #resources: (() => Promise<void>)[] = []
  /** Aborted by `close`. */
  readonly #cut = new AbortController()
  #log: Log | undefined
  #engine: Running | undefined
  #state: AppState = 'created'
  #starting: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #end: { resolve: () => void; reject: (error: unknown) => void } | undefined
  /** Resolves after `close`; rejects with the error that ended the application. */
  readonly done: Promise<void>

  /** Throws a ConfigError that lists every fault of the options. */
  constructor(topology: Topology, options: StreamAppOptions) {
    const faults = faultsOf(topology, options)
    if (faults.length > 0) throw new ConfigError(faults)
    this.applicationId = options.applicationId
    this.#topology = settled(topology, options)
    this.#options = options
    this.#logger = options.logger ?? silentLogger
    this.#clock = options.clock ?? systemClock
    this.done = new Promise((resolve, reject) => {
      this.#end = { resolve, reject }
    })
    // Nobody has to listen; whoever does not is told by the log lines.
    this.done.catch(() => {})
  }

  get state(): AppState {
    return this.#engine?.state ?? this.#state
  }

  /** The log in use, from `start` on. */
  get log(): Log {
    if (this.#log !== undefined) return this.#log
    throw new FatalError('MILLRACE_APP_NOT_STARTED', 'The application has no log before start().')
  }

  /**
   * Opens state and log, prepares the topics and joins the group; tasks are restored, and begin,
   * beside. Rejects with what stands in the way, and leaves nothing open then. Resolves early when
   * `close` is called meanwhile.
   */
  async start(): Promise<void> {
    if (this.#state !== 'created') {
      throw new FatalError('MILLRACE_APP_STARTED', 'An application starts once; make another one.')
    }
    this.#state = 'starting'
    this.#starting = this.#start()
    await this.#starting
  }

  /**
   * Takes no more records, commits, closes the tasks, leaves the group, and closes what it opened.
   * Safe to call more than once.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** A plain copy of what is going on; cheap enough for every scrape. */
  snapshot(): AppSnapshot {
    return this.#engine?.snapshot() ?? this.#emptySnapshot()
  }

  /**
   * Reads a table or store while the application runs: what is committed, of the tasks that are on
   * this instance. Refused, with a code, before it runs, after `close`, while a task is restored,
   * and for keys that are elsewhere.
   *
   *     const counts = orders.groupByKey().count('orders-by-user')
   *     await app.store(counts).get('ann')
   */
  readonly store: ReadsStores = ((handle: Readable<ReadableKind, unknown, unknown>) =>
    openView(handle, this.#topology.readable, (name) => this.#partsOf(name))) as ReadsStores

  #partsOf(name: string): readonly StorePart[] {
    expectReadable(this.state, name)
    return this.#engine?.partsOf(name) ?? []
  }

  async #start(): Promise<void> {
    const { stateDir = '.data', cacheBytesMax, applicationId } = this.#options
    try {
      const path = join(stateDir, applicationId)
      const directory = await openStateDirectory(path, {
        log: this.#logger,
        clock: this.#clock,
        // Without coalescing, reading back from disk what was just written would serve nobody.
        ...(cacheBytesMax === undefined || cacheBytesMax === 0 ? {} : { cacheBytesMax }),
      })
      this.#resources.unshift(() => directory.close())
      const log = await this.#openLog(path)
      this.#cut.signal.throwIfAborted()
      this.#log = log
      const engine = this.#makeEngine(log, directory)
      this.#engine = engine
      await engine.start()
      engine.done.catch((error: unknown) => this.#failed(error))
    } catch (error) {
      // Whoever closes it cleans up, too.
      if (this.#cut.signal.aborted) return
      this.#state = 'failed'
      // What the engine had begun ends first: it still uses what is closed here.
      await this.#engine?.done.catch(() => {})
      await this.#release()
      this.#end?.reject(error)
      throw error
    }
  }

  async #close(): Promise<void> {
    this.#cut.abort()
    await this.#engine?.close(this.#options.closeDeadlineMs)
    await this.#starting?.catch(() => {})
    if (this.#state === 'failed') return
    if (this.#engine?.state === 'failed') {
      await this.done.catch(() => {})
      return
    }
    this.#state = 'closed'
    await this.#release()
    this.#end?.resolve()
  }

  async #failed(error: unknown): Promise<void> {
    await this.#release()
    this.#end?.reject(error)
  }

  /** @param path the application's own directory */
  async #openLog(path: string): Promise<Log> {
    const { log, kafka } = this.#options
    if (typeof log === 'object') return log
    const opened = await (log ?? (() => this.#open(path, kafka)))(this.#cut.signal)
    this.#resources.unshift(() => opened.close())
    return opened
  }

  async #open(path: string, kafka: KafkaSettings | undefined): Promise<Log> {
    const { applicationId } = this
    const shared = { clock: this.#clock, logger: this.#logger }
    if (kafka === undefined) {
      return await EmbeddedLog.open({ ...shared, path: join(path, 'log'), group: applicationId })
    }
    // Only who talks to a broker loads the client for it.
    const { KafkaLog } = await import('./kafka/kafka-log.ts')
    const { guarantee, threads = 1 } = this.#options
    const settings = {
      ...shared,
      clientId: applicationId,
      ...kafka,
      applicationId,
      instance: this.#instance,
      signal: this.#cut.signal,
    }
    if (threads > 1) return await this.#openBeside(path, () => KafkaLog.connect(settings))
    const exactly = guarantee === undefined ? {} : { guarantee }
    return await KafkaLog.connect({ ...settings, stateDirectory: path, ...exactly })
  }

  /** A log that commits nothing: the threads that do have others, from when this one is open on. */
  async #openBeside(path: string, connect: () => Promise<KafkaLog>): Promise<KafkaLog> {
    const log = await connect()
    try {
      await log.endLeftTransactions(path)
      return log
    } catch (error) {
      await log.close()
      throw error
    }
  }

  #makeEngine(log: Log, directory: StateDirectory): Running {
    const { guarantee, commitIntervalMs, bufferBytesMax, cacheBytesMax } = this.#options
    const { restoresMax, purgeIntervalMs } = this.#options
    const { kafka, threads = 1, topologyModule: module } = this.#options
    const settings = {
      writeIntervalMs,
      ...(guarantee === undefined ? {} : { guarantee }),
      ...(commitIntervalMs === undefined ? {} : { commitIntervalMs }),
      ...(bufferBytesMax === undefined ? {} : { bufferBytesMax }),
      ...(restoresMax === undefined ? {} : { restoresMax }),
      ...(purgeIntervalMs === undefined ? {} : { purgeIntervalMs }),
    }
    const { applicationId } = this
    const parts = { topology: this.#topology, applicationId, log, directory, logger: this.#logger }
    if (threads > 1) {
      return new ThreadedEngine({
        ...parts,
        threads,
        module: present(module, 'a module for the threads'),
        kafka: present(kafka, 'brokers for the threads'),
        settling: this.#options,
        engine: settings,
        cacheBytesMax,
      })
    }
    const caching = cacheBytesMax !== 0
    return new Engine({ ...parts, ...settings, clock: this.#clock, caching })
  }

  /** In the reverse order of their opening; one that fails does not keep the others open. */
  async #release(): Promise<void> {
    for (const close of this.#resources.splice(0)) {
      try {
        await close()
      } catch (error) {
        this.#logger.warn('Closing failed', { error })
      }
    }
  }

  #emptySnapshot(): AppSnapshot {
    const nothing = { count: 0, seconds: 0 }
    return {
      applicationId: this.applicationId,
      instance: this.#instance,
      state: this.#state,
      reasons: [`The application is ${this.#state}.`],
      log: { ok: false, reason: 'The log is not open.' },
      tasks: [],
      recordsIn: 0,
      recordsOut: 0,
      dropped: {},
      commits: { ...nothing, aborted: 0 },
      restores: { ...nothing, records: 0 },
      rebalances: 0,
      gauges: [],
      counters: [],
    }
  }
}
