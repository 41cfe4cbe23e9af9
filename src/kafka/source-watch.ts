/**
 * Whether the topics that are read still have the partitions that the tasks were planned for.
 *
 * Partitions that are added while the application runs belong to no task: nobody would read them,
 * and keys have moved to them. So the application stops, with what to do, as soon as this is seen.
 */
import { FatalError } from '../errors.ts'
import type { Membership, TaskPlan } from '../runtime/ports.ts'
import type { Cluster } from './cluster.ts'

export interface SourceWatchOptions {
  readonly cluster: Cluster
  readonly tasks: readonly TaskPlan[]
  readonly everyMs: number
}

/** A membership that ends when the partitions are not what they were. */
export class WatchedMembership implements Membership {
  readonly ended: Promise<void>
  readonly #membership: Membership
  readonly #options: SourceWatchOptions
  readonly #expected: ReadonlyMap<string, number>
  #timer: NodeJS.Timeout | undefined
  #isOver = false
  #changed: (error: FatalError) => void = () => {}

  constructor(membership: Membership, options: SourceWatchOptions) {
    this.#membership = membership
    this.#options = options
    this.#expected = countsOf(options.tasks)
    const changed = new Promise<never>((_, reject) => {
      this.#changed = reject
    })
    this.ended = Promise.race([membership.ended, changed])
    this.ended.catch(() => {})
    this.#lookLater()
  }

  get memberId(): string {
    return this.#membership.memberId
  }

  get rebalances(): number {
    return this.#membership.rebalances
  }

  get isAssigned(): boolean {
    return this.#membership.isAssigned
  }

  async leave(): Promise<void> {
    this.#stop()
    await this.#membership.leave()
  }

  #stop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
  }

  #lookLater(): void {
    const { cluster, everyMs } = this.#options
    if (this.#isOver || cluster.signal.aborted) return
    this.#timer = setTimeout(() => void this.#look().finally(() => this.#lookLater()), everyMs)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    const { cluster } = this.#options
    // Who does not answer now is asked again: fetches say what is wrong with a broker.
    const found = await cluster.metadata([...this.#expected.keys()]).catch(() => undefined)
    for (const { topic, error, partitions } of found?.topics ?? []) {
      const expected = this.#expected.get(topic)
      if (error !== 0 || expected === undefined || partitions.length === expected) continue
      this.#stop()
      this.#changed(partitionsChanged(topic, expected, partitions.length))
      return
    }
  }
}

function countsOf(tasks: readonly TaskPlan[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { topic, partition } of tasks.flatMap(({ sources }) => sources)) {
    counts.set(topic, Math.max(counts.get(topic) ?? 0, partition + 1))
  }
  return counts
}

function partitionsChanged(topic: string, expected: number, found: number): FatalError {
  return new FatalError(
    'MILLRACE_PARTITIONS_CHANGED',
    `Topic ${topic} had ${expected} partitions when the application started, and has ${found} ` +
      'now. Tasks and state belong to partitions, and keys move when there are more of them: ' +
      'start again; if internal topics no longer fit, the start says so, and what to do'
  )
}
