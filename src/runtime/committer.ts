/**
 * When commits happen, one at a time, and what their outcome means.
 *
 *     due? ──▶ tasks at rest? ──▶ seal ──▶ in flight, beside processing ──▶ done ──▶ due? …
 *               (no records meanwhile)        └─ aborted, fenced, failed ──▶ the manager
 *
 * Invariants: one commit in flight; a seal happens only when no task has work under way; while the
 * layer behind the sealed one is full, no record is taken, nor beside the commits that follow an
 * aborted one.
 */
import type { Timestamp } from '../ids.ts'
import { Commit, type CommitProbe } from './commit.ts'
import { Purger } from './purger.ts'
import type { StreamTask } from './stream-task.ts'
import type { SharedEnvironment } from './task-environment.ts'

export interface CommitterOptions {
  readonly environment: SharedEnvironment
  readonly intervalMs: number
  /** Open layers and unsent outputs above it are committed early, and then held back. */
  readonly bufferBytesMax: number
  readonly purgeIntervalMs: number
  readonly tasks: () => readonly StreamTask[]
  /** The commit of these did not happen, or not wholly; resolves when processing may go on. */
  readonly onFailure: (error: unknown, tasks: readonly StreamTask[]) => Promise<void>
  readonly probe: CommitProbe
}

/**
 * Commits during which no record is taken, after one that was aborted. A record that blocks the
 * process for longer than the transaction may take undoes the commit beside it; after the rewind it
 * would do so again, and for ever.
 */
const awaitedAfterAbort = 16
/** Of the interval: what lies between two commits where nothing is left to gather for them. */
const caughtUpShare = 0.2

export class Committer {
  readonly #options: CommitterOptions
  readonly #purger: Purger
  #inFlight: Promise<void> | undefined
  #current: Commit | undefined
  #lastSealAt: Timestamp
  #asked = false
  /** Calls of `commit` that wait for the tasks to come to rest. */
  #barriers = 0
  #isWaiting = false
  #isStopped = false
  /** Commits that nothing may be processed beside. */
  #awaited = 0
  #number = 0

  constructor(options: CommitterOptions) {
    this.#options = options
    const { environment, purgeIntervalMs } = options
    this.#lastSealAt = environment.ticks()
    this.#purger = new Purger(environment, purgeIntervalMs)
  }

  /** An operator asks for a commit soon. */
  ask(): void {
    this.#asked = true
  }

  /** No record may be taken now. */
  get isBlocking(): boolean {
    if (this.#barriers > 0 || this.#isWaiting) return true
    return this.#inFlight !== undefined && (this.#awaited > 0 || this.#isFull())
  }

  /** The commit in flight; undefined when there is none. */
  get inFlight(): Promise<void> | undefined {
    return this.#inFlight
  }

  /** Milliseconds until a commit is due; 0: now; Infinity: there is nothing to commit. */
  dueInMs(): number {
    if (this.#inFlight !== undefined || this.#isStopped) return Number.POSITIVE_INFINITY
    const changed = this.#changed()
    if (changed.length === 0) {
      this.#asked = false
      return Number.POSITIVE_INFINITY
    }
    if (this.#asked || this.#isFull() || changed.some(({ life }) => life.time.mustCommit)) return 0
    const { environment, intervalMs } = this.#options
    const isCaughtUp = this.#running().every(({ life }) => life.isCaughtUp)
    const spanMs = isCaughtUp ? intervalMs * caughtUpShare : intervalMs
    return Math.max(0, this.#lastSealAt + spanMs - environment.ticks())
  }

  /** Begins a commit if one is due and all tasks are at rest. */
  turn(): void {
    this.#purger.turn()
    const isDue = this.dueInMs() === 0
    this.#isWaiting = isDue && !this.settle()
    if (isDue && !this.#isWaiting) this.#begin(this.#changed(), true)
  }

  /** Commits, and writes, what has changed up to now; resolves when that is done, or undone. */
  async commit(): Promise<void> {
    while (this.#inFlight !== undefined) await this.#inFlight
    this.#barriers += 1
    try {
      while (!this.#isStopped && !this.settle()) {
        await Promise.all(this.#running().map(({ busy }) => busy))
      }
      if (this.#isStopped || this.#inFlight !== undefined) return
      const tasks = this.#options.tasks().filter((task) => task.needsCommit || task.isKept)
      if (tasks.length > 0) this.#begin(tasks, false)
    } finally {
      this.#barriers -= 1
    }
    await this.#inFlight
  }

  /** Brings the tasks to rest, as far as that needs no waiting; whether they are. */
  settle(): boolean {
    for (const task of this.#running()) task.life.settle()
    return this.#running().every(({ isAtRest }) => isAtRest)
  }

  /** No further commit begins. */
  stop(): void {
    this.#isStopped = true
  }

  /** Resolves when the commit in flight writes nothing to disk any more. */
  async written(): Promise<void> {
    if ((this.#current?.step ?? 1) >= 4) await this.#inFlight
  }

  #running(): readonly StreamTask[] {
    return this.#options.tasks().filter((task) => task.isRunning)
  }

  #changed(): readonly StreamTask[] {
    return this.#options.tasks().filter((task) => task.needsCommit)
  }

  #isFull(): boolean {
    const { environment, bufferBytesMax } = this.#options
    let bytes = environment.outputs.bytes
    for (const task of this.#running()) bytes += task.openBytes
    return bytes > bufferBytesMax
  }

  #begin(tasks: readonly StreamTask[], mayKeep: boolean): void {
    const { environment, probe } = this.#options
    const { log, outputs, clock, ticks } = environment
    this.#asked = false
    this.#lastSealAt = ticks()
    this.#number += 1
    const number = this.#number
    const commit = new Commit({ log, outputs, clock, number, tasks, mayKeep, probe })
    this.#current = commit
    this.#inFlight = this.#run(commit, tasks).finally(() => {
      this.#inFlight = undefined
      this.#current = undefined
      environment.wake()
    })
  }

  /** Never rejects. Its first part, the seal, runs within the call. */
  async #run(commit: Commit, tasks: readonly StreamTask[]): Promise<void> {
    const { environment, onFailure } = this.#options
    const { totals, ticks } = environment
    const startedAt = ticks()
    try {
      commit.seal()
      await commit.transact()
      await commit.write()
      commit.publish()
    } catch (error) {
      totals.commits.aborted += 1
      this.#awaited = awaitedAfterAbort
      await onFailure(error, tasks)
      return
    }
    totals.commits.count += 1
    this.#awaited = Math.max(0, this.#awaited - 1)
    totals.commits.seconds += (ticks() - startedAt) / 1_000
    totals.recordsOut += commit.recordsOut
    this.#purger.note(commit.frozen)
    this.#purger.turn()
  }
}
