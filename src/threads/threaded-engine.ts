/**
 * Several engines, each in a thread of its own, that look like one.
 *
 *     main thread                         thread 1 … n
 *     state directory, locked once        engine, log, producer, member of the group
 *     book of who has which task open ◀── asks before it opens a task
 *     snapshots, merged ◀──────────────── told when something has changed
 *     parts of stores ──read──▶           rows, page by page
 *
 * Invariants: the first thread that fails ends them all; they join the group together, and none
 * leaves it before all have made their last commits, unless that takes too long; after `closed` or
 * `failed` no thread is left.
 */
import { randomUUID } from 'node:crypto'
import type { StateDirectory } from '../../state/contract.ts'
import { MillraceError } from '../errors.ts'
import type { KafkaSettings } from '../kafka/kafka-settings.ts'
import type { Logger } from '../log.ts'
import { adoptState } from '../runtime/compatibility.ts'
import { Ending } from '../runtime/ending.ts'
import { applicationLifecycle } from '../runtime/lifecycle.ts'
import type { Log } from '../runtime/ports.ts'
import type { AppSnapshot, AppState } from '../runtime/snapshot.ts'
import { expectReadable, notStarted } from '../runtime/store-errors.ts'
import type { StorePart } from '../runtime/store-parts.ts'
import { plainSettling, type Settling } from '../topology/settled.ts'
import type { Topology } from '../topology/topology.ts'
import { describeTopology } from './descriptions.ts'
import { EngineThread } from './engine-thread.ts'
import { Meeting } from './meeting.ts'
import { type MergedSnapshot, mergeSnapshots } from './merge-snapshots.ts'
import type { EngineSettings, ThreadData } from './messages.ts'
import { RemoteParts } from './remote-parts.ts'
import { shareOf } from './shares.ts'
import { TaskLocks } from './task-locks.ts'
import type { TopologyModule } from './topology-module.ts'

export interface ThreadedEngineOptions {
  readonly threads: number
  /** As `module` builds it, in each thread again, and then settled. */
  readonly topology: Topology
  readonly module: TopologyModule
  readonly settling: Settling
  readonly applicationId: string
  readonly kafka: KafkaSettings
  /** Of this thread: for its health. */
  readonly log: Pick<Log, 'health'>
  readonly directory: StateDirectory
  readonly logger: Logger
  /** Bytes and numbers are those of the whole process. */
  readonly engine: EngineSettings
  readonly cacheBytesMax: number | undefined
}

/** How long those that are ready to join the group wait for the others. */
const joinMsMax = 2_000
/** How long those that have made their last commits wait for the others before they leave. */
const leaveMsMax = 2_000
/** For the others, when one has failed. */
const failedDeadlineMs = 5_000
/** A thread that says nothing for longer is busy with one record, or worse. */
const silentMs = 10_000

