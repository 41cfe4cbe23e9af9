/**
 * The running application, below its public face: plan, group, tasks, loop and commits, and the
 * lifecycle that ties them together.
 *
 *     created ──▶ starting ──▶ running ⇄ rebalancing ──▶ closing ──▶ closed
 *                     └────────────┴──────────────────────▶ failed
 *
 * Invariants: the first fatal error decides how it ends; after `closed` or `failed` nothing runs,
 * and the tasks' states are closed. The log and the state directory belong to whoever opened them.
 */
import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { KeyValueState, StateDirectory } from '../../state/contract.ts'
import { assert, present } from '../assert.ts'
import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import { MillraceError } from '../errors.ts'
import { type Logger, silentLogger } from '../log.ts'
import type { StoreRow } from '../processor/store-rows.ts'
import type { Topology } from '../topology/topology.ts'
import type { CommitProbe } from './commit.ts'
import { Committer } from './committer.ts'
import { adoptState } from './compatibility.ts'
import { DropLog } from './drop-log.ts'
import { Ending } from './ending.ts'
import { GlobalState } from './global-state.ts'
import { TaskInstruments, Totals } from './instruments.ts'
import { applicationLifecycle } from './lifecycle.ts'
import { Outputs } from './outputs.ts'
import { makePlan, type Plan, sourceRequirements } from './plan.ts'
import type { Log, Membership } from './ports.ts'
import { ProcessLoop } from './process-loop.ts'
import type { AppSnapshot, AppState } from './snapshot.ts'
import { expectReadable, notStarted } from './store-errors.ts'
import { type StorePart, storeParts } from './store-parts.ts'
import type { StreamTask } from './stream-task.ts'
import type { Guarantee, SharedEnvironment } from './task-environment.ts'
import { TaskManager } from './task-manager.ts'
import { messageOf } from './wiring.ts'

export interface EngineOptions {
  readonly topology: Topology
  readonly applicationId: string
  readonly log: Log
  readonly directory: StateDirectory
  readonly clock?: Clock
  readonly logger?: Logger
  /** Default 'exactly_once'. */
  readonly guarantee?: Guarantee
  /** Default 100. */
  readonly commitIntervalMs?: number
  /** Whether updates may wait for the commit. Default true. */
  readonly caching?: boolean
  /** Uncommitted bytes above which a commit comes early, and processing waits. Default 32 MiB. */
  readonly bufferBytesMax?: number
  /** Tasks restored at one time. Default 4. */
  readonly restoresMax?: number
  /** Default 30,000. */
  readonly purgeIntervalMs?: number
  /**
   * How long commits may be kept in memory before one is written to disk with all of them: keys
   * that change in each are written once. Default 0: each commit is written.
   */
  readonly writeIntervalMs?: number
  /** False: nothing happens by itself; whoever holds the engine takes its turns. Default true. */
  readonly runs?: boolean
  readonly probe?: CommitProbe
  /** Of several threads that share a state directory: its number, from 1 on. Default 1. */
  readonly thread?: number
  /** Awaited by `start` when all is ready but the membership of the group. */
  readonly beforeJoining?: () => Promise<void>
  /** Awaited by `close` between the last commit and the good-bye to the group. */
  readonly beforeLeaving?: () => Promise<void>
}

/** What exists once the plan is known. */
interface Parts {
  readonly plan: Plan
  readonly environment: SharedEnvironment
  readonly manager: TaskManager
  readonly committer: Committer
  readonly loop: ProcessLoop
  readonly globals: GlobalState | undefined
}

const defaults = {
  commitIntervalMs: 100,
  bufferBytesMax: 32 * 1024 * 1024,
  restoresMax: 4,
  purgeIntervalMs: 30_000,
  writeIntervalMs: 0,
} as const

export class Engine {
  readonly #options: EngineOptions
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #totals: Totals
  readonly #instance = randomUUID()
  readonly #ending = new Ending()
  readonly #phase = applicationLifecycle()
  /** Aborted by `close`: what the start waits for is not waited for any more. */
  readonly #cut = new AbortController()
  #starting: Promise<void> | undefined
  #parts: Parts | undefined
  #membership: Membership | undefined
  #isKilled = false
  #failure: unknown

