/**
 * Deletes records of repartition topics that all is committed of, now and then.
 *
 * Invariant: nothing is deleted that a commit has not covered; the newest offsets are kept until a
 * purge has taken them, so that what was written before a silence goes too.
 */
import type { Offset, TopicPartition } from '../ids.ts'
import { partitionName } from '../ids.ts'
import type { FrozenTask } from './stream-task.ts'
import type { SharedEnvironment } from './task-environment.ts'

type Purgeable = TopicPartition & { readonly before: Offset }

export class Purger {
  readonly #environment: SharedEnvironment
  readonly #intervalMs: number
  readonly #open = new Map<string, Purgeable>()
  #lastAt: number
  #isPurging = false

  constructor(environment: SharedEnvironment, intervalMs: number) {
    this.#environment = environment
    this.#intervalMs = intervalMs
    this.#lastAt = environment.ticks()
  }

  /** These were committed. */
  note(frozen: readonly FrozenTask[]): void {
    for (const { task, offsets } of frozen) {
      for (const { topic, partition, spec } of task.planned.sources) {
        if (!spec.internal) continue
        const at = offsets.find((one) => one.topic === topic && one.partition === partition)
        if (at === undefined) continue
        this.#open.set(partitionName(at), { topic, partition, before: at.offset })
      }
    }
  }

  /** Purges beside, if it is time. */
  turn(): void {
    if (this.#open.size === 0 || this.#isPurging) return
    const { log, logger, ticks } = this.#environment
    if (ticks() - this.#lastAt < this.#intervalMs) return
    this.#lastAt = ticks()
    this.#isPurging = true
    const taken = [...this.#open.entries()]
    this.#open.clear()
    log
      .purge(taken.map(([, purgeable]) => purgeable))
      .catch((error: unknown) => {
        logger.warn('Purging repartition topics failed; it is tried again', { error })
        for (const [name, purgeable] of taken) {
          if (!this.#open.has(name)) this.#open.set(name, purgeable)
        }
      })
      .finally(() => {
        this.#isPurging = false
      })
  }
}
