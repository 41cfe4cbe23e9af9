/**
 * What the group gave us, what the listener was told, and the calls that bring the two together.
 *
 *     assigned  what the last assignment says
 *     running   what the listener holds: told `onAssigned`, not yet done with `onRevoked`
 *     claims    both: ours as far as the group is concerned
 *
 * Invariants: listener calls come one at a time, and always lead from `running` to the `assigned`
 * of that moment; a task stays claimed until its `onRevoked` has resolved, so nobody else is given
 * it before its last commit; after `lose()` no task is claimed, whatever the listener still does.
 */
import { FencedError } from '../errors.ts'
import type { TaskId } from '../ids.ts'
import type { AssignmentListener } from '../runtime/ports.ts'

export class TaskLedger {
  readonly #listener: AssignmentListener
  readonly #onFailure: (cause: unknown) => void
  readonly #running = new Set<TaskId>()
  #assigned = new Set<TaskId>()
  #lost = false
  #isAssigned = false
  #isTold = false
  #stopped = false
  #working: Promise<void> | undefined
  #watches: { readonly tasks: readonly TaskId[]; readonly gone: () => void }[] = []

  /** `onFailure`: the listener threw; a FencedError is no failure, the loss is on its way. */
  constructor(listener: AssignmentListener, onFailure: (cause: unknown) => void) {
    this.#listener = listener
    this.#onFailure = onFailure
  }

  /** The listener holds what an assignment has said, since the start and since the last loss. */
  get isTold(): boolean {
    return this.#isTold
  }

  claims(): TaskId[] {
    if (this.#lost || this.#stopped) return []
    return [...new Set([...this.#running, ...this.#assigned])].sort()
  }

  isClaimed(task: TaskId): boolean {
    if (this.#lost || this.#stopped) return false
    return this.#running.has(task) || this.#assigned.has(task)
  }

  assign(tasks: readonly TaskId[]): void {
    this.#assigned = new Set(tasks)
    this.#isAssigned = true
    this.#work()
  }

  /** Resolves when the listener has given these up. */
  givenUp(tasks: readonly TaskId[]): Promise<void> {
    return new Promise((gone) => {
      this.#watches.push({ tasks, gone })
      this.#tellWatches()
    })
  }

  /** Everything is gone already. Resolves when the listener knows. */
  async lose(): Promise<void> {
    this.#assigned = new Set()
    this.#isAssigned = false
    this.#isTold = false
    if (this.#running.size > 0) this.#lost = true
    this.#work()
    await this.#working
  }

  /** No more calls, apart from the one that is running; nothing is claimed any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#working
  }

  #work(): void {
    this.#working ??= this.#reconcile()
      .catch((cause: unknown) => {
        this.#stopped = true
        this.#onFailure(cause)
      })
      .finally(() => {
        this.#working = undefined
        if (!this.#stopped && !this.#isSettled()) this.#work()
      })
  }

  #isSettled(): boolean {
    const { size } = this.#running
    return !this.#lost && size === this.#assigned.size && size === this.claims().length
  }

  async #reconcile(): Promise<void> {
    // The caller's own steps come first: whoever joined must hold its membership before it is told.
    await new Promise((resolve) => setImmediate(resolve))
    while (!this.#stopped && (await this.#step())) this.#tellWatches()
    this.#tellWatches()
  }

  /** One listener call; false when there is nothing left to tell. */
  async #step(): Promise<boolean> {
    if (this.#lost) {
      await this.#listener.onLost()
      this.#running.clear()
      this.#lost = false
      return true
    }
    const leaving = [...this.#running].filter((task) => !this.#assigned.has(task))
    if (leaving.length > 0) {
      await this.#revoke(leaving)
      return true
    }
    const coming = [...this.#assigned].filter((task) => !this.#running.has(task))
    if (coming.length === 0) {
      this.#isTold = this.#isAssigned
      return false
    }
    for (const task of coming) this.#running.add(task)
    await this.#listener.onAssigned(coming)
    return true
  }

  async #revoke(tasks: readonly TaskId[]): Promise<void> {
    try {
      await this.#listener.onRevoked(tasks)
    } catch (cause) {
      if (!(cause instanceof FencedError)) throw cause
    }
    for (const task of tasks) this.#running.delete(task)
  }

  #tellWatches(): void {
    this.#watches = this.#watches.filter(({ tasks, gone }) => {
      const left = tasks.some((task) => this.#running.has(task) && !this.#assigned.has(task))
      if (!left) gone()
      return left
    })
  }
}
