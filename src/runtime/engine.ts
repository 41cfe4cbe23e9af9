/**
 * The running application, below its public face: its lifecycle, from the plan over the group to
 * the end. What runs meanwhile is the machinery.
 *
 *     created ──▶ starting ──▶ running ⇄ rebalancing ──▶ closing ──▶ closed
 *                     └────────────┴──────────────────────▶ failed
 *
 * Invariants: the first fatal error decides how it ends; after `closed` or `failed` nothing runs,
 * and the tasks' states are closed. The log and the state directory belong to whoever opened them.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { KeyValueState } from '../../state/contract.ts'
import { present } from '../assert.ts'
import type { Clock } from '../clock.ts'
import { systemClock } from '../clock.ts'
import { MillraceError } from '../errors.ts'
import { type Logger, silentLogger } from '../log.ts'
import type { StoreRow } from '../processor/store-rows.ts'
import { adoptState } from './compatibility.ts'
import { Ending } from './ending.ts'
import { type CompleteOptions, completeOptions, type EngineOptions } from './engine-options.ts'
import { Totals } from './instruments.ts'
import { applicationLifecycle } from './lifecycle.ts'
import { Machinery } from './machinery.ts'
import { makePlan, type Plan, sourceRequirements } from './plan.ts'
import type { Membership } from './ports.ts'
import { unreadyReasons } from './readiness.ts'
import type { AppSnapshot, AppState } from './snapshot.ts'
import { expectReadable, notStarted } from './store-errors.ts'
import { type StorePart, storeParts } from './store-parts.ts'
import type { StreamTask } from './stream-task.ts'
import { messageOf } from './wiring.ts'

export class Engine {
  readonly #options: CompleteOptions
  readonly #logger: Logger
  readonly #clock: Clock
  readonly #totals: Totals
  readonly #instance = randomUUID()
  readonly #ending = new Ending()
  readonly #phase = applicationLifecycle()
  /** Aborted by `close`: what the start waits for is not waited for any more. */
  readonly #cut = new AbortController()
  #starting: Promise<void> | undefined
  /** Undefined until the plan is known. */
  #machinery: Machinery | undefined
  #membership: Membership | undefined
  #isKilled = false
  #failure: unknown

  constructor(options: EngineOptions) {
    this.#options = completeOptions(options)
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
    return phase === 'running' && this.#machinery?.manager.isRebalancing ? 'rebalancing' : phase
  }

  /** What ended the application; undefined as long as it has not failed. */
  get failure(): unknown {
    return this.#failure
  }

  /** Tasks of this process, in the order of their ids. */
  get tasks(): readonly StreamTask[] {
    return this.#machinery?.manager.tasks ?? []
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
    if (this.#options.runs) this.#started().loop.start()
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
    if (this.#phase.is('created', 'starting', 'running', 'closing')) this.#end('failed')
    await this.#machinery?.abandon()
    this.#ending.resolve()
  }

  /** The parts of a store that tasks of this process have, as their operators see them. */
  storeParts(name: string): readonly KeyValueState<unknown>[] {
    const global = this.#machinery?.globals?.part(name)
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
    return this.#machinery?.globals?.isCurrent ?? true
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
    const machinery = await Machinery.open(
      {
        engine: this.#options,
        plan: { ...planned, partitionCounts },
        clock: this.#clock,
        logger: this.#logger.with({ application: applicationId }),
        totals: this.#totals,
        stillHas: async (task) => (await this.#membership?.stillHas(task)) ?? false,
        onFatal: (error) => this.#fail(error),
      },
      this.#cut.signal
    )
    this.#machinery = machinery
    await this.#unlessClosed(this.#options.beforeJoining?.() ?? Promise.resolve())
    const joining = log.join(machinery.group, machinery.manager).then(async (membership) => {
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

  #started(): Machinery {
    return present(this.#machinery, 'a started application')
  }

  async #closeInOrder(): Promise<void> {
    await this.#starting?.catch(() => {})
    await this.#machinery?.finish()
    await this.#options.beforeLeaving?.()
    await this.#membership?.leave()
  }

  async #giveUp(deadlineMs: number): Promise<void> {
    this.#logger.error('Closing took too long; what is not committed is given up', { deadlineMs })
    await this.#machinery?.cutShort(1_000)
  }

  /** The first fatal error ends the application; what follows from it is not looked at. */
  #fail(error: unknown): void {
    if (this.#isKilled || this.#phase.is('closed', 'failed')) return
    this.#logger.error(messageOf(error), { error })
    this.#failure = error
    this.#end('failed')
    const cleanUp = async (): Promise<void> => {
      await this.#machinery?.abandon()
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
    const isAssigned = this.#membership?.isAssigned === true
    const health = this.#options.log.health()
    return unreadyReasons({ state: this.state, isAssigned, tasks: this.tasks, health })
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
