/**
 * What a task awaits on behalf of records while it takes others.
 *
 *     record ─▶ node departs ─▶ other records … ─▶ its outcome is known ─▶ it lands: children go on
 *
 * Invariants: the flights of one node land in the order in which they departed; each lands as the
 * record that it departed with, in its place and at its time; none lands after the task has moved
 * on. A task with flights is not at rest: no commit covers a record that has not landed.
 */
import type { Timestamp } from '../ids.ts'
import type { Flight } from '../processor/operator.ts'
import type { ProcessorNodeSpec } from '../topology/topology.ts'
import type { CurrentRecord, RecordAtHand } from './task-context.ts'
import type { SourceTaskTime } from './task-time.ts'
import { type ErrorHandler, guarded } from './wiring.ts'

interface Departed {
  readonly number: number
  readonly flight: Flight
  /** Undefined: no record was at hand, such as in a punctuation. */
  readonly at: RecordAtHand | undefined
  readonly watermark: Timestamp
  readonly streamTime: Timestamp
}

/** Those of one node, oldest first. */
interface Lane {
  readonly node: ProcessorNodeSpec
  readonly max: number
  readonly departed: Departed[]
}

export class Flights {
  readonly #record: CurrentRecord
  readonly #time: SourceTaskTime
  readonly #wake: () => void
  readonly #lanes = new Map<string, Lane>()
  #departures = 0
  #size = 0
  #isFull = false

  constructor(record: CurrentRecord, time: SourceTaskTime, wake: () => void) {
    this.#record = record
    this.#time = time
    this.#wake = wake
  }

  get size(): number {
    return this.#size
  }

  /** No record is to be taken: some node has as many as it may. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** All that is left to do needs time, and nothing else. */
  get isHeld(): boolean {
    if (this.#size === 0 || this.#next() !== undefined) return false
    return this.#all().every(({ flight }) => flight.isDone || flight.isWaiting)
  }

  /** Resolves when one may land; undefined: there is none. */
  get progress(): Promise<void> | undefined {
    const heads = [...this.#lanes.values()].flatMap(({ departed: [head] }) => head ?? [])
    return heads.length === 0 ? undefined : Promise.race(heads.map(({ flight }) => flight.done))
  }

  depart(node: ProcessorNodeSpec, flight: Flight, max: number): void {
    let lane = this.#lanes.get(node.name)
    if (lane === undefined) this.#lanes.set(node.name, (lane = { node, max, departed: [] }))
    lane.departed.push({
      number: this.#departures++,
      flight,
      at: this.#record.keep(),
      watermark: this.#record.watermark,
      streamTime: this.#time.streamTime,
    })
    this.#size += 1
    this.#isFull ||= lane.departed.length >= max
    void flight.done.then(this.#wake)
  }

  /** Lets the oldest that may land do so; whether there was one. */
  land(errors: ErrorHandler): boolean {
    const lane = this.#next()
    const departed = lane?.departed.shift()
    if (lane === undefined || departed === undefined) return false
    this.#size -= 1
    this.#isFull = [...this.#lanes.values()].some((one) => one.departed.length >= one.max)
    const { at, watermark, streamTime, flight } = departed
    if (at === undefined) this.#record.leave()
    else this.#record.moveTo(at, watermark)
    this.#time.asOf = streamTime
    guarded(lane.node, errors, () => flight.land())
    return true
  }

  /** Time has passed. */
  observe(): void {
    for (const { flight } of this.#all()) if (!flight.isDone) flight.observe()
  }

  /** None of them lands any more. */
  abandon(): void {
    for (const { flight } of this.#all()) flight.abandon()
    this.#lanes.clear()
    this.#size = 0
    this.#isFull = false
  }

  /** Where the oldest is that may land. */
  #next(): Lane | undefined {
    let next: Lane | undefined
    for (const lane of this.#lanes.values()) {
      const [head] = lane.departed
      if (head === undefined || !head.flight.isDone) continue
      if (head.number < (next?.departed[0]?.number ?? Number.POSITIVE_INFINITY)) next = lane
    }
    return next
  }

  #all(): readonly Departed[] {
    return [...this.#lanes.values()].flatMap(({ departed }) => departed)
  }
}
