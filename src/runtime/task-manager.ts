/**
 * The tasks of this process: they come and go with the group's assignment, and are restored side by
 * side while others run.
 *
 *     onAssigned ──▶ restore (bounded, can be cut) ──▶ running ──onRevoked──▶ commit ──▶ closed
 *                         ▲                              │
 *                         └─────── abort, damage ────────┘       onLost ──▶ closed
 *
 * Invariants: a task that leaves is committed and closed before `onRevoked` resolves, unless its
 * commit failed; the tasks of a process share one transaction, so what undoes one undoes all.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { present } from '../assert.ts'
import {
  AbortedError,
  CorruptedError,
  FencedError,
  MillraceError,
  NotReadyError,
} from '../errors.ts'
import type { TaskId } from '../ids.ts'
import { untilSettled } from '../until-settled.ts'
import { CommitFailure } from './commit.ts'
import type { Committer } from './committer.ts'
import { RetryError } from './failures.ts'
import type { AssignmentListener, HeldTask } from './ports.ts'
import { Slots } from './slots.ts'
import { StreamTask } from './stream-task.ts'
import type { SharedEnvironment } from './task-environment.ts'
import { isOutOfRange, rootCause, taskFailure } from './task-failure.ts'

export interface TaskManagerOptions {
  readonly environment: SharedEnvironment
  readonly committer: () => Committer
  /** Restores at one time. */
  readonly restoresMax: number
  /** Asks whether the group has left a task here; false: its loss is on its way. */
  readonly stillHas: (task: TaskId) => Promise<boolean>
  /** Nothing can go on in this process. */
  readonly onFatal: (error: unknown) => void
}

interface Restoring {
  readonly controller: AbortController
  readonly done: Promise<void>
}

const retryMs = { first: 100, most: 5_000 } as const

export class TaskManager implements AssignmentListener {
  readonly #options: TaskManagerOptions
  readonly #tasks = new Map<TaskId, StreamTask>()
  readonly #restoring = new Map<StreamTask, Restoring>()
  readonly #slots: Slots
  #handovers = 0
  #isClosed = false
  readonly #closing = new AbortController()

  constructor(options: TaskManagerOptions) {
    this.#options = options
    this.#slots = new Slots(options.restoresMax)
  }

