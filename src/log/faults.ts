/** Faults on order, for tests: what a crash or a refusal at the worst moment looks like. */

/**
 * 'abort', 'fence' and 'fatal' refuse the commit before anything is stored. 'crash-before' and
 * 'crash-after' end the client as if its process had died: before the commit reached the log, and
 * after it was stored but before anybody was told.
 */
export type CommitFault = 'abort' | 'fence' | 'fatal' | 'crash-before' | 'crash-after'

export class LogFaults {
  readonly #commits: (CommitFault | undefined)[] = []
  #failingAppends = 0

  /** Strikes the next commit, or the one after `skip` others. */
  failCommit(fault: CommitFault, skip = 0): void {
    while (this.#commits.length < skip) this.#commits.push(undefined)
    this.#commits[skip] = fault
  }

  /** Refuses the next append; nothing of it is stored. */
  failAppend(): void {
    this.#failingAppends++
  }

  clear(): void {
    this.#commits.length = 0
    this.#failingAppends = 0
  }

  takeCommit(): CommitFault | undefined {
    return this.#commits.shift()
  }

  takeAppend(): boolean {
    if (this.#failingAppends === 0) return false
    this.#failingAppends--
    return true
  }
}
