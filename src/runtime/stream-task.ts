/**
 * A task: a sub-topology for one partition, with its state, through all its lives.
 *
 *     created ──▶ restoring ──▶ running ──▶ closed
 *        │            ▲  │         │          ▲
 *        │            └──┼── abort ┘          │
 *        └───────────────┴────────────────────┘
 *
 * Invariants: the commit number is that of the last commit that is known to have happened; the
 * state never has more than that commit; a task takes records only while it is running and not
 * retired.
 */
import type { Checkpoint, KeyValueState, SealedState, TaskState } from '../../state/contract.ts'
import { assert, present } from '../assert.ts'
import type { TaskId, Timestamp } from '../ids.ts'
import type { StoreSpec } from '../topology/topology.ts'
import { checkFingerprints } from './compatibility.ts'
import { Attempts } from './failures.ts'
import { TaskInstruments } from './instruments.ts'
import { Lifecycle } from './lifecycle.ts'
import { changelogTopic, type PlannedTask } from './plan.ts'
import type { CommitReceipt, CommittedOffset, OffsetCommit, OutputBatch } from './ports.ts'
import { commitNumberHeader, Restore, type RestoreOrigin, type SkippedKeys } from './restore.ts'
import { placesOf } from './restore-offsets.ts'
import { changelogShort, committedNumberOf } from './restore-rules.ts'
import type {
  GaugeSample,
  PartitionSnapshot,
  TaskState as State,
  TaskSnapshot,
} from './snapshot.ts'
import type { OpenPart } from './store-parts.ts'
import type { TaskEnvironment } from './task-environment.ts'
import { TaskLife } from './task-life.ts'
import { decodeTimeMetadata } from './time-metadata.ts'

/** What one commit takes from a task: nothing that happens later changes it. */
export interface FrozenTask {
  readonly task: StreamTask
  readonly number: number
  readonly offsets: readonly OffsetCommit[]
  readonly sealed: SealedState | undefined
}

const noKeys: SkippedKeys = new Map()
/** Of the state of commits that are not written yet: a few tens of thousands of small entries. */
const keptBytesMax = 1024 * 1024

export class StreamTask {
  readonly id: TaskId
  readonly planned: PlannedTask
  readonly #environment: TaskEnvironment
  readonly #lifecycle: Lifecycle<State>
  readonly #instruments: TaskInstruments
  #state: TaskState | undefined
  #life: TaskLife | undefined
  #restore: Restore | undefined
  #commitNumber = 0
  #skipped: SkippedKeys = noKeys
  /** Of records that have failed since the last commit; outlives what is undone. */
  readonly #attempts = new Attempts()
  #isRetired = false
  #isHalted = false
  #isDamaged = false
  /** Dirty bytes of the layer that a commit is carrying, or has left in memory. */
  #sealedBytes = 0
  /** Ticks; the state is written in the first commit. */
  #writtenAt = Number.NEGATIVE_INFINITY
  /** Somebody reads the stores from outside, and sees what is written. */
  #isRead = false
  /** What is on disk lacks commits that have happened. */
  #isBehind = false

