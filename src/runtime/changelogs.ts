/**
 * The changelogs of one task: where the state of its stores can be had again from.
 *
 *     a commit ─▶ changed entries, after its outputs ─▶ the place behind them, for the checkpoint
 *     a restore ─▶ from which topics, and how far
 *
 * Invariants: the entries of a store go to one partition of one topic; a checkpoint never speaks of
 * a place that a changelog does not have.
 */
import type { Checkpoint, KeyValueState, SealedState } from '../../state/contract.ts'
import { present } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import type { StoreSpec } from '../topology/topology.ts'
import { changelogTopic } from './plan.ts'
import type { CommitReceipt, CommittedOffset, OffsetCommit, OutputBatch } from './ports.ts'
import {
  commitNumberHeader,
  type RestoreOrigin,
  type RestoreRequest,
  type SkippedKeys,
} from './restore.ts'
import { placesOf } from './restore-offsets.ts'
import { changelogShort } from './restore-rules.ts'
import type { TaskEnvironment } from './task-environment.ts'

export type ChangelogsOptions = Pick<
  TaskEnvironment,
  'plan' | 'planned' | 'guarantee' | 'outputs' | 'clock'
>

/** What a commit has left in the log. */
export interface CommittedPlace {
  readonly number: number
  readonly offsets: readonly OffsetCommit[]
  readonly receipt: CommitReceipt
}

export class TaskChangelogs {
  readonly #options: ChangelogsOptions
  readonly #stores: readonly StoreSpec[]
  /** By store. */
  readonly #topics: ReadonlyMap<string, string>

  constructor(options: ChangelogsOptions) {
    const { plan, planned } = options
    this.#options = options
    this.#stores = planned.subtopology.stores
    this.#topics = new Map(
      this.#stores.map(({ name }) => [name, changelogTopic(plan.applicationId, name)])
    )
  }

  /** Whether topics have all that the stores have. */
  get areComplete(): boolean {
    return this.#stores.every(({ logged, origin }) => logged || origin !== undefined)
  }

  /** Step 2 of the commit of that number: what it has changed. */
  send(sealed: SealedState, number: number, batch: OutputBatch, now: Timestamp): void {
    const { planned, guarantee } = this.#options
    const headers = guarantee === 'at_least_once' ? [numberHeader(number)] : undefined
    sealed.forEachLogged((store, key, value) => {
      batch.append(this.#topicOf(store), planned.partition, now, key, value, headers)
    })
  }

  /** At least once: keys that a commit which never happened has written are written again. */
  mend(
    skipped: SkippedKeys,
    number: number,
    stores: ReadonlyMap<string, KeyValueState<unknown>>
  ): void {
    const { outputs, planned, clock } = this.#options
    const headers = [numberHeader(number)]
    for (const [name, keys] of skipped) {
      const store = stores.get(name)
      for (const key of keys) {
        const value = store?.get(key)
        if (value !== undefined) store?.put(key, value)
        else {
          const bytes = Buffer.from(key, 'latin1')
          const topic = this.#topicOf(name)
          outputs.append(topic, planned.partition, clock.now(), bytes, null, headers)
        }
      }
    }
  }

  /** Throws if a changelog ends before what the last checkpoint has of it. */
  checkpointAfter(before: Checkpoint | undefined, committed: CommittedPlace): Checkpoint {
    const { number: commitNumber, offsets, receipt } = committed
    const { id: task, partition } = this.#options.planned
    const changelogs: Record<string, number> = { ...before?.changelogs }
    const epochs: Record<string, number> = { ...before?.epochs }
    for (const { name, logged, origin } of this.#stores) {
      if (origin !== undefined) {
        const source = offsets.find((one) => one.topic === origin.topic)
        if (source !== undefined) changelogs[name] = source.offset
        continue
      }
      const topic = this.#topicOf(name)
      const end = logged ? receipt.endOffset(topic, partition) : undefined
      if (end === undefined) continue
      const from = changelogs[name] ?? 0
      if (end <= from) {
        throw changelogShort({ task, changelog: { topic, partition }, from, start: 0, end })
      }
      changelogs[name] = end
      const epoch = receipt.leaderEpoch?.(topic, partition)
      if (epoch === undefined) delete epochs[name]
      else epochs[name] = epoch
    }
    return { commitNumber, changelogs, epochs, sources: placesOf(offsets) }
  }

  /** Of what is restored: changelogs to their ends, origins up to what is committed of them. */
  restoredFrom(
    offsets: readonly CommittedOffset[]
  ): Required<Pick<RestoreRequest, 'stores' | 'origins' | 'expiring'>> {
    const logged = this.#stores.filter((store) => store.logged)
    return {
      stores: logged.map(({ name }) => name),
      origins: originsOf(this.#stores, offsets),
      expiring: new Set(logged.filter(goesByAge).map(({ name }) => name)),
    }
  }

  #topicOf(store: string): string {
    return present(this.#topics.get(store), `changelog of store ${store}`)
  }
}

function numberHeader(number: number): readonly [string, Buffer] {
  return [commitNumberHeader, Buffer.from(String(number))]
}

function originsOf(
  stores: readonly StoreSpec[],
  offsets: readonly CommittedOffset[]
): ReadonlyMap<string, RestoreOrigin> {
  const origins = stores.flatMap(
    ({ name, origin }): readonly (readonly [string, RestoreOrigin])[] => {
      const source = offsets.find(({ topic }) => topic === origin?.topic)
      if (origin === undefined || source === undefined) return []
      const { topic, partition, offset: until = 0 } = source
      return [[name, { topic, partition, until, entryOf: origin.entryOf }]]
    }
  )
  return new Map(origins)
}

function goesByAge({ config }: StoreSpec): boolean {
  return config['cleanup.policy']?.includes('delete') === true
}