export class ThreadedEngine {
  readonly #options: ThreadedEngineOptions
  readonly #instance = randomUUID()
  readonly #ending = new Ending()
  readonly #locks = new TaskLocks()
  readonly #parts = new RemoteParts(() => this.#threads)
  readonly #phase = applicationLifecycle()
  readonly #joining = new Meeting({
    areAllThere: () => this.#threads.every(({ isJoining }) => isJoining),
    goOn: () => this.#tellAll('join'),
    waitMsMax: joinMsMax,
  })
  readonly #leaving = new Meeting({
    areAllThere: () => this.#threads.every(({ isLeaving }) => isLeaving),
    goOn: () => this.#tellAll('leave'),
    waitMsMax: leaveMsMax,
  })
  #threads: readonly EngineThread[] = []
  /** Of all threads' latest words; undefined: there are newer ones. */
  #merged: MergedSnapshot | undefined

  constructor(options: ThreadedEngineOptions) {
    this.#options = options
  }

  /** Resolves after `close`; rejects with the error that ended the application. */
  get done(): Promise<void> {
    return this.#ending.promise
  }

  get state(): AppState {
    const phase = this.#phase.state
    const isRebalancing = this.#threads.some(({ snapshot }) => snapshot?.state === 'rebalancing')
    return phase === 'running' && isRebalancing ? 'rebalancing' : phase
  }

  /** Resolves when all threads have joined the group, or when it is closed meanwhile. */
  async start(): Promise<void> {
    const { topology, directory, logger, applicationId: application, threads } = this.#options
    this.#phase.to('starting')
    try {
      // Once, and before there are several who would.
      adoptState(topology, directory, logger)
      this.#threads = Array.from({ length: threads }, (_, index) => this.#launch(index + 1))
      await Promise.all(this.#threads.map(({ started }) => started.promise))
    } catch (error) {
      if (this.#phase.is('closing', 'closed')) return
      this.#fail(error)
      throw error
    }
    if (!this.#phase.is('starting')) return
    this.#phase.to('running')
    logger.info('Running', { application, instance: this.#instance, threads })
  }

  /** As that of an engine; every thread has `deadlineMs`. */
  async close(deadlineMs = 8_000): Promise<void> {
    if (this.#phase.is('closed', 'failed', 'closing')) return await this.#ending.settled()
    if (this.#phase.is('created')) {
      this.#phase.to('closed')
      this.#ending.resolve()
      return
    }
    this.#phase.to('closing')
    this.#options.logger.info('Closing', { application: this.#options.applicationId })
    await this.#closeThreads(deadlineMs)
    if (!this.#phase.is('closing')) return
    this.#phase.to('closed')
    this.#ending.resolve()
  }

  /** As of the latest word of each thread, which is not older than a tenth of a second. */
  snapshot(): AppSnapshot {
    const { applicationId, log } = this.#options
    this.#merged ??= mergeSnapshots(
      this.#threads
        .toSorted((a, b) => a.heardAt - b.heardAt)
        .flatMap(({ number: thread, snapshot }) => (snapshot ? [{ thread, snapshot }] : []))
    )
    const own = log.health()
    return {
      ...this.#merged,
      log: own.ok ? this.#merged.log : own,
      applicationId,
      instance: this.#instance,
      state: this.state,
      reasons: this.#reasons(),
    }
  }

  /** Where the parts of a store are; throws unless the application runs. */
  partsOf(name: string): readonly StorePart[] {
    expectReadable(this.state, name)
    if (this.#threads.every(({ snapshot }) => (snapshot?.rebalances ?? 0) === 0)) {
      throw notStarted(name)
    }
    const store = this.#options.topology.readable.find((one) => one.name === name)
    return store === undefined ? [] : this.#parts.of(store)
  }

  #launch(number: number): EngineThread {
    const { logger } = this.#options
    const thread: EngineThread = new EngineThread({
      data: this.#dataOf(number),
      locks: this.#locks,
      logger,
      onNews: () => {
        this.#merged = undefined
      },
      onJoining: () => this.#joining.come(),
      onLeaving: () => this.#leaving.come(),
      onAnswer: (answer) => this.#parts.take(answer),
    })
    const over = (): void => this.#parts.lose(thread)
    thread.ended.promise.then(over, (error: unknown) => {
      over()
      this.#fail(error)
    })
    return thread
  }

  #dataOf(thread: number): ThreadData {
    const { topology, module, settling, applicationId, directory } = this.#options
    const { kafka, engine, cacheBytesMax, threads } = this.#options
    const { url, name, input } = module
    return {
      thread,
      module: { url: String(url), name, input },
      description: describeTopology(topology),
      settling: plainSettling(settling),
      applicationId,
      directory: directory.path,
      ...shareOf({ kafka, engine, cacheBytesMax }, thread, threads),
    }
  }

  #tellAll(kind: 'join' | 'leave'): void {
    for (const thread of this.#threads) thread.tell({ kind })
  }

  async #closeThreads(deadlineMs: number): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close(deadlineMs)))
    this.#joining.end()
    this.#leaving.end()
  }

  /** The first fatal error ends the application; what follows from it is not looked at. */
  #fail(error: unknown): void {
    if (this.#phase.is('closed', 'failed')) return
    const { logger } = this.#options
    if (!isTold(error)) logger.error(error instanceof Error ? error.message : String(error))
    this.#phase.to('failed')
    void this.#closeThreads(failedDeadlineMs).then(() => this.#ending.reject(error))
  }

  #reasons(): readonly string[] {
    const { state } = this
    const reasons = new Set<string>()
    if (state !== 'running' && state !== 'rebalancing') reasons.add(`The application is ${state}.`)
    for (const { number, snapshot, heardAt } of this.#threads) {
      for (const reason of snapshot?.reasons ?? []) reasons.add(reason)
      const silence = performance.now() - heardAt
      if (silence < silentMs || state === 'closed' || state === 'failed') continue
      const seconds = Math.floor(silence / 1_000)
      reasons.add(`Thread ${number} has said nothing for ${seconds} s: one record takes that long.`)
    }
    const health = this.#options.log.health()
    if (!health.ok) reasons.add(health.reason ?? 'The log does not answer.')
    return [...reasons]
  }
}

/** Engines log what ends them; what ends a thread from outside nobody else has said. */
function isTold(error: unknown): boolean {
  return !(error instanceof MillraceError) || error.code !== 'MILLRACE_THREAD_ENDED'
}
