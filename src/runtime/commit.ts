/**
 * One commit of a process, over all tasks that changed, in five steps. The numbers are the same in
 * docs, logs and tests.
 *
 *     (1) flush        operators hand on what they held back           ─┐ the seal: synchronous,
 *     (2) send         outputs and changelogs are complete, frozen     ─┘ processing stands still
 *     (3) transact     records, input offsets and metadata, all or nothing   ─┐
 *     (4) write        each task's state and checkpoint, one LevelDB batch;   │ beside processing
 *                      or they are kept, for a later commit to write          │
 *     (5) publish      gauges, counters, operators are told, purge           ─┘
 *
 * Invariants: after the seal nothing that processing does changes what is committed; the bytes
 * sent in (2) are the bytes written in (4), unless a later commit has newer ones; a crash after (3)
 * leaves a state that is behind, never ahead.
 */
import { assert, present } from '../assert.ts'
import type { Clock } from '../clock.ts'
import type { Outputs } from './outputs.ts'
import type { CommitReceipt, Log, OutputBatch } from './ports.ts'
import type { FrozenTask, StreamTask } from './stream-task.ts'

export type CommitStep = 1 | 2 | 3 | 4 | 5

/** Called as each step begins; what it throws ends the commit there. For tests of crashes. */
export type CommitProbe = (step: CommitStep) => void

export interface CommitParts {
  readonly log: Log
  readonly outputs: Outputs
  readonly clock: Clock
  /** The number for the log: greater in every commit of the process. */
  readonly number: number
  readonly tasks: readonly StreamTask[]
  /** Whether states may be left for a later commit to write. */
  readonly mayKeep: boolean
  readonly probe: CommitProbe
}

/** A task's part in a commit failed, and so did the commit. */
export class CommitFailure extends Error {
  readonly task: StreamTask

  constructor(task: StreamTask, cause: unknown) {
    super(`The commit of task ${task.id} failed`, { cause })
    this.task = task
  }
}

export class Commit {
  readonly #parts: CommitParts
  #frozen: readonly FrozenTask[] = []
  #batch: OutputBatch | undefined
  #receipt: CommitReceipt | undefined
  /** Outputs without changelog records. */
  #recordsOut = 0
  #step: CommitStep = 1

  constructor(parts: CommitParts) {
    this.#parts = parts
  }

  /** The step that is under way. */
  get step(): CommitStep {
    return this.#step
  }

  get frozen(): readonly FrozenTask[] {
    return this.#frozen
  }

  get recordsOut(): number {
    return this.#recordsOut
  }

  /** Steps 1 and 2. */
  seal(): void {
    this.#flush()
    this.#send()
  }

  /** Step 1. */
  #flush(): void {
    this.#enter(1)
    for (const task of this.#parts.tasks) ofTask(task, () => task.flush())
    this.#frozen = this.#parts.tasks.map((task) => ofTask(task, () => task.freeze()))
  }

  /** Step 2. The log sends what is buffered at its own pace, at the latest in step 3. */
  #send(): void {
    this.#enter(2)
    const batch = this.#parts.outputs.seal()
    this.#recordsOut = batch.records
    const now = this.#parts.clock.now()
    for (const frozen of this.#frozen) {
      ofTask(frozen.task, () => frozen.task.sendChangelog(frozen, batch, now))
    }
    this.#batch = batch
  }

  /** Step 3. Rejects as the log does; then nothing of it happened. */
  async transact(): Promise<void> {
    this.#enter(3)
    const batch = present(this.#batch, 'a sealed batch')
    const offsets = this.#frozen.flatMap((frozen) => frozen.offsets)
    const { log, number } = this.#parts
    this.#receipt = await log.commit({ batch, offsets, number })
  }

  /** Step 4. Tasks that were lost meanwhile are left out: they are merely behind. */
  async write(): Promise<void> {
    this.#enter(4)
    const receipt = present(this.#receipt, 'the receipt of step 3')
    await Promise.all(
      this.#alive().map(async (frozen) => {
        try {
          await frozen.task.write(frozen, receipt, this.#parts.mayKeep)
        } catch (error) {
          throw new CommitFailure(frozen.task, error)
        }
      })
    )
  }

  /** Step 5. */
  publish(): void {
    this.#enter(5)
    for (const { task } of this.#alive()) ofTask(task, () => task.publish())
  }

  #alive(): readonly FrozenTask[] {
    return this.#frozen.filter(({ task }) => task.isRunning)
  }

  #enter(step: CommitStep): void {
    assert(step === 1 || step === this.#step + 1, `step ${step} follows step ${this.#step}`)
    this.#step = step
    this.#parts.probe(step)
  }
}

function ofTask<T>(task: StreamTask, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw new CommitFailure(task, error)
  }
}
