/** One instance of the application under test: its own engine, client of the log and directory. */

import type { StateDirectory } from '../../state/index.ts'
import { openStateDirectory } from '../../state/index.ts'
import type { Clock } from '../clock.ts'
import type { EmbeddedLog } from '../log/embedded-log.ts'
import type { Logger } from '../log.ts'
import type { CommitStep } from '../runtime/commit.ts'
import { Engine } from '../runtime/engine.ts'
import type { Guarantee } from '../runtime/task-environment.ts'
import type { Topology } from '../topology/topology.ts'

/**
 * Where in a commit an instance dies: as the step begins; 'step 3, unanswered' is after the log has
 * stored the commit and before it could say so.
 */
export type CrashPoint = 'step 1' | 'step 2' | 'step 3' | 'step 3, unanswered' | 'step 4' | 'step 5'

export interface InstanceOptions {
  readonly topology: Topology
  readonly applicationId: string
  readonly log: EmbeddedLog
  readonly path: string
  readonly clock: Clock
  readonly logger: Logger
  readonly caching: boolean
  readonly guarantee: Guarantee
}

const crashSteps: Readonly<Record<CrashPoint, CommitStep>> = {
  'step 1': 1,
  'step 2': 2,
  'step 3': 3,
  'step 3, unanswered': 3,
  'step 4': 4,
  'step 5': 5,
}

/** What a probe throws when the instance dies; nobody is left to see it. */
class Death extends Error {}

export class TestInstance {
  readonly engine: Engine
  readonly path: string
  readonly #log: EmbeddedLog
  readonly #directory: StateDirectory
  #crashPoint: CrashPoint | undefined
  #dying: Promise<void> | undefined

  private constructor(options: InstanceOptions, directory: StateDirectory) {
    const { log, path, topology, applicationId, clock, logger, caching, guarantee } = options
    this.path = path
    this.#log = log
    this.#directory = directory
    this.engine = new Engine({
      topology,
      applicationId,
      log,
      directory,
      clock,
      logger,
      caching,
      guarantee,
      runs: false,
      purgeIntervalMs: 0,
      probe: (step) => this.#probe(step),
    })
  }

  static async start(options: InstanceOptions): Promise<TestInstance> {
    const { path, logger, clock } = options
    const directory = await openStateDirectory(path, { log: logger, clock })
    const instance = new TestInstance(options, directory)
    try {
      await instance.engine.start()
    } catch (error) {
      await directory.close()
      throw error
    }
    return instance
  }

  get isDead(): boolean {
    return this.#dying !== undefined
  }

  /** The next commit that gets there is this instance's last deed. */
  armCrash(point: CrashPoint): void {
    this.#crashPoint = point
  }

  /** Dies at once: memory is gone, nobody is told. */
  crash(): Promise<void> {
    this.#dying ??= this.#die()
    return this.#dying
  }

  /** As if its session had timed out: others own its tasks, and it does not know. */
  freeze(): void {
    this.#log.freeze()
  }

  /** It finds out, and joins again. */
  async thaw(): Promise<void> {
    await this.#log.thaw()
  }

  /** Ends in good order: last commit, hand-over. */
  async close(): Promise<void> {
    if (this.#dying !== undefined) return await this.#dying
    await this.engine.close()
    await this.#directory.close()
    await this.#log.close()
  }

  async #die(): Promise<void> {
    this.#log.crash()
    await this.engine.kill()
    await this.#directory.close()
  }

  #probe(step: CommitStep): void {
    const point = this.#crashPoint
    if (point === undefined || crashSteps[point] !== step) return
    this.#crashPoint = undefined
    if (point === 'step 3, unanswered') {
      this.#log.faults.failCommit('crash-after')
      return
    }
    void this.crash()
    throw new Death(point)
  }
}
