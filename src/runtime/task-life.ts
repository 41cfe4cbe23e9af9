/**
 * One life of a task, from a restore to the next abort or close: its operators, its queues, its
 * event time, and the handling of one record after the other.
 *
 *     choose the lowest head ─▶ source ─▶ nodes, depth first ─▶ stream-time punctuators ─▶ work
 *
 * Work is what must come after a record (`work-queue.ts`), flights what other records do not wait
 * for (`flights.ts`): each of them lands between two records; punctuators of stream time wait for
 * those that departed before.
 *
 * Invariants: while work is under way no record is taken; a record's own partition moves in time
 * only after it was processed; nothing here survives an abort.
 */
import type { KeyValueState, TaskState } from '../../state/contract.ts'
import { present } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import type { Operator } from '../processor/operator.ts'
import type { StoreRow } from '../processor/store-rows.ts'
import { steadyOf } from '../steady-clock.ts'
import { fingerprintsOf } from './compatibility.ts'
import { type Attempts, Failures } from './failures.ts'
import { Flights } from './flights.ts'
import type { TaskInstruments } from './instruments.ts'
import type { PlannedSource } from './plan.ts'
import type { CommittedOffset, OffsetCommit } from './ports.ts'
import { Punctuators } from './punctuators.ts'
import { RecordQueue } from './record-queue.ts'
import { CurrentRecord, type Finder, NodeContext, type TaskCore } from './task-context.ts'
import type { TaskEnvironment } from './task-environment.ts'
import { SourceTaskTime } from './task-time.ts'
import { inNode, messageOf, nodeFailure, type Wired, wire } from './wiring.ts'
import { WorkQueue } from './work-queue.ts'

/** How long records of other partitions wait for one that is known to have some, unread. */
const siblingWaitMs = 200
/** A record that waits for no longer is not worth a word. */
const unnoticedWaitMs = 1_000

export interface LifeParts {
  readonly environment: TaskEnvironment
  readonly state: TaskState | undefined
  readonly instruments: TaskInstruments
  /** Of the sources, in their order. */
  readonly committed: readonly CommittedOffset[]
  readonly attempts: Attempts
}

export class TaskLife {
  readonly time: SourceTaskTime
  readonly #environment: TaskEnvironment
  readonly #core: TaskCore
  readonly #wired: Wired
  readonly #failures: Failures
  readonly #record = new CurrentRecord()
  readonly #streamTime = new Punctuators()
  readonly #wallClock = new Punctuators()
  readonly #work: WorkQueue
  readonly #flights: Flights
  /** Punctuators of stream time are due, and wait for flights. */
  #isOverdue = false
  readonly #committed: readonly CommittedOffset[]
  #queues: readonly RecordQueue[] = []
  #changed = false
  #waitingSince: Timestamp | undefined

