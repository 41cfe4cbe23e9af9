/**
 * Which thread has the state of which task open. The main thread keeps the book, the others ask.
 *
 *     acquire ─▶ granted, or in line ─▶ release ─▶ the next in line
 *
 * Invariants: at most one thread has a task; whoever waits is granted in the order of asking; a
 * thread that has ended has none.
 */
import { assert } from '../assert.ts'

/** One wish of one thread; its own object, so that it can be taken back. */
export interface Claim {
  readonly thread: number
  readonly grant: () => void
}

export class TaskLocks {
  /** Whoever has it comes first, then those who wait. */
  readonly #lines = new Map<string, Claim[]>()

  acquire(task: string, claim: Claim): void {
    const line = this.#lines.get(task)
    if (line === undefined) {
      this.#lines.set(task, [claim])
      claim.grant()
    } else {
      assert(!line.includes(claim), 'a claim is made once')
      line.push(claim)
    }
  }

  /** Gives it back, or leaves the line. */
  release(task: string, claim: Claim): void {
    const line = this.#lines.get(task) ?? []
    const at = line.indexOf(claim)
    if (at < 0) return
    line.splice(at, 1)
    if (line.length === 0) this.#lines.delete(task)
    else if (at === 0) line[0]?.grant()
  }

  /** All that a thread has, or waits for. */
  releaseAll(thread: number): void {
    for (const [task, line] of [...this.#lines]) {
      for (const claim of line.filter((one) => one.thread === thread)) this.release(task, claim)
    }
  }
}
