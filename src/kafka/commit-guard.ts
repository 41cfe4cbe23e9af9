/**
 * Around every commit, under either guarantee: one at a time, behind the gate of the group.
 *
 * Invariants: a commit that touches no task asks nobody; a pass is given back whatever happens.
 */
import { assert } from '../assert.ts'
import type { CommitReceipt, CommitRequest } from '../runtime/ports.ts'
import type { CommitPass } from './commit-gate.ts'
import { tasksOf } from './committer.ts'
import type { Group } from './group.ts'

export interface GatedCommit {
  /** The membership of the moment. */
  readonly group: () => Group
  /** Before the gate: a broker that is away must not hold up a rebalance. */
  readonly ready?: () => Promise<void>
  readonly write: (group: Group, pass: CommitPass) => Promise<CommitReceipt>
}

export class CommitGuard {
  #isBusy = false

  get isBusy(): boolean {
    return this.#isBusy
  }

  async gated(request: CommitRequest, commit: GatedCommit): Promise<CommitReceipt> {
    assert(!this.#isBusy, 'commits come one at a time')
    const tasks = tasksOf(request)
    if (tasks.size === 0) return { endOffset: () => undefined }
    const group = commit.group()
    this.#isBusy = true
    try {
      await commit.ready?.()
      const pass = await group.permit(tasks)
      try {
        return await commit.write(group, pass)
      } finally {
        pass.leave()
      }
    } finally {
      this.#isBusy = false
    }
  }
}