  constructor(parts: LifeParts) {
    const { environment, state, instruments, committed } = parts
    const { planned, clock } = environment
    this.#environment = environment
    this.#committed = committed
    this.time = new SourceTaskTime({
      aggregates: planned.aggregates,
      metadata: committed.map(({ metadata }) => metadata),
      fingerprints: fingerprintsOf(planned.subtopology),
      clock: steadyOf(clock),
    })
    const changed = (): void => {
      this.#changed = true
    }
    const { wake, onFailure: failed } = environment
    this.#work = new WorkQueue({ changed, failed, wake })
    this.#flights = new Flights(this.#record, this.time, environment.wake)
    this.#core = {
      ...environment,
      record: this.#record,
      time: this.time,
      state,
      instruments,
      streamTime: this.#streamTime,
      wallClock: this.#wallClock,
      work: this.#work,
      flights: this.#flights,
      stores: new Map<string, KeyValueState<unknown>>(),
      finders: new Map(),
      closings: new Map(),
      isLive: true,
      changed,
      requestCommit: environment.requestCommit,
    }
    this.#failures = new Failures(this.#core, parts.attempts)
    this.#wired = wire(planned.subtopology, this.#failures)
  }

  get stores(): ReadonlyMap<string, KeyValueState<unknown>> {
    return this.#core.stores
  }

  /** How a store is read from outside; undefined: there is nothing to see. */
  finder(store: string): Finder | undefined {
    return this.#core.finders.get(store)
  }

  /** Everything in a store, of past versions too, and what is not committed. */
  async *rows(store: string): AsyncIterable<StoreRow> {
    const entries = this.stores.get(store)
    if (entries !== undefined) yield* this.finder(store)?.find(entries, { asOf: 'ever' }) ?? []
  }

  /** Resolves when work of an operator that is under way has come further; never rejects. */
  get busy(): Promise<void> | undefined {
    return this.#work.busy ?? this.#flights.progress
  }

  /** Flights are under way: a commit would wait for them. */
  get isFlying(): boolean {
    return this.#flights.size > 0
  }

  /** They are, and none goes on before the clock does. */
  get isHeld(): boolean {
    return this.#flights.isHeld
  }

  get needsCommit(): boolean {
    if (!this.#changed && !this.time.hasNews) return false
    // Offsets are what fences a commit: there has to be one.
    return this.#queues.some(({ isPlaced }) => isPlaced)
  }

  get queues(): readonly RecordQueue[] {
    return this.#queues
  }

  /** What keeps records waiting for longer than it takes to learn something, in sentences. */
  waitingFor(): readonly string[] {
    const before = this.#environment.clock.now() - unnoticedWaitMs
    return this.#queues.flatMap(({ waiting, source, offset }) => {
      if (waiting === undefined || waiting.since > before) return []
      const { topic, partition } = source
      return [`Record ${topic}-${partition}@${offset} waits: ${waiting.error.message}`]
    })
  }

  /** The record at hand, or the last one, as `topic-partition@offset`. */
  get coordinates(): string | undefined {
    const { topic, partition, offset } = this.#record
    return partition < 0 ? undefined : `${topic}-${partition}@${offset}`
  }

  /** Inits the operators in topological order, then opens the sources. */
  async begin(): Promise<void> {
    for (const { spec, operator } of this.#wired.nodes) {
      try {
        await operator.init(new NodeContext(this.#core, spec, this.#failures))
      } catch (error) {
        throw nodeFailure(spec.name, error)
      }
    }
    this.#queues = this.#environment.planned.sources.map((source, index) =>
      this.#open(source, index)
    )
  }

  markChanged(): void {
    this.#changed = true
  }

  /** Handles up to `max` records; 0: none is here, or none may be taken now. */
  process(max: number): number {
    let done = 0
    while (done < max && this.#work.busy === undefined) {
      if (this.#work.pending.length > 0) this.#work.step()
      else if (this.#flights.size > 0 && this.#land()) continue
      else if (this.time.mustCommit || this.#isHeldUp) break
      else {
        this.#record.leave()
        this.time.asOf = undefined
        const queue = this.#choose()
        if (queue === undefined) break
        this.#handle(queue)
      }
      done++
    }
    return done
  }

  /** Fires what is due by the wall clock. */
  punctuate(now: Timestamp): boolean {
    this.#wallClock.follow(now)
    if (this.#work.busy !== undefined || now < this.#wallClock.nextDue) return false
    this.#record.aside(() => this.#wallClock.advance(now))
    this.#changed = true
    this.#work.runFresh()
    return true
  }

  /** Nothing is under way that belongs to what was done: a commit may come now. */
  get isAtRest(): boolean {
    return this.#work.busy === undefined && !this.#work.hasFresh && this.#flights.size === 0
  }

  /**
   * On the way to a commit, without taking a record: work is done, then what was held back is
   * handed on, and the work that comes of it is done. A failure goes to `onFailure`.
   */
  settle(): void {
    try {
      do {
        this.#work.runFresh()
        if (!this.#landAll()) return
        if (this.#changed) this.#inEachNode((operator) => operator.handOn())
      } while (!this.isAtRest)
    } catch (error) {
      this.#environment.onFailure(error)
    }
  }

  /** Tells event time what the fetches say; an idle close may follow. */
  watch(): void {
    for (const queue of this.#queues) this.time.watch(queue.index, queue.position, queue.answer)
    if (this.#flights.size > 0) this.#flights.observe()
    if (this.#work.busy === undefined) this.time.poll()
  }

  /** Nothing is left to do with what the log holds now. */
  get isDrained(): boolean {
    if (!this.#work.isIdle) return false
    if (this.#flights.size > 0 && !this.#flights.isHeld) return false
    if (this.#isHeldUp) return true
    return this.#queues.every((queue) => !queue.fill() && !isKnownToLag(queue))
  }

  /** As far as is known the log holds nothing more, and nothing is under way. Decodes nothing. */
  get isCaughtUp(): boolean {
    if (!this.#work.isIdle || this.#flights.size > 0) return false
    return !this.#queues.some(isKnownToLag)
  }

  /** Decoded bytes since the last call. */
  takeBytes(): number {
    let bytes = 0
    for (const queue of this.#queues) bytes += queue.takeBytes()
    return bytes
  }

  /** Step 1 of the commit: operators send and write what they held back. */
  flush(): void {
    this.time.beginSeal()
    this.#inEachNode((operator) => operator.flush())
  }

  /**
   * The offsets of this moment with their metadata; what comes after belongs to the next commit.
   */
  freeze(commitNumber: number): readonly OffsetCommit[] {
    const { planned } = this.#environment
    const placed = this.#queues.filter(({ isPlaced }) => isPlaced)
    const offsets = placed.map((queue) => {
      const { position: offset, leaderEpoch, source } = queue
      const { topic, partition } = source
      const metadata = this.time.toMetadata(queue.index, commitNumber)
      const place = { topic, partition, task: planned.id, offset, metadata }
      return leaderEpoch === undefined ? place : { ...place, leaderEpoch }
    })
    this.time.endSeal()
    this.#changed = false
    return offsets
  }

  /** Step 5 of that commit. */
  committed(): void {
    this.time.committed()
    this.#inEachNode((operator) => operator.committed())
  }

  /** Work that is under way may go on, but sends nothing any more. */
  mute(): void {
    this.#core.isLive = false
    this.#flights.abandon()
  }

  /** Ends this life. Await `busy` first: late work must not touch the next one's state. */
  end(): void {
    this.mute()
    for (const queue of this.#queues) queue.close()
    for (const { spec, operator } of this.#wired.nodes) {
      try {
        operator.close()
      } catch (error) {
        const { logger } = this.#environment
        logger.warn('A node failed to close', { node: spec.name, error: messageOf(error) })
      }
    }
  }

  /** In topological order, on behalf of no record. */
  #inEachNode(run: (operator: Operator) => void): void {
    this.#record.aside(() => {
      for (const { spec, operator } of this.#wired.nodes) inNode(spec.name, () => run(operator))
    })
  }

  #open(source: PlannedSource, index: number): RecordQueue {
    const { log, wake, clock } = this.#environment
    const { topic, partition, node } = source
    const { offset, leaderEpoch } = this.#committed[index] ?? {}
    const options = { onData: wake, leaderEpoch }
    const reader = log.read({ topic, partition }, offset ?? 'earliest', options)
    const receiver = present(this.#wired.entries.get(node.name), node.name)
    const startsPlaced = offset !== undefined
    const rejected = this.#failures.rejected.bind(this.#failures)
    const listener = { rejected, wake }
    return new RecordQueue(index, source, receiver, reader, startsPlaced, clock, listener)
  }

  /** The queue with the lowest head, once no partition that is known to have records lacks one. */
  #choose(): RecordQueue | undefined {
    let best: RecordQueue | undefined
    let [lags, waits] = [false, false]
    for (const queue of this.#queues) {
      if (!queue.fill()) {
        lags ||= isKnownToLag(queue)
        waits ||= queue.waiting !== undefined
      } else if (best === undefined || queue.timestamp < best.timestamp) best = queue
    }
    // For a record that is here, and whose place in time nobody knows, all others wait.
    if (waits) best = undefined
    if (best === undefined || !lags) {
      this.#waitingSince = undefined
      return best
    }
    // Bounded, because what is unread may belong to an open transaction of somebody else.
    const now = this.#environment.ticks()
    this.#waitingSince ??= now
    return now - this.#waitingSince < siblingWaitMs ? undefined : best
  }

  #handle(queue: RecordQueue): void {
    const { timestamp } = queue
    this.#record.moveTo(queue, this.time.watermarkOf(queue.index))
    this.#changed = true
    queue.receiver.process(queue.key, queue.value, timestamp)
    queue.done()
    this.#core.instruments.recordIn()
    this.time.observe(queue.index, timestamp)
    if (this.time.streamTime >= this.#streamTime.nextDue) this.#followStreamTime()
    if (this.#work.pending.length > 0) this.#work.runFresh()
  }

  #followStreamTime(): void {
    this.#isOverdue = this.#flights.size > 0
    if (this.#isOverdue) return
    const { streamTime } = this.time
    this.#record.aside(() => this.#streamTime.advance(streamTime))
  }

  /** Records wait for flights. */
  get #isHeldUp(): boolean {
    return this.#flights.isFull || this.#isOverdue
  }

  /** Lets the next flight land, if its outcome is known. */
  #land(): boolean {
    if (!this.#flights.land(this.#failures)) return false
    this.#changed = true
    if (this.#work.pending.length > 0) this.#work.runFresh()
    if (this.#isOverdue && this.#flights.size === 0) {
      this.time.asOf = undefined
      this.#followStreamTime()
    }
    return true
  }

  /** Lets flights land; whether none is under way any more. */
  #landAll(): boolean {
    let goesOn = true
    while (goesOn && this.#work.busy === undefined) goesOn = this.#land()
    return this.#work.busy === undefined && this.#flights.size === 0
  }
}

/** What is fetched says that there is more than was handed out. */
function isKnownToLag(queue: RecordQueue): boolean {
  const { answer } = queue
  return answer === undefined || answer.highWatermark > queue.position
}
