/**
 * Looks at the applications from outside, past the proxies: what their groups have committed, and
 * whether every instance is well. Out of that: how long after a fault nothing moved.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { partitionName, type TopicPartition } from '../../../src/ids.ts'
import { Cluster } from '../../../src/kafka/cluster.ts'
import { offsetFetch } from '../../../src/kafka/requests/offsets.ts'
import { type Isolation, listOffsets } from '../../../src/kafka/requests/records.ts'
import { silentLogger } from '../../../src/log.ts'
import { FairClock } from './fair-clock.ts'
import type { Instance } from './instances.ts'

export interface WatchOptions {
  readonly direct: readonly string[]
  /** Groups, and the topics that they read beside their repartition topics. */
  readonly groups: Readonly<Record<string, string>>
  readonly instances: readonly Instance[]
  /** How long an instance, or a partition of its group, may take to be well after a fault. */
  readonly boundMs: (name: string) => number
}

interface Progress {
  readonly name: string
  readonly committed: number
  readonly end: number
}

/** How long it took until all was well, by a fair clock. */
export interface Recovery {
  readonly ms: number
  /** What was well last. */
  readonly slowest: string
  /** What took longer than its bound, or is not well yet. */
  readonly complaints: readonly string[]
}

const lookEveryMs = 500
const lookMsMax = 5_000

export class Watch {
  readonly #cluster: Cluster
  readonly #options: WatchOptions
  readonly #clock = new FairClock()
  #partitions: readonly (TopicPartition & { readonly group: string })[] = []

