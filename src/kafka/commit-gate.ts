/**
 * Between commits and the group: who commits needs a generation that holds until it is done.
 *
 *     open(identity) ──▶ commits pass ──close()──▶ new ones wait, those inside finish ──▶ open(…)
 *                           │  │                   or wait for the next generation, too
 *                           │  └───shut()───────▶ the generation is over: the same, at once
 *                           └──────lose()─────▶ all are refused: the tasks are not ours any more
 *
 * Invariants: while it is closed no commit begins; a pass speaks for one membership and is never
 * carried over into the next, even if that one is given the same tasks.
 */
import { assert } from '../assert.ts'
import { FencedError } from '../errors.ts'
import type { TaskId } from '../ids.ts'
import type { GroupIdentity } from './requests/offsets.ts'
import { atMost, Change } from './waiting.ts'

/** The right to commit for some tasks; `leave()` when the commit is over, whatever its outcome. */
export interface CommitPass {
  readonly identity: GroupIdentity
  /**
   * The identity of a generation after `than`, if these tasks are still ours in it: what a commit
   * uses that was overtaken by a rebalance. Undefined: they are not.
   */
  newer(than: number): Promise<GroupIdentity | undefined>
  leave(): void
}

export class CommitGate {
  readonly #isClaimed: (task: TaskId) => boolean
  readonly #change = new Change()
  #identity: GroupIdentity | undefined
  #membership = 0
  #inside = 0

  constructor(isClaimed: (task: TaskId) => boolean) {
    this.#isClaimed = isClaimed
  }

  /** Waits for the end of a rebalance. Rejects with a FencedError if a task is not ours. */
  async enter(tasks: ReadonlySet<TaskId>): Promise<CommitPass> {
    const membership = this.#membership
    const identity = await this.#identityFor(tasks, membership)
    if (identity === undefined) throw notOurs(tasks)
    this.#inside++
    let isInside = true
    return {
      identity,
      newer: async (than) => {
        const next = await this.#outside(() => this.#identityFor(tasks, membership))
        return next !== undefined && next.generation > than ? next : undefined
      },
      leave: () => {
        assert(isInside, 'a commit leaves the gate once')
        isInside = false
        this.#inside--
        this.#change.tell()
      },
    }
  }

  open(identity: GroupIdentity): void {
    this.#identity = identity
    this.#change.tell()
  }

  /** Nobody commits until it is opened again. */
  shut(): void {
    this.#identity = undefined
  }

  /** Resolves when the commits inside are done, but no later than after `ms`. */
  async close(ms: number): Promise<void> {
    this.shut()
    const empty = async (): Promise<void> => {
      while (this.#inside > 0) await this.#change.next()
    }
    if (this.#inside > 0) await atMost(ms, empty())
  }

  lose(): void {
    this.#identity = undefined
    this.#membership++
    this.#change.tell()
  }

  /** Who waits for the next generation is not waited for by those who join it. */
  async #outside<T>(wait: () => Promise<T>): Promise<T> {
    this.#inside--
    this.#change.tell()
    try {
      return await wait()
    } finally {
      this.#inside++
    }
  }

  async #identityFor(
    tasks: ReadonlySet<TaskId>,
    membership: number
  ): Promise<GroupIdentity | undefined> {
    for (;;) {
      if (membership !== this.#membership) return undefined
      for (const task of tasks) if (!this.#isClaimed(task)) return undefined
      if (this.#identity !== undefined) return this.#identity
      await this.#change.next()
    }
  }
}

function notOurs(tasks: ReadonlySet<TaskId>): FencedError {
  return new FencedError(
    'MILLRACE_TASK_NOT_OWNED',
    `The tasks ${[...tasks].join(', ')} are not (all) ours any more: drop what is not committed, ` +
      'and go on with those that are assigned next'
  )
}