  constructor(options: EngineOptions) {
    this.#options = options
    this.#logger = options.logger ?? silentLogger
    this.#clock = options.clock ?? systemClock
    this.#totals = new Totals(options.topology.instruments)
  }

  /** Resolves after `close`; rejects with the error that ended the application. */
  get done(): Promise<void> {
    return this.#ending.promise
  }

  get state(): AppState {
    const phase = this.#phase.state
    return phase === 'running' && this.#parts?.manager.isRebalancing ? 'rebalancing' : phase
  }

  /** What ended the application; undefined as long as it has not failed. */
  get failure(): unknown {
    return this.#failure
  }

  /** Tasks of this process, in the order of their ids. */
  get tasks(): readonly StreamTask[] {
    return this.#parts?.manager.tasks ?? []
  }

  /** The plan of the running application. */
  get plan(): Plan {
    return this.#started().plan
  }

  /**
   * Prepares the topics and joins the group; tasks come, and are restored, beside. Resolves, too,
   * when it is closed meanwhile: `state` tells.
   */
  async start(): Promise<void> {
    this.#phase.to('starting')
    this.#starting = this.#setUp()
    try {
      await this.#starting
    } catch (error) {
      if (this.#cut.signal.aborted) return
      this.#fail(error)
      throw error
    }
    if (!this.#phase.is('starting')) return
    this.#phase.to('running')
    if (this.#options.runs !== false) this.#started().loop.start()
    const { applicationId: application } = this.#options
    this.#logger.info('Running', { application, instance: this.#instance })
  }

  /**
   * Takes no more records, commits, closes the tasks and leaves the group. After `deadlineMs` what
   * is not committed is given up.
   */
  async close(deadlineMs = 8_000): Promise<void> {
    // What failed may still be cleaning up: whoever deletes its directory next must not meet it.
    if (this.#phase.is('closed', 'failed', 'closing')) return await this.#ending.settled()
    if (this.#phase.is('created')) {
      this.#phase.to('closed')
      this.#ending.resolve()
      return
    }
    this.#phase.to('closing')
    this.#cut.abort()
    this.#logger.info('Closing', { application: this.#options.applicationId })
    const timer = new AbortController()
    const late = delay(deadlineMs, 'late' as const, { signal: timer.signal }).catch(() => {})
    try {
      const outcome = await Promise.race([this.#closeInOrder(), late])
      if (outcome === 'late') await this.#giveUp(deadlineMs)
      if (!this.#phase.is('closing')) return
      this.#phase.to('closed')
      this.#ending.resolve()
    } catch (error) {
      this.#fail(error)
    } finally {
      timer.abort()
    }
  }

  /** As the death of the process would: nothing more is done, nobody is told. For tests. */
  async kill(): Promise<void> {
    if (this.#phase.is('closed', 'failed')) return await this.#ending.settled()
    this.#isKilled = true
    const parts = this.#parts
    if (this.#phase.is('created', 'starting', 'running', 'closing')) this.#end('failed')
    parts?.committer.stop()
    await parts?.loop.stop()
    await parts?.manager.close()
    await parts?.globals?.abandon()
    this.#ending.resolve()
  }

  /** The parts of a store that tasks of this process have, as their operators see them. */
  storeParts(name: string): readonly KeyValueState<unknown>[] {
    const global = this.#parts?.globals?.part(name)
    if (global !== undefined) return [global]
    return this.tasks.flatMap((task) => task.stores.get(name) ?? [])
  }

  /** Where the parts of a store are; throws unless the application runs. */
  partsOf(name: string): readonly StorePart[] {
    expectReadable(this.state, name)
    if ((this.#membership?.rebalances ?? 0) === 0) throw notStarted(name)
    const { plan, globals, manager, committer } = this.#started()
    const commit = (): Promise<void> => committer.commit()
    return storeParts({ plan, globals, tasks: () => manager.tasks, commit }, name)
  }

  /** Rows of a store, over all tasks of this process; what is not committed too. */
  async *storeRows(name: string): AsyncIterable<StoreRow> {
    const { globals } = this.#started()
    if (globals?.has(name) === true) yield* globals.find(name, {})
    for (const task of this.tasks) if (task.isRunning) yield* task.life.rows(name)
  }

  snapshot(): AppSnapshot {
    const { applicationId, log } = this.#options
    const { dropped, recordsIn, recordsOut, commits, restores } = this.#totals
    return {
      applicationId,
      instance: this.#instance,
      state: this.state,
      reasons: this.#reasons(),
      log: log.health(),
      tasks: this.tasks.map((task) => task.snapshot()),
      recordsIn,
      recordsOut,
      dropped: Object.fromEntries(dropped),
      commits: { ...commits },
      restores: { ...restores },
      rebalances: this.#membership?.rebalances ?? 0,
      gauges: this.tasks.flatMap((task) => task.gauges()),
      counters: this.#totals.counters(),
    }
  }

  /** Time has passed: fetches are looked at, and wall-clock punctuators fire unless told not to. */
  observe(punctuates = true): void {
    this.#started().loop.observe(this.#clock.now(), punctuates)
  }

  /** One turn, as the loop takes it; whether anything was done. */
  turn(): boolean {
    return this.#started().loop.turn()
  }

  /** Handles up to `max` records of one task; how many. Only of an engine that does not run. */
  process(max: number): number {
    this.#started().globals?.poll()
    return this.#started().loop.process(max)
  }

  /** Whether global tables have all that the log holds now. */
  get areGlobalsCurrent(): boolean {
    return this.#parts?.globals?.isCurrent ?? true
  }

  /** Commits what has changed; resolves when that is done, or undone. */
  async commit(): Promise<void> {
    await this.#started().committer.commit()
  }

  /** Whether anything waits for a commit. */
  get needsCommit(): boolean {
    return this.tasks.some((task) => task.needsCommit)
  }

  async #setUp(): Promise<void> {
    const { topology, applicationId, guarantee, log, directory } = this.#options
    adoptState(topology, directory, this.#logger)
    log.expectJoin?.()
    const counts = await this.#unlessClosed(log.prepare(sourceRequirements(topology)))
    const planned = makePlan(topology, applicationId, counts, guarantee)
    const prepared = await this.#unlessClosed(log.prepare(planned.requirements))
    const partitionCounts = new Map([...planned.partitionCounts, ...prepared])
    const globals = await this.#openGlobals(partitionCounts)
    const parts = this.#assemble({ ...planned, partitionCounts }, globals)
    this.#parts = parts
    const group = {
      tasks: planned.tasks.map(({ id, sources: partitions }) => ({ id, sources: partitions })),
      held: () => parts.manager.held(),
    }
    await this.#unlessClosed(this.#options.beforeJoining?.() ?? Promise.resolve())
    const joining = log.join(group, parts.manager).then(async (membership) => {
      // Nobody waits for it any more, and nobody else would leave.
      if (this.#cut.signal.aborted) await membership.leave()
      return membership
    })
    const membership = await this.#unlessClosed(joining)
    this.#membership = membership
    membership.ended.catch((error: unknown) => this.#fail(error))
  }

  /** What is given up so may go on until the log is closed; its outcome is of no interest. */
  async #unlessClosed<T>(step: Promise<T>): Promise<T> {
    const { signal } = this.#cut
    const outcome = await Promise.race([step.then((value) => ({ value })), aborted(signal)])
    if (outcome === undefined) throw closedEarly()
    return outcome.value
  }

  async #openGlobals(partitionCounts: ReadonlyMap<string, number>) {
    const { topology, log, directory, applicationId, thread = 1 } = this.#options
    const logger = this.#logger.with({ application: applicationId })
    const dropLog = new DropLog(logger, this.#clock)
    const counted = new TaskInstruments(this.#totals)
    const drop = (reason: string, record: string): void => {
      // Every thread reads them all; they are told of once.
      if (thread > 1) return
      counted.drop(reason, 1)
      counted.seal()
      counted.publish()
      dropLog.note(reason, 1, () => ({ record }))
    }
    const wake = (): void => this.#parts?.loop.wake()
    const tables = topology.globals
    const state = thread === 1 ? 'global' : `global-${thread}`
    const parts = { tables, log, directory, state, partitionCounts, logger, drop, wake }
    return await GlobalState.open({ ...parts, signal: this.#cut.signal })
  }

  #assemble(plan: Plan, globals: GlobalState | undefined): Parts {
    const { log, directory, topology, applicationId, probe } = this.#options
    const options = { ...defaults, ...withoutUndefined(this.#options) }
    const logger = this.#logger.with({ application: applicationId })
    const environment: SharedEnvironment = {
      log,
      plan,
      directory,
      clock: this.#clock,
      ticks: () => performance.now(),
      logger,
      dropLog: new DropLog(logger, this.#clock),
      totals: this.#totals,
      outputs: new Outputs(log),
      globals,
      caching: options.caching ?? true,
      guarantee: options.guarantee ?? 'exactly_once',
      writeIntervalMs: options.writeIntervalMs,
      wake: () => loop.wake(),
      requestCommit: () => committer.ask(),
    }
    const manager: TaskManager = new TaskManager({
      environment,
      committer: () => committer,
      restoresMax: options.restoresMax,
      stillHas: async (task) => (await this.#membership?.stillHas(task)) ?? false,
      onFatal: (error) => this.#fail(error),
    })
    const committer: Committer = new Committer({
      environment,
      intervalMs: options.commitIntervalMs,
      bufferBytesMax: options.bufferBytesMax,
      purgeIntervalMs: options.purgeIntervalMs,
      tasks: () => manager.tasks,
      onFailure: (error, tasks) => manager.commitFailed(error, tasks),
      probe: probe ?? (() => {}),
    })
    const loop: ProcessLoop = new ProcessLoop({
      clock: this.#clock,
      committer,
      pollGlobals: () => globals?.poll() ?? false,
      tasks: () => manager.tasks,
      onTaskFailed: (task, error) => void manager.failed(task, error),
      onFailed: (error) => this.#fail(error),
    })
    assert(topology.subtopologies.length > 0, 'a topology has something to run')
    return { plan, environment, manager, committer, loop, globals }
  }

  #started(): Parts {
    return present(this.#parts, 'a started application')
  }

  async #closeInOrder(): Promise<void> {
    await this.#starting?.catch(() => {})
    const parts = this.#parts
    await parts?.loop.stop()
    await parts?.committer.commit()
    parts?.committer.stop()
    await parts?.manager.close()
    await parts?.globals?.close()
    await this.#options.beforeLeaving?.()
    await this.#membership?.leave()
  }

  async #giveUp(deadlineMs: number): Promise<void> {
    this.#logger.error('Closing took too long; what is not committed is given up', { deadlineMs })
    this.#parts?.committer.stop()
    const grace = new AbortController()
    await Promise.race([
      this.#parts?.manager.close().catch(() => {}),
      delay(1_000, undefined, { signal: grace.signal }).catch(() => {}),
    ])
    grace.abort()
  }

  /** The first fatal error ends the application; what follows from it is not looked at. */
  #fail(error: unknown): void {
    if (this.#isKilled || this.#phase.is('closed', 'failed')) return
    this.#logger.error(messageOf(error), { error })
    this.#failure = error
    this.#end('failed')
    const parts = this.#parts
    parts?.committer.stop()
    const cleanUp = async (): Promise<void> => {
      await parts?.loop.stop()
      await parts?.manager.close()
      await parts?.globals?.abandon()
      await this.#membership?.leave()
    }
    cleanUp()
      .catch((failure: unknown) => this.#logger.warn('Ending failed too', { error: failure }))
      .finally(() => this.#ending.reject(error))
  }

  #end(phase: 'failed'): void {
    if (this.#phase.is('created')) this.#phase.to('starting')
    this.#phase.to(phase)
  }

  #reasons(): readonly string[] {
    const reasons: string[] = []
    const { state } = this
    if (state !== 'running' && state !== 'rebalancing') reasons.push(`The application is ${state}.`)
    if (state === 'running' && this.#membership?.isAssigned !== true) {
      reasons.push('The group has not assigned tasks yet.')
    }
    for (const task of this.tasks) {
      if (task.isRunning) reasons.push(...task.life.waitingFor())
      else reasons.push(`Task ${task.id} is ${task.state}.`)
    }
    const health = this.#options.log.health()
    if (!health.ok) reasons.push(health.reason ?? 'The log does not answer.')
    return reasons
  }
}

/** Resolves when, or if, the signal aborts. */
function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined)
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}

function closedEarly(): MillraceError {
  return new MillraceError('MILLRACE_APP_CLOSED', 'Closed before it had started')
}

function withoutUndefined<T extends object>(object: T): T {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as T
}