  constructor(options: WatchOptions) {
    this.#options = options
    this.#cluster = new Cluster({
      brokers: options.direct,
      clientId: 'watch',
      logger: silentLogger,
      requestTimeoutMs: 3_000,
    })
  }

  /**
   * Resolves when every partition has moved (or has nothing left) and every instance is well, each
   * at some moment from now on; or after `msMax`.
   */
  async recovered(msMax: number): Promise<Recovery> {
    const from = this.#clock.now()
    const before = new Map<string, number>()
    const open = new Map<string, string>()
    const wells = new Map<string, number>()
    const isWell = (name: string): void => {
      if (!wells.has(name)) wells.set(name, this.#since(from))
    }
    for (;;) {
      await this.#lookAtPartitions(before, open, isWell)
      await this.#lookAtInstances(wells, open, isWell)
      for (const name of wells.keys()) open.delete(name)
      if (open.size === 0 || this.#since(from) > msMax) break
      await sleep(lookEveryMs)
    }
    const [slowest = '', ms = 0] = [...wells].sort(([, one], [, two]) => two - one)[0] ?? []
    const late = [...wells].filter(([name, ms]) => ms > this.#options.boundMs(name))
    return {
      ms: open.size === 0 ? ms : this.#since(from),
      slowest,
      complaints: [
        ...late.map(([name, ms]) => `${name} was well only after ${Math.round(ms)} ms`),
        ...[...open].map(([name, complaint]) => `${name} is not well: ${complaint}`),
      ],
    }
  }

  /** Whether all that was put into these topics is committed, and nothing is pending anywhere. */
  async drained(): Promise<readonly string[]> {
    try {
      const progress = await this.#progress()
      const sources = new Set(Object.values(this.#options.groups))
      const behind = progress.filter(
        ({ name, committed, end }) => sources.has(topicOf(name)) && committed < end
      )
      const pending = await this.#pending()
      return [
        ...behind.map(({ name, committed, end }) => `${name}: ${committed} of ${end} committed`),
        ...pending.map((name) => `${name}: a transaction is open`),
      ]
    } catch (error) {
      return [`the brokers do not tell: ${String(error)}`]
    }
  }

  close(): void {
    this.#cluster.close()
    this.#clock.close()
  }

  #since(fromMs: number): number {
    return this.#clock.now() - fromMs
  }

  async #lookAtPartitions(
    before: Map<string, number>,
    open: Map<string, string>,
    isWell: (name: string) => void
  ): Promise<void> {
    let progress: readonly Progress[]
    try {
      progress = await this.#progress()
      isWell('the brokers')
    } catch (error) {
      open.set('the brokers', String(error))
      return
    }
    for (const { name, committed, end } of progress) {
      const first = before.get(name)
      if (first === undefined) before.set(name, committed)
      const hasMoved = first !== undefined && committed > first
      if (open.get(name) === undefined && first !== undefined) continue
      if (hasMoved || committed >= end) isWell(name)
      else open.set(name, `stands at ${committed} of ${end}`)
    }
  }

  async #lookAtInstances(
    wells: ReadonlyMap<string, number>,
    open: Map<string, string>,
    isWell: (name: string) => void
  ): Promise<void> {
    const looking = this.#options.instances.map(async (instance) => {
      if (wells.has(instance.name)) return
      const complaint = await instance.complaint()
      if (complaint === '') isWell(instance.name)
      else open.set(instance.name, complaint)
    })
    await Promise.all(looking)
  }

  async #progress(): Promise<readonly Progress[]> {
    if (this.#partitions.length === 0) this.#partitions = await this.#findPartitions()
    const ends = await this.#ends(this.#partitions, 'uncommitted')
    const all = await Promise.all(
      Object.keys(this.#options.groups).map((group) => this.#committed(group, ends))
    )
    return all.flat()
  }

  async #committed(group: string, ends: ReadonlyMap<string, number>): Promise<Progress[]> {
    const partitions = this.#partitions.filter((one) => one.group === group)
    const request = { groupId: group, partitions, requireStable: false }
    const options = { deadlineMs: lookMsMax }
    const answer = await this.#cluster.callCoordinator(
      'group',
      group,
      offsetFetch,
      request,
      ({ error }) => error,
      options
    )
    return answer.offsets.map((found) => {
      const name = partitionName(found)
      return { name, committed: Math.max(0, found.offset), end: ends.get(name) ?? 0 }
    })
  }

  /** Partitions in which a transaction is open, or was ended this moment. */
  async #pending(): Promise<readonly string[]> {
    const groups = Object.keys(this.#options.groups)
    const { topics } = await this.#cluster.metadata(null)
    const ours = topics.filter(({ topic }) => groups.some((group) => topic.startsWith(group)))
    const partitions = ours.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition }) => ({ topic, partition }))
    )
    const all = await this.#ends(partitions, 'uncommitted')
    const stable = await this.#ends(partitions, 'committed')
    return [...all].flatMap(([name, end]) => ((stable.get(name) ?? 0) < end ? [name] : []))
  }

  async #ends(
    partitions: readonly TopicPartition[],
    isolation: Isolation
  ): Promise<ReadonlyMap<string, number>> {
    const entries = partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      at: 'latest' as const,
    }))
    const found = await this.#cluster.callLeaders(
      'ListOffsets',
      entries,
      (address, some) => this.#cluster.send(address, listOffsets, { isolation, partitions: some }),
      { deadlineMs: lookMsMax }
    )
    return new Map(found.map((one) => [partitionName(one), one.offset]))
  }

  /** Repartition topics are there once the applications run. */
  async #findPartitions() {
    const { groups } = this.#options
    const { topics } = await this.#cluster.metadata(null)
    return Object.entries(groups).flatMap(([group, source]) => {
      const isRead = (topic: string): boolean =>
        topic === source || (topic.startsWith(`${group}-`) && topic.endsWith('-repartition'))
      return topics
        .filter(({ topic }) => isRead(topic))
        .flatMap(({ topic, partitions }) =>
          partitions.map(({ partition }) => ({ group, topic, partition }))
        )
    })
  }
}

function topicOf(name: string): string {
  return name.slice(0, name.lastIndexOf('-'))
}
