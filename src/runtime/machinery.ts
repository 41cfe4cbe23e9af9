/**
 * What an application consists of once its plan is known, connected: global tables, tasks, commits,
 * and the loop that drives them.
 *
 *     group ─▶ manager ─▶ tasks ◀─ loop ─▶ global tables
 *                           ▲       └────▶ committer ─▶ log
 *                           └───────────────────┘
 *
 *     finish      no more records ─▶ the last commit ─▶ tasks ─▶ global tables
 *     abandon     no more commits ─▶ no more records ─▶ tasks ─▶ global tables, as they are
 *
 * Invariants: global tables are complete before there is any task; after its end no commit begins,
 * and the states are closed. When it ends, and how, is the engine's to say.
 */
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { assert } from '../assert.ts'
import type { Clock } from '../clock.ts'
import type { TaskId } from '../ids.ts'
import type { Logger } from '../log.ts'
import { Committer } from './committer.ts'
import { DropLog } from './drop-log.ts'
import type { CompleteOptions } from './engine-options.ts'
import { GlobalState } from './global-state.ts'
import { TaskInstruments, type Totals } from './instruments.ts'
import { Outputs } from './outputs.ts'
import type { Plan } from './plan.ts'
import type { GroupPlan } from './ports.ts'
import { ProcessLoop } from './process-loop.ts'
import type { SharedEnvironment } from './task-environment.ts'
import { TaskManager } from './task-manager.ts'

export interface MachineryOptions {
  readonly engine: CompleteOptions
  readonly plan: Plan
  readonly clock: Clock
  readonly logger: Logger
  readonly totals: Totals
  /** Asks whether the group has left a task here. */
  readonly stillHas: (task: TaskId) => Promise<boolean>
  /** Nothing can go on. */
  readonly onFatal: (error: unknown) => void
}

export class Machinery {
  readonly plan: Plan
  /** Undefined: there are none. */
  readonly globals: GlobalState | undefined
  readonly manager: TaskManager
  readonly committer: Committer
  readonly loop: ProcessLoop

  private constructor(options: MachineryOptions, globals: GlobalState | undefined) {
    const { engine, plan, clock, onFatal } = options
    assert(engine.topology.subtopologies.length > 0, 'a topology has something to run')
    this.plan = plan
    this.globals = globals
    const environment = this.#environmentOf(options)
    this.manager = new TaskManager({
      environment,
      committer: () => this.committer,
      restoresMax: engine.restoresMax,
      stillHas: options.stillHas,
      onFatal,
    })
    this.committer = new Committer({
      environment,
      intervalMs: engine.commitIntervalMs,
      bufferBytesMax: engine.bufferBytesMax,
      purgeIntervalMs: engine.purgeIntervalMs,
      tasks: () => this.manager.tasks,
      onFailure: (error, tasks) => this.manager.commitFailed(error, tasks),
      probe: engine.probe,
    })
    this.loop = new ProcessLoop({
      clock,
      committer: this.committer,
      pollGlobals: () => globals?.poll() ?? false,
      tasks: () => this.manager.tasks,
      onTaskFailed: (task, error) => void this.manager.failed(task, error),
      onFailed: onFatal,
    })
  }

  /** Resolves when the global tables are complete; rejects if the signal aborts before. */
  static async open(options: MachineryOptions, signal: AbortSignal): Promise<Machinery> {
    let machinery: Machinery | undefined
    const globals = await openGlobals(options, signal, () => machinery?.loop.wake())
    machinery = new Machinery(options, globals)
    return machinery
  }

  /** What the group is told of it. */
  get group(): GroupPlan {
    return {
      tasks: this.plan.tasks.map(({ id, sources }) => ({ id, sources })),
      held: () => this.manager.held(),
    }
  }

  /** Commits what was done. */
  async finish(): Promise<void> {
    await this.loop.stop()
    await this.committer.commit()
    this.committer.stop()
    await this.manager.close()
    await this.globals?.close()
  }

  /** What is not committed is lost. No commit begins from the call on. */
  async abandon(): Promise<void> {
    this.committer.stop()
    await this.loop.stop()
    await this.manager.close()
    await this.globals?.abandon()
  }

  /** Where `finish` hangs: closes the tasks as they are, as far as that is done in `graceMs`. */
  async cutShort(graceMs: number): Promise<void> {
    this.committer.stop()
    const grace = new AbortController()
    await Promise.race([
      this.manager.close().catch(() => {}),
      delay(graceMs, undefined, { signal: grace.signal }).catch(() => {}),
    ])
    grace.abort()
  }

  #environmentOf({ engine, plan, clock, logger, totals }: MachineryOptions): SharedEnvironment {
    const { log, directory, caching, guarantee, writeIntervalMs } = engine
    return {
      log,
      plan,
      directory,
      clock,
      ticks: () => performance.now(),
      logger,
      dropLog: new DropLog(logger, clock),
      totals,
      outputs: new Outputs(log),
      globals: this.globals,
      caching,
      guarantee,
      writeIntervalMs,
      wake: () => this.loop.wake(),
      requestCommit: () => this.committer.ask(),
    }
  }
}

async function openGlobals(
  { engine, plan, clock, logger, totals }: MachineryOptions,
  signal: AbortSignal,
  wake: () => void
): Promise<GlobalState | undefined> {
  const { topology, log, directory, thread } = engine
  const dropLog = new DropLog(logger, clock)
  const counted = new TaskInstruments(totals)
  const drop = (reason: string, record: string): void => {
    // Every thread reads them all; they are told of once.
    if (thread > 1) return
    counted.drop(reason, 1)
    counted.seal()
    counted.publish()
    dropLog.note(reason, 1, () => ({ record }))
  }
  const state = thread === 1 ? 'global' : `global-${thread}`
  const parts = { tables: topology.globals, log, directory, state, logger, drop, wake, signal }
  return await GlobalState.open({ ...parts, partitionCounts: plan.partitionCounts })
}
