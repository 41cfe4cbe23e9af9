/**
 * What a task has kept of its commits: its state, and the number of the commit it belongs to.
 *
 *     restored ──▶ open ──seal──▶ sealed ──write──▶ on disk ──▶ open …
 *        ▲          │                └──────keep──▶ in memory, behind ──▶ open …
 *        └ rollback ┴─────────────────────┘
 *
 * Invariants: the commit number is that of the last commit that is known to have happened; the
 * state never has more than that commit; what no topic has too is never left in memory.
 */
import type { KeyValueState, SealedState, StateSnapshot, TaskState } from '../../state/contract.ts'
import { present } from '../assert.ts'
import type { CommittedPlace, TaskChangelogs } from './changelogs.ts'
import type { CommittedOffset } from './ports.ts'
import { Restore, type SkippedKeys } from './restore.ts'
import { committedNumberOf } from './restore-rules.ts'
import type { RestoreSnapshot } from './snapshot.ts'
import type { TaskEnvironment } from './task-environment.ts'

export type StorageOptions = Pick<
  TaskEnvironment,
  | 'log'
  | 'plan'
  | 'planned'
  | 'directory'
  | 'clock'
  | 'ticks'
  | 'logger'
  | 'guarantee'
  | 'writeIntervalMs'
  | 'totals'
>

const noKeys: SkippedKeys = new Map()
/** Of the state of commits that are not written yet: a few tens of thousands of small entries. */
const keptBytesMax = 1024 * 1024

export class TaskStorage {
  readonly #options: StorageOptions
  readonly #changelogs: TaskChangelogs
  #state: TaskState | undefined
  #restore: Restore | undefined
  #commitNumber = 0
  /** In changelogs, from commits that have not happened: to be written again. */
  #skipped: SkippedKeys = noKeys
  #isDamaged = false
  /** Dirty bytes of the layer that a commit is carrying, or has left in memory. */
  #sealedBytes = 0
  /** Ticks; the state is written in the first commit. */
  #writtenAt = Number.NEGATIVE_INFINITY
  /** Somebody reads the stores from outside, and sees what is written. */
  #isRead = false
  /** What is on disk lacks commits that have happened. */
  #isBehind = false

  constructor(options: StorageOptions, changelogs: TaskChangelogs) {
    this.#options = options
    this.#changelogs = changelogs
  }

  /** Where operators open their stores; undefined: they have none, or it is not restored yet. */
  get state(): TaskState | undefined {
    return this.#state
  }

  get commitNumber(): number {
    return this.#commitNumber
  }

  /** Commits have happened whose state is in memory only. */
  get isKept(): boolean {
    return this.#state?.isKept === true
  }

  /** A commit is to come even if no record does. */
  get needsCommit(): boolean {
    // What was kept is not kept for longer because nothing else is to be committed.
    return this.#skipped.size > 0 || (this.isKept && this.#isWriteDue)
  }

  /** Bytes that no commit carries yet. */
  get openBytes(): number {
    return Math.max(0, (this.#state?.dirtyBytes ?? 0) - this.#sealedBytes)
  }

  /** In memory and on disk. */
  get bytes(): number {
    return (this.#state?.bytes ?? 0) + (this.#state?.diskBytes ?? 0)
  }

  /** How far a restore has come; nothing is under way: none. */
  progress(): readonly RestoreSnapshot[] {
    return this.#restore?.progress() ?? []
  }

  /** From here on each commit can be read once it is done; false: not yet what came before. */
  showCommits(): boolean {
    this.#isRead = true
    return !this.#isBehind
  }

  /** What is committed now. */
  snapshot(): StateSnapshot {
    return present(this.#state, `state of task ${this.#options.planned.id}`).snapshot()
  }

  /** The next restore starts from nothing. */
  markDamaged(): void {
    this.#isDamaged = true
  }

  /** Brings the state up to the commit that the offsets are of. */
  async restore(offsets: readonly CommittedOffset[], signal: AbortSignal): Promise<void> {
    const { log, plan, planned, directory, logger, ticks, clock, guarantee, totals } = this.#options
    const committed = committedNumberOf(offsets)
    this.#commitNumber = typeof committed === 'number' ? committed : 0
    if (planned.subtopology.stores.length === 0) return
    this.#state ??= await directory.open(planned.id, signal)
    if (this.#isDamaged) await this.#state.wipe()
    this.#isDamaged = false
    signal.throwIfAborted()
    const startedAt = ticks()
    let records = 0
    this.#restore = new Restore({
      ...this.#changelogs.restoredFrom(offsets),
      log,
      applicationId: plan.applicationId,
      task: planned.id,
      partition: planned.partition,
      state: this.#state,
      checkpoint: this.#state.checkpoint,
      committed,
      offsets,
      canStepBack: guarantee === 'at_least_once' || log.kind === 'embedded',
      signal,
      logger,
      ticks,
      now: () => clock.now(),
    })
    try {
      const restored = await this.#restore.run()
      this.#skipped = restored.skipped
      this.#commitNumber = restored.checkpoint.commitNumber
      records = restored.records
    } finally {
      this.#restore = undefined
    }
    totals.restored((ticks() - startedAt) / 1_000, records)
  }

  /** Step 1 of a commit: what commits that never happened have left is made good, in `stores`. */
  mend(stores: ReadonlyMap<string, KeyValueState<unknown>>): void {
    this.#changelogs.mend(this.#skipped, this.#commitNumber + 1, stores)
  }

  /** The end of step 1: what is changed from here on belongs to the next commit. */
  seal(): SealedState | undefined {
    const sealed = this.#state?.seal()
    this.#sealedBytes = this.#state?.dirtyBytes ?? 0
    return sealed
  }

  /**
   * Step 4, for what was sealed: all in one batch with the place in its changelogs that it belongs
   * to; or, if it may, it waits in memory for a later commit.
   */
  async write(committed: CommittedPlace, mayWait: boolean): Promise<void> {
    this.#commitNumber = committed.number
    this.#skipped = noKeys
    const state = this.#state
    if (state === undefined) return
    const checkpoint = this.#changelogs.checkpointAfter(state.checkpoint, committed)
    this.#isBehind = mayWait && this.#mayKeep(state)
    if (this.#isBehind) {
      state.keep(checkpoint)
      return
    }
    await state.write(checkpoint)
    this.#writtenAt = this.#options.ticks()
    this.#sealedBytes = 0
  }

  /** Forgets what is not committed, and what was kept: a restore, or the close, is to follow. */
  rollback(): void {
    this.#skipped = noKeys
    this.#sealedBytes = 0
    this.#state?.rollback()
    this.#isBehind = false
  }

  async close(): Promise<void> {
    await this.#state?.close()
    this.#state = undefined
  }

  /** Whether the state of a commit may wait in memory for that of a later one. */
  #mayKeep({ sealedBytes }: TaskState): boolean {
    if (this.#isRead || this.#isWriteDue || sealedBytes > keptBytesMax) return false
    // What no changelog has would be lost.
    return this.#changelogs.areComplete
  }

  get #isWriteDue(): boolean {
    const { writeIntervalMs, ticks } = this.#options
    return ticks() - this.#writtenAt >= writeIntervalMs
  }
}
