/**
 * Whether the topics that a running application depends on are still those that it began with.
 *
 *     sources        as many partitions as tasks were planned for, and not made anew
 *     changelogs     there, not made anew, and whole from their start on
 *
 * Partitions that are added while the application runs belong to no task: nobody would read them,
 * and keys have moved to them. Offsets and states speak of nothing in a topic that was made anew.
 * So the application stops, with what to do, as soon as either is seen. A changelog that lost its
 * first records makes the states here the only whole copies: that is said, and they go on.
 */
import { FatalError } from '../errors.ts'
import { partitionName, type TaskId, type TopicPartition } from '../ids.ts'
import type { Membership, TaskPlan } from '../runtime/ports.ts'
import type { Cluster } from './cluster.ts'
import { errorCodes } from './kafka-errors.ts'
import type { TopicMetadata } from './requests/metadata.ts'
import { listOffsets } from './requests/records.ts'

export interface SourceWatchOptions {
  readonly cluster: Cluster
  readonly tasks: readonly TaskPlan[]
  readonly everyMs: number
  /** With the cleanup policy that each has. Default: none. */
  readonly changelogs?: ReadonlyMap<string, string>
}

/** A membership that ends when the topics are not what they were. */
export class WatchedMembership implements Membership {
  readonly ended: Promise<void>
  readonly #membership: Membership
  readonly #options: SourceWatchOptions
  readonly #changelogs: ReadonlyMap<string, string>
  readonly #expected: ReadonlyMap<string, number>
  /** As the first look has found them. */
  readonly #topicIds = new Map<string, string>()
  /** Changelogs that the last look has not found. */
  #missing = new Set<string>()
  /** Changelog partitions that are known not to be whole. */
  readonly #cut = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #isOver = false
  #changed: (error: FatalError) => void = () => {}

  constructor(membership: Membership, options: SourceWatchOptions) {
    this.#membership = membership
    this.#options = options
    this.#changelogs = options.changelogs ?? new Map()
    this.#expected = countsOf(options.tasks)
    const changed = new Promise<never>((_, reject) => {
      this.#changed = reject
    })
    this.ended = Promise.race([membership.ended, changed])
    this.ended.catch(() => {})
    void this.#look().finally(() => this.#lookLater())
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

  stillHas(task: TaskId): Promise<boolean> {
    return this.#membership.stillHas(task)
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

  /** Never rejects. */
  async #look(): Promise<void> {
    const { cluster } = this.#options
    const names = [...this.#expected.keys(), ...this.#changelogs.keys()]
    // Who does not answer now is asked again: fetches say what is wrong with a broker.
    const found = await cluster.metadata(names).catch(() => undefined)
    if (this.#isOver || found === undefined) return
    const fault = found.topics.map((topic) => this.#faultOf(topic)).find((one) => one !== undefined)
    this.#missing = new Set(
      found.topics.filter(isMissing).flatMap(({ topic }) => (this.#isChangelog(topic) ? topic : []))
    )
    if (fault !== undefined) {
      this.#stop()
      this.#changed(fault)
      return
    }
    await this.#lookAtStarts(found.topics).catch(() => {})
  }

  #isChangelog(topic: string): boolean {
    return this.#changelogs.has(topic)
  }

  #faultOf(found: TopicMetadata): FatalError | undefined {
    const { topic, topicId, error, partitions } = found
    // A broker that has only just come up may not know of it yet.
    if (isMissing(found) && this.#missing.has(topic)) return changelogLost(topic, 'is gone')
    if (error !== errorCodes.NONE) return undefined
    const before = this.#topicIds.get(topic)
    this.#topicIds.set(topic, topicId)
    if (before !== undefined && before !== topicId) {
      return this.#isChangelog(topic)
        ? changelogLost(topic, 'was made anew')
        : sourceMadeAnew(topic)
    }
    const expected = this.#expected.get(topic)
    if (expected === undefined || partitions.length === expected) return undefined
    return partitionsChanged(topic, expected, partitions.length)
  }

  /** A broker deletes nothing of a topic that is compacted only. */
  async #lookAtStarts(topics: readonly TopicMetadata[]): Promise<void> {
    const { cluster } = this.#options
    const byLeader = new Map<string, (TopicPartition & { readonly at: 'earliest' })[]>()
    for (const { topic, partitions } of topics) {
      if (this.#changelogs.get(topic) !== 'compact') continue
      for (const { partition } of partitions) {
        const address = cluster.leader({ topic, partition })?.address
        if (address === undefined) continue
        const entries = byLeader.get(address) ?? []
        byLeader.set(address, entries)
        entries.push({ topic, partition, at: 'earliest' })
      }
    }
    for (const [address, partitions] of byLeader) {
      const request = { isolation: 'uncommitted', partitions } as const
      for (const one of await cluster.send(address, listOffsets, request)) this.#noteStart(one)
    }
  }

  #noteStart(found: TopicPartition & { readonly error: number; readonly offset: number }): void {
    const changelog = partitionName(found)
    if (found.error !== errorCodes.NONE || found.offset <= 0 || this.#cut.has(changelog)) return
    this.#cut.add(changelog)
    this.#options.cluster.logger.error(
      'Records of a changelog were deleted, though a compacted one loses none by itself. The ' +
        'state on disk is the only whole copy now: keep it, or bring the topic back from a copy',
      { changelog, start: found.offset }
    )
  }
}

function isMissing({ error }: TopicMetadata): boolean {
  return error === errorCodes.UNKNOWN_TOPIC_OR_PARTITION
}

function changelogLost(topic: string, what: string): FatalError {
  return new FatalError(
    'MILLRACE_CHANGELOG_LOST',
    `The changelog ${topic} ${what} while the application ran: what its states hold is nowhere ` +
      'else now. Keep the state directories of all instances, and bring the topic back from a ' +
      'copy; or begin anew under another APPLICATION_ID'
  )
}

function sourceMadeAnew(topic: string): FatalError {
  return new FatalError(
    'MILLRACE_TOPIC_RECREATED',
    `Topic ${topic} was made anew while it was read: offsets speak of records that are gone. ` +
      'Stop all instances; to go on with what is there now, kafka-consumer-groups.sh ' +
      `--reset-offsets --to-earliest --topic ${topic} --execute for the group of the ` +
      'application, and remove tasks from the state directories (states are rebuilt from the ' +
      'changelogs); or begin anew under another APPLICATION_ID'
  )
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
