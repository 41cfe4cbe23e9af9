/**
 * A task: a sub-topology for one partition, through all its lives. What it keeps from one to the
 * next is in `task-storage.ts`.
 *
 *     created ──▶ restoring ──▶ running ──▶ closed
 *        │            ▲  │         │          ▲
 *        │            └──┼── abort ┘          │
 *        └───────────────┴────────────────────┘
 *
 * Invariants: a life begins with what is committed, and with nothing else; a task takes records
 * only while it is running and not retired; it is frozen only at rest.
 */
import type { KeyValueState, SealedState } from '../../state/contract.ts'
import { assert, present } from '../assert.ts'
import type { TaskId, Timestamp } from '../ids.ts'
import { TaskChangelogs } from './changelogs.ts'
import { checkFingerprints } from './compatibility.ts'
import { Attempts } from './failures.ts'
import { TaskInstruments } from './instruments.ts'
import { Lifecycle } from './lifecycle.ts'
import type { PlannedTask } from './plan.ts'
import type { CommitReceipt, CommittedOffset, OffsetCommit, OutputBatch } from './ports.ts'
import type {
  GaugeSample,
  PartitionSnapshot,
  TaskState as State,
  TaskSnapshot,
} from './snapshot.ts'
import type { OpenPart } from './store-parts.ts'
import type { TaskEnvironment } from './task-environment.ts'
import { TaskLife } from './task-life.ts'
import { TaskStorage } from './task-storage.ts'
import { decodeTimeMetadata } from './time-metadata.ts'

/** What one commit takes from a task: nothing that happens later changes it. */
export interface FrozenTask {
  readonly task: StreamTask
  readonly number: number
  readonly offsets: readonly OffsetCommit[]
  readonly sealed: SealedState | undefined
}

export class StreamTask {
  readonly id: TaskId
  readonly planned: PlannedTask
  readonly #environment: TaskEnvironment
  readonly #lifecycle: Lifecycle<State>
  readonly #instruments: TaskInstruments
  readonly #changelogs: TaskChangelogs
  readonly #storage: TaskStorage
  #life: TaskLife | undefined
  /** Of records that have failed since the last commit; outlives what is undone. */
  readonly #attempts = new Attempts()
  #isRetired = false
  #isHalted = false

  constructor(environment: TaskEnvironment) {
    const { planned, totals } = environment
    this.id = planned.id
    this.planned = planned
    this.#environment = environment
    this.#instruments = new TaskInstruments(totals)
    this.#changelogs = new TaskChangelogs(environment)
    this.#storage = new TaskStorage(environment, this.#changelogs)
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
    return this.isRunning && (this.life.needsCommit || this.#storage.needsCommit)
  }

  /** Commits have happened whose state is in memory only. */
  get isKept(): boolean {
    return this.isRunning && this.#storage.isKept
  }

  /** Bytes that no commit carries yet. */
  get openBytes(): number {
    return this.#storage.openBytes
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
    return this.#storage.showCommits()
  }

  /** What is committed of a store now; only while it is running. */
  openStore(name: string): OpenPart {
    const finder = this.life.finder(name)
    const snapshot = this.#storage.snapshot()
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
    this.#storage.markDamaged()
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
    await this.#storage.restore(committed, signal)
    signal.throwIfAborted()
    const life = new TaskLife({
      environment: this.#environment,
      state: this.#storage.state,
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
    this.#storage.mend(this.stores)
    this.life.flush()
  }

  freeze(): FrozenTask {
    assert(this.isRunning && this.isAtRest, `task ${this.id} is at rest when frozen`)
    const number = this.#storage.commitNumber + 1
    const offsets = this.life.freeze(number)
    const sealed = this.#storage.seal()
    this.#instruments.seal()
    return { task: this, number, offsets, sealed }
  }

  /** Step 2: the changelog of the frozen changes. */
  sendChangelog({ number, sealed }: FrozenTask, batch: OutputBatch, now: Timestamp): void {
    if (sealed !== undefined) this.#changelogs.send(sealed, number, batch, now)
  }

  /** Step 4; if it may, the state waits in memory for a later commit. */
  async write(
    { number, offsets }: FrozenTask,
    receipt: CommitReceipt,
    mayWait: boolean
  ): Promise<void> {
    this.#attempts.forget(offsets)
    await this.#storage.write({ number, offsets, receipt }, mayWait)
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
    this.#storage.rollback()
  }

  async close(): Promise<void> {
    if (this.state === 'closed') return
    this.halt()
    this.#lifecycle.to('closed')
    await this.rewind()
    await this.#storage.close()
  }

  snapshot(): TaskSnapshot {
    const life = this.#life
    return {
      id: this.id,
      state: this.state,
      partitions: life === undefined ? [] : partitionsOf(life),
      streamTime: life === undefined ? null : finite(life.time.streamTime),
      stateBytes: this.#storage.bytes,
      restore: this.#storage.progress(),
    }
  }
}

async function* nothing(): AsyncIterable<never> {}

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