  /** In the order of their ids. */
  get tasks(): readonly StreamTask[] {
    return [...this.#tasks.values()]
  }

  /** Whether the set of tasks is changing, or not all of them run yet. */
  get isRebalancing(): boolean {
    return this.#handovers > 0 || this.tasks.some(({ isRunning }) => !isRunning)
  }

  held(): readonly HeldTask[] {
    const { directory, plan } = this.#options.environment
    const known = new Set<string>(plan.tasks.map(({ id }) => id))
    return directory
      .held()
      .filter((id) => known.has(id))
      .map((id) => ({ id: id as TaskId, restored: directory.restored(id) }))
  }

  async onAssigned(ids: readonly TaskId[]): Promise<void> {
    const { environment } = this.#options
    if (this.#isClosed) return
    environment.logger.info('Tasks assigned', { tasks: ids })
    const coming = ids.filter((id) => !this.#tasks.has(id)).map((id) => this.#make(id))
    for (const task of coming) this.#tasks.set(task.id, task)
    this.#sort()
    for (const task of coming) this.#startRestore(task)
  }

  async onRevoked(ids: readonly TaskId[]): Promise<void> {
    const leaving = ids.flatMap((id) => this.#tasks.get(id) ?? [])
    this.#options.environment.logger.info('Tasks revoked', { tasks: ids })
    this.#handovers += 1
    try {
      for (const task of leaving) task.retire()
      await Promise.all(leaving.map((task) => this.#stopRestore(task)))
      await this.#options.committer().commit()
      // A commit that was aborted has sent them back to restoring.
      await Promise.all(leaving.map((task) => this.#stopRestore(task)))
      await this.#close(leaving)
    } finally {
      this.#handovers -= 1
    }
  }

  async onLost(): Promise<void> {
    this.#options.environment.logger.warn('All tasks were lost to others', { tasks: this.#ids() })
    await this.drop()
  }

  /** Drops all tasks, and takes no new ones. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#closing.abort()
    await this.drop()
  }

  /** Closes all tasks without a commit. */
  async drop(): Promise<void> {
    const { environment, committer } = this.#options
    const tasks = this.tasks
    for (const task of tasks) task.halt()
    environment.outputs.drop()
    await Promise.all(tasks.map((task) => this.#stopRestore(task)))
    await committer().written()
    await this.#close(tasks)
  }

  /**
   * Closes tasks that are the group's to give. What has come since their commit began stays, though
   * the group may have given the same ones back: it begins anew, for outputs are common to all.
   */
  async #giveUp(lost: readonly StreamTask[]): Promise<void> {
    const halted = this.#haltAll()
    await Promise.all(lost.map((task) => this.#stopRestore(task)))
    await this.#close(lost.filter((task) => this.#holds(task)))
    await this.#restart(halted.filter((task) => this.#holds(task)))
  }

  /** Back to the last commit: what is not committed is forgotten, in all tasks. */
  async rewind(damaged?: StreamTask): Promise<void> {
    const halted = this.#haltAll(damaged)
    damaged?.markDamaged()
    await this.#restart(halted)
  }

  /** They do, and send, nothing more in these lives. */
  #haltAll(other?: StreamTask): readonly StreamTask[] {
    const running = this.tasks.filter((task) => task.isRunning || task === other)
    for (const task of running) task.halt()
    // Before anything is awaited: what others send from here on is theirs, and stays.
    this.#options.environment.outputs.drop()
    return running
  }

  async #restart(halted: readonly StreamTask[]): Promise<void> {
    await Promise.all(halted.map((task) => task.rewind()))
    for (const task of halted) if (this.#holds(task)) this.#startRestore(task)
  }

  /** A record is to be tried again, after a while, by all that was done since the last commit. */
  async #tryAgain(error: RetryError | NotReadyError): Promise<void> {
    const { environment, committer } = this.#options
    const { signal } = this.#closing
    const halted = this.#haltAll()
    await committer().inFlight
    if (error instanceof RetryError) {
      const { backoffMs: waitMs, cause } = error
      environment.logger.warn('A record failed; trying it again', { waitMs, error: cause })
      await delay(waitMs, undefined, { signal }).catch(() => {})
    } else {
      environment.logger.warn('A record has to wait; trying it again', { error })
      await untilSettled(error.ready, signal)
    }
    await this.#restart(halted.filter((task) => this.#holds(task) && task.state === 'running'))
  }

  /** The commit in flight, of these tasks, did not happen, or not wholly. Never rejects. */
  async commitFailed(error: unknown, tasks: readonly StreamTask[]): Promise<void> {
    try {
      await this.#afterFailedCommit(error, tasks)
    } catch (failure) {
      this.#options.onFatal(failure)
    }
  }

  /** Something that a task did, outside a commit, has failed. Never rejects. */
  async failed(task: StreamTask, error: unknown): Promise<void> {
    if (!this.#holds(task) || !task.isRunning) return
    const { environment, stillHas } = this.#options
    const cause = rootCause(error)
    try {
      if (cause instanceof RetryError || cause instanceof NotReadyError) {
        await this.#tryAgain(cause)
        return
      }
      task.halt()
      if (isOutOfRange(cause) && !(await stillHas(task.id))) {
        // Whoever has it now may have purged what it has read: that we are late is all there is.
        environment.logger.warn('What a task was to read is gone, and the task is with others', {
          task: task.id,
          error: cause,
        })
        return
      }
      if (!(cause instanceof CorruptedError)) throw taskFailure(task, error)
      await this.#options.committer().inFlight
      if (this.#holds(task) && task.state === 'running') await this.#rebuild(task, cause)
    } catch (failure) {
      this.#options.onFatal(failure)
    }
  }

  async #afterFailedCommit(error: unknown, tasks: readonly StreamTask[]): Promise<void> {
    const { environment, onFatal } = this.#options
    const cause = rootCause(error)
    if (cause instanceof AbortedError || cause instanceof NotReadyError) {
      environment.logger.warn('A commit was aborted; going on from the last one', { error: cause })
      if (cause instanceof NotReadyError) await untilSettled(cause.ready, this.#closing.signal)
      await this.rewind()
    } else if (cause instanceof FencedError) {
      environment.logger.warn('A commit was refused: others own the tasks', { error: cause })
      await this.#giveUp(tasks)
    } else if (error instanceof CommitFailure) {
      if (cause instanceof CorruptedError) await this.#rebuild(error.task, cause)
      else onFatal(taskFailure(error.task, error.cause))
    } else {
      onFatal(error)
    }
  }

  async #rebuild(task: StreamTask, cause: CorruptedError): Promise<void> {
    const { logger } = this.#options.environment
    logger.error('The state of a task is damaged and is rebuilt', { task: task.id, error: cause })
    await this.rewind(task)
  }

  async #close(tasks: readonly StreamTask[]): Promise<void> {
    for (const task of tasks) if (this.#holds(task)) this.#tasks.delete(task.id)
    await Promise.all(tasks.map((task) => task.close()))
  }

  #make(id: TaskId): StreamTask {
    const { environment } = this.#options
    const planned = environment.plan.tasks.find((one) => one.id === id)
    const task: StreamTask = new StreamTask({
      ...environment,
      planned: present(planned, `plan of task ${id}`),
      onFailure: (error) => void this.failed(task, error),
    })
    return task
  }

  #holds(task: StreamTask): boolean {
    return this.#tasks.get(task.id) === task
  }

  #ids(): readonly TaskId[] {
    return [...this.#tasks.keys()]
  }

  #sort(): void {
    const order = this.#options.environment.plan.tasks
    const tasks = order.flatMap(({ id }) => this.#tasks.get(id) ?? [])
    this.#tasks.clear()
    for (const task of tasks) this.#tasks.set(task.id, task)
  }

  #startRestore(task: StreamTask): void {
    const controller = new AbortController()
    const done = this.#slots
      .use(controller.signal, () => this.#restore(task, controller.signal))
      .catch((error: unknown) => {
        if (!controller.signal.aborted) this.#restoreFailed(task, error)
      })
      .finally(() => {
        if (this.#restoring.get(task)?.controller === controller) this.#restoring.delete(task)
        this.#options.environment.wake()
      })
    this.#restoring.set(task, { controller, done })
  }

  async #stopRestore(task: StreamTask): Promise<void> {
    const restoring = this.#restoring.get(task)
    restoring?.controller.abort()
    await restoring?.done
  }

  async #restore(task: StreamTask, signal: AbortSignal): Promise<void> {
    const { logger } = this.#options.environment
    let isRebuilt = false
    for (let waitMs: number = retryMs.first; ; waitMs = Math.min(waitMs * 2, retryMs.most)) {
      try {
        await task.restore(signal)
        logger.info('Task running', { task: task.id })
        return
      } catch (error) {
        signal.throwIfAborted()
        const cause = rootCause(error)
        if (cause instanceof CorruptedError && !isRebuilt) {
          isRebuilt = true
          logger.error('The state of a task is damaged and is rebuilt', { task: task.id, error })
          task.markDamaged()
        } else if (cause instanceof MillraceError && cause.canRetry) {
          logger.warn('Restoring a task failed; trying again', { task: task.id, waitMs, error })
          await delay(waitMs, undefined, { signal })
        } else {
          throw error
        }
        await task.rewind()
      }
    }
  }

  #restoreFailed(task: StreamTask, error: unknown): void {
    const { onFatal, environment } = this.#options
    const cause = rootCause(error)
    // The group says so too, in its own time; until then the task stays where it is.
    if (cause instanceof FencedError) {
      environment.logger.warn('Restoring was refused: others own the task', { task: task.id })
    } else onFatal(taskFailure(task, error))
  }
}