  constructor(environment: TaskEnvironment) {
    const { planned, totals } = environment
    this.id = planned.id
    this.planned = planned
    this.#environment = environment
    this.#instruments = new TaskInstruments(totals)
    this.#lifecycle = new Lifecycle<State>(`Task ${planned.id}`, 'created', {
      created: ['restoring', 'closed'],
      restoring: ['restoring', 'running', 'closed'],
      running: ['restoring', 'closed'],
      closed: [],
    })
  }

  get state(): State {
    return this.#lifecycle.state
  }

  get isRunning(): boolean {
    return this.#lifecycle.state === 'running' && !this.#isHalted
  }

  /** Only while it is running. */
  get life(): TaskLife {
    return present(this.#life, `a running task ${this.id}`)
  }

  get busy(): Promise<void> | undefined {
    return this.#life?.busy
  }

  /** Nothing is under way that belongs to what was done. */
  get isAtRest(): boolean {
    return this.#life?.isAtRest ?? true
  }

  get takesRecords(): boolean {
    return this.isRunning && !this.#isRetired
  }

  get needsCommit(): boolean {
    if (!this.isRunning) return false
    // What was kept is not kept for longer because nothing else is to be committed.
    const isToBeWritten = this.isKept && this.#isWriteDue
    return this.life.needsCommit || this.#skipped.size > 0 || isToBeWritten
  }

  /** Commits have happened whose state is in memory only. */
  get isKept(): boolean {
    return this.isRunning && this.#state?.isKept === true
  }

  get #isWriteDue(): boolean {
    const { writeIntervalMs, ticks } = this.#environment
    return ticks() - this.#writtenAt >= writeIntervalMs
  }

  /** Bytes that no commit carries yet. */
  get openBytes(): number {
    return Math.max(0, (this.#state?.dirtyBytes ?? 0) - this.#sealedBytes)
  }

  /** The record at hand, or the last one, as `topic-partition@offset`. */
  get coordinates(): string | undefined {
    return this.#life?.coordinates
  }

  /** Stores as the operators opened them; empty while it is not running. */
  get stores(): ReadonlyMap<string, KeyValueState<unknown>> {
    return this.#life?.stores ?? new Map()
  }

  /** From here on each commit can be read once it is done; false: not yet what came before. */
  showCommits(): boolean {
    this.#isRead = true
    return !this.#isBehind
  }

  /** What is committed of a store now; only while it is running. */
  openStore(name: string): OpenPart {
    const finder = this.life.finder(name)
    const snapshot = present(this.#state, `state of task ${this.id}`).snapshot()
    if (finder === undefined) return { find: () => nothing(), close: () => snapshot.close() }
    const entries = snapshot.entries(finder.definition)
    return { find: (query) => finder.find(entries, query), close: () => snapshot.close() }
  }

  gauges(): readonly GaugeSample[] {
    return this.isRunning ? this.#instruments.samples() : []
  }

  /** It leaves: no more records, only the last commit. */
  retire(): void {
    this.#isRetired = true
  }

  /** Nothing more is done in this life, and nothing sent: an abort or a close is on its way. */
  halt(): void {
    this.#isHalted = true
    this.#life?.mute()
  }

  /** The next restore starts from nothing. */
  markDamaged(): void {
    this.#isDamaged = true
  }

  /** From the last commit to running; also the way back after an abort. */
  async restore(signal: AbortSignal): Promise<void> {
    const { log, planned } = this.#environment
    this.#lifecycle.to('restoring')
    this.#isHalted = false
    const sources = planned.sources.map(({ topic, partition }) => ({ topic, partition }))
    const answers = await log.committed(sources)
    signal.throwIfAborted()
    const committed = sources.map(
      (source): CommittedOffset =>
        answers.find(
          ({ topic, partition }) => topic === source.topic && partition === source.partition
        ) ?? { ...source, offset: undefined, metadata: '' }
    )
    for (const { metadata } of committed) {
      const { fingerprints } = decodeTimeMetadata(metadata)
      checkFingerprints(planned.subtopology, fingerprints, this.id)
    }
    await this.#restoreState(committed, signal)
    signal.throwIfAborted()
    const life = new TaskLife({
      environment: this.#environment,
      state: this.#state,
      instruments: this.#instruments,
      committed,
      attempts: this.#attempts,
    })
    this.#life = life
    await life.begin()
    signal.throwIfAborted()
    // What init has shown comes from committed state.
    this.#instruments.seal()
    this.#instruments.publish()
    this.#lifecycle.to('running')
    this.#environment.wake()
  }

  /** Step 1 of a commit. */
  flush(): void {
    this.#mend()
    this.life.flush()
  }

  freeze(): FrozenTask {
    assert(this.isRunning && this.isAtRest, `task ${this.id} is at rest when frozen`)
    const number = this.#commitNumber + 1
    const offsets = this.life.freeze(number)
    const sealed = this.#state?.seal()
    this.#sealedBytes = this.#state?.dirtyBytes ?? 0
    this.#instruments.seal()
    return { task: this, number, offsets, sealed }
  }

  /** Step 2: the changelog of the frozen changes. */
  sendChangelog({ number, sealed }: FrozenTask, batch: OutputBatch, now: Timestamp): void {
    const { plan, planned, guarantee } = this.#environment
    const headers =
      guarantee === 'at_least_once'
        ? [[commitNumberHeader, Buffer.from(String(number))] as const]
        : undefined
    const topics = new Map(
      planned.subtopology.stores.map(({ name }) => [name, changelogTopic(plan.applicationId, name)])
    )
    sealed?.forEachLogged((store, key, value) => {
      const topic = present(topics.get(store), `changelog of store ${store}`)
      batch.append(topic, planned.partition, now, key, value, headers)
    })
  }

  /**
   * Step 4: the state, in one batch with the place in its changelogs that it belongs to; or, if it
   * may, it waits in memory for a later commit.
   */
  async write(
    { number, offsets }: FrozenTask,
    receipt: CommitReceipt,
    mayWait: boolean
  ): Promise<void> {
    this.#attempts.forget(offsets)
    this.#commitNumber = number
    this.#skipped = noKeys
    const state = this.#state
    if (state === undefined) return
    const checkpoint = this.#checkpointAfter(number, offsets, receipt)
    this.#isBehind = mayWait && this.#mayKeep(state)
    if (this.#isBehind) {
      state.keep(checkpoint)
      return
    }
    await state.write(checkpoint)
    this.#writtenAt = this.#environment.ticks()
    this.#sealedBytes = 0
  }

  /** Whether the state of a commit may wait in memory for that of a later one. */
  #mayKeep({ sealedBytes }: TaskState): boolean {
    if (this.#isRead || this.#isWriteDue || sealedBytes > keptBytesMax) return false
    // What no changelog has would be lost.
    const { stores } = this.planned.subtopology
    return stores.every(({ logged, origin }) => logged || origin !== undefined)
  }

  /** Step 5. */
  publish(): void {
    this.#instruments.publish()
    this.life.committed()
  }

  /** Forgets what is not committed, on the way to another restore or to the end. */
  async rewind(): Promise<void> {
    this.halt()
    await this.busy
    this.#life?.end()
    this.#life = undefined
    this.#instruments.forget()
    this.#skipped = noKeys
    this.#sealedBytes = 0
    this.#state?.rollback()
    this.#isBehind = false
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return
    this.halt()
    this.#lifecycle.to('closed')
    await this.rewind()
    await this.#state?.close()
    this.#state = undefined
  }

  snapshot(): TaskSnapshot {
    const life = this.#life
    return {
      id: this.id,
      state: this.state,
      partitions: life === undefined ? [] : partitionsOf(life),
      streamTime: life === undefined ? null : finite(life.time.streamTime),
      stateBytes: (this.#state?.bytes ?? 0) + (this.#state?.diskBytes ?? 0),
      restore: this.#restore?.progress() ?? [],
    }
  }

  async #restoreState(offsets: readonly CommittedOffset[], signal: AbortSignal): Promise<void> {
    const { log, plan, planned, directory, logger, ticks, clock, guarantee } = this.#environment
    const committed = committedNumberOf(offsets)
    this.#commitNumber = typeof committed === 'number' ? committed : 0
    const { stores } = planned.subtopology
    if (stores.length === 0) return
    this.#state ??= await directory.open(this.id, signal)
    if (this.#isDamaged) await this.#state.wipe()
    this.#isDamaged = false
    signal.throwIfAborted()
    const startedAt = ticks()
    let records = 0
    const logged = stores.filter((store) => store.logged)
    this.#restore = new Restore({
      log,
      applicationId: plan.applicationId,
      task: this.id,
      partition: planned.partition,
      stores: logged.map(({ name }) => name),
      origins: originsOf(stores, offsets),
      expiring: new Set(logged.filter(goesByAge).map(({ name }) => name)),
      state: this.#state,
      checkpoint: this.#state.checkpoint,
      committed,
      offsets,
      canStepBack: guarantee === 'at_least_once' || log.kind === 'embedded',
      signal,
      logger,
      ticks,
      now: () => clock.now(),
    })
    try {
      const restored = await this.#restore.run()
      this.#skipped = restored.skipped
      this.#commitNumber = restored.checkpoint.commitNumber
      records = restored.records
    } finally {
      this.#restore = undefined
    }
    this.#environment.totals.restored((ticks() - startedAt) / 1_000, records)
  }

  /** At least once: keys that a commit which never happened has written are written again. */
  #mend(): void {
    const { outputs, plan, planned, clock } = this.#environment
    const header = [commitNumberHeader, Buffer.from(String(this.#commitNumber + 1))] as const
    for (const [name, keys] of this.#skipped) {
      const store = this.stores.get(name)
      for (const key of keys) {
        const value = store?.get(key)
        if (value !== undefined) store?.put(key, value)
        else {
          const topic = changelogTopic(plan.applicationId, name)
          const bytes = Buffer.from(key, 'latin1')
          outputs.append(topic, planned.partition, clock.now(), bytes, null, [header])
        }
      }
    }
  }

  #checkpointAfter(
    commitNumber: number,
    offsets: readonly OffsetCommit[],
    receipt: CommitReceipt
  ): Checkpoint {
    const { plan, planned } = this.#environment
    const before = this.#state?.checkpoint
    const changelogs: Record<string, number> = { ...before?.changelogs }
    const epochs: Record<string, number> = { ...before?.epochs }
    for (const { name, logged, origin } of planned.subtopology.stores) {
      if (origin !== undefined) {
        const source = offsets.find((one) => one.topic === origin.topic)
        if (source !== undefined) changelogs[name] = source.offset
        continue
      }
      const topic = changelogTopic(plan.applicationId, name)
      const end = logged ? receipt.endOffset(topic, planned.partition) : undefined
      if (end === undefined) continue
      const from = changelogs[name] ?? 0
      const changelog = { topic, partition: planned.partition }
      if (end <= from) throw changelogShort({ task: this.id, changelog, from, start: 0, end })
      changelogs[name] = end
      const epoch = receipt.leaderEpoch?.(topic, planned.partition)
      if (epoch === undefined) delete epochs[name]
      else epochs[name] = epoch
    }
    return { commitNumber, changelogs, epochs, sources: placesOf(offsets) }
  }
}

/** Stores that are restored from their sources, up to what is committed of those. */
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

async function* nothing(): AsyncIterable<never> {}

function goesByAge({ config }: StoreSpec): boolean {
  return config['cleanup.policy']?.includes('delete') === true
}

function partitionsOf(life: TaskLife): readonly PartitionSnapshot[] {
  return life.queues.map((queue) => {
    const { position, answer, source, index } = queue
    const endOffset = answer?.highWatermark ?? null
    return {
      topic: source.topic,
      partition: source.partition,
      position,
      endOffset,
      lag: endOffset === null ? null : Math.max(0, endOffset - position),
      watermark: finite(life.time.watermarkOf(index)),
    }
  })
}

function finite(time: Timestamp): Timestamp | null {
  return Number.isFinite(time) ? time : null
}
