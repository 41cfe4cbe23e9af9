/**
 * What survives a crash of every process: source partitions, the topics between the two phases,
 * changelogs, committed offsets and what was put out. Time is the injected clock's.
 *
 *     source partitions ─▶ source tasks ─▶ one topic per aggregate ─▶ the final task ─▶ output
 *
 * A commit happens whole or not at all (exactly once), or as a prefix of its sends (at least once),
 * and is refused from an owner that is no longer current.
 */
import { ManualClock } from '../../src/clock.ts'
import type { WindowSpec } from '../../src/windows/windows.ts'
import type { Random } from '../support/random.ts'
import type { StateChange } from './fake-state.ts'

export interface Visit {
  readonly t: number
  readonly session: string
  readonly isOrder: boolean
  readonly price: number
  /** When it can be fetched. */
  readonly at: number
}

export interface Aggregate {
  readonly name: string
  readonly windows: WindowSpec
}

export interface OutputRow {
  readonly aggregate: string
  readonly start: number
  readonly end: number
  readonly timestamp: number
  readonly row: Readonly<Record<string, unknown>>
}

export interface Committed {
  readonly number: number
  readonly positions: Readonly<Record<string, number>>
  readonly metadata: readonly string[]
  readonly late: Readonly<Record<string, number>>
}

export interface Commit {
  readonly messages: readonly (readonly [topic: string, message: Uint8Array])[]
  readonly rows: readonly OutputRow[]
  readonly changes: readonly StateChange[]
  readonly positions: Readonly<Record<string, number>>
  readonly metadata: readonly string[]
  readonly late: Readonly<Record<string, number>>
}

export interface Owner {
  readonly id: string
  readonly generation: number
  /** Of its next commit. */
  number: number
}

interface Logged {
  readonly number: number
  readonly change: StateChange
}

/** The directory of one instance: per task, entries and how far its changelog is applied. */
export type Disk = Map<string, { entries: Map<string, Uint8Array>; upTo: number }>

export interface Loaded {
  readonly committed: Committed
  readonly entries: Map<string, Uint8Array>
  /** Keys of changelog records that belong to no commit: the first commit writes them again. */
  readonly skipped: ReadonlyMap<string, StateChange>
}

export interface WorldOptions {
  readonly aggregates: readonly Aggregate[]
  readonly partitions: readonly (readonly Visit[])[]
  readonly tasks: readonly (readonly number[])[]
  readonly guarantee: 'exactly-once' | 'at-least-once'
  readonly random: Random
  readonly outages?: readonly (readonly [from: number, to: number])[]
}

const nothing: Committed = { number: 0, positions: {}, metadata: [], late: {} }

export class World {
  readonly aggregates: readonly Aggregate[]
  readonly source: readonly (readonly Visit[])[]
  readonly tasks: readonly (readonly number[])[]
  readonly guarantee: WorldOptions['guarantee']
  readonly random: Random
  readonly outages: readonly (readonly [from: number, to: number])[]
  readonly clock = new ManualClock(0)
  readonly topics = new Map<string, Uint8Array[]>()
  readonly output: OutputRow[] = []
  /** Requests of a dead process that are still on their way. */
  readonly inFlight: (() => void)[] = []
  readonly #changelogs = new Map<string, Logged[]>()
  readonly #committed = new Map<string, Committed>()
  readonly #generations = new Map<string, number>()

  constructor(options: WorldOptions) {
    this.aggregates = options.aggregates
    this.source = options.partitions
    this.tasks = options.tasks
    this.guarantee = options.guarantee
    this.random = options.random
    this.outages = options.outages ?? []
  }

  highWatermark(partition: number): number {
    const visits = this.source[partition] ?? []
    const unwritten = visits.findIndex(({ at }) => at > this.clock.now())
    return unwritten < 0 ? visits.length : unwritten
  }

  get isOut(): boolean {
    const now = this.clock.now()
    return this.outages.some(([from, to]) => now >= from && now < to)
  }

  topic(name: string): Uint8Array[] {
    return getOrMake(this.topics, name, () => [])
  }

  committedOf(id: string): Committed {
    return this.#committed.get(id) ?? nothing
  }

  /** A new owner: whoever held the task before is fenced. */
  own(id: string): number {
    const generation = (this.#generations.get(id) ?? 0) + 1
    this.#generations.set(id, generation)
    return generation
  }

  load(id: string, disk: Disk): Loaded {
    const committed = this.committedOf(id)
    const local = disk.get(id)
    const entries = new Map(local?.entries)
    const skipped = new Map<string, StateChange>()
    for (const { number, change } of this.#changelog(id).slice(local?.upTo ?? 0)) {
      if (number > committed.number) skipped.set(change.key, change)
      else if (change.value === null) entries.delete(change.key)
      else entries.set(change.key, change.value)
    }
    return { committed, entries, skipped }
  }

  /** @param reach how far it gets, in [0, 1]; answers whether the owner may go on. */
  commit(owner: Owner, commit: Commit, reach: number): 'done' | 'behind' | 'lost' {
    const { id, generation } = owner
    const number = owner.number
    const isCurrent = this.#generations.get(id) === generation
    const { positions, metadata, late } = commit
    const finish = (): void => {
      this.#committed.set(id, { number, positions, metadata, late })
    }
    const sends = [
      ...commit.messages.map(
        ([topic, message]) =>
          () =>
            void this.topic(topic).push(message)
      ),
      ...commit.rows.map((row) => () => void this.output.push(row)),
    ]
    const log = this.#changelog(id)
    const writes = commit.changes.map((change) => () => void log.push({ number, change }))
    if (this.guarantee === 'exactly-once') {
      if (!isCurrent || reach < 0.5) return 'lost'
      for (const step of [...sends, ...writes]) step()
    } else if (!this.#sendsAll(sends, isCurrent ? writes : [], reach) || !isCurrent) return 'lost'
    finish()
    return reach < 1 ? 'behind' : 'done'
  }

  save(id: string, entries: ReadonlyMap<string, Uint8Array>, disk: Disk): void {
    disk.set(id, { entries: new Map(entries), upTo: this.#changelog(id).length })
  }

  /** At least once: everything before the offsets goes out in some order, as far as it gets. */
  #sendsAll(sends: (() => void)[], writes: (() => void)[], reach: number): boolean {
    const all = this.random.chance(0.5) ? [...sends, ...writes] : [...writes, ...sends]
    const upTo = Math.floor(reach * (all.length + 1.5))
    for (const step of all.slice(0, upTo)) step()
    if (upTo > all.length) return true
    const rest = all.slice(upTo).filter((step) => sends.includes(step))
    if (this.random.chance(0.3) && sends.length > 0) this.inFlight.push(...rest)
    return false
  }

  #changelog(id: string): Logged[] {
    return getOrMake(this.#changelogs, id, () => [])
  }
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
