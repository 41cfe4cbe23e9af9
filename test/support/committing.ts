/** A member that commits while its log is being mistreated. */
import { AbortedError, FencedError } from '../../src/errors.ts'
import { taskId } from '../../src/ids.ts'
import type { Log } from '../../src/runtime/ports.ts'
import { bytes, Member, tasksOver } from './log-port-tools.ts'

/** Commits 1, 2, 3, … one record each, going on after every abort as the runtime does. */
export class Committing {
  readonly #log: Log
  readonly #source: string
  readonly #sink: string
  readonly member = new Member()
  done = 0
  aborted = 0

  constructor(log: Log, source: string, sink: string) {
    this.#log = log
    this.#source = source
    this.#sink = sink
  }

  /** The source has one partition. */
  async start(): Promise<void> {
    await this.member.join(this.#log, tasksOver(this.#source, 1))
    await this.member.until((owned) => owned.size === 1)
  }

  async until(number: number): Promise<void> {
    while (this.done < number) await this.#next()
  }

  async #next(): Promise<void> {
    const number = this.done + 1
    const batch = this.#log.createBatch()
    batch.append(this.#sink, 0, number, null, bytes(`${number}`))
    const at = { topic: this.#source, partition: 0, task: taskId(0, 0) }
    const offsets = [{ ...at, offset: number, metadata: `commit ${number}` }]
    try {
      await this.#log.commit({ batch, offsets, number })
      this.done = number
    } catch (error) {
      if (!(error instanceof AbortedError) && !(error instanceof FencedError)) throw error
      this.aborted++
      await this.member.until((owned) => owned.size === 1)
    }
  }
}
