/**
 * Stream–stream joins: inner, left and outer.
 *
 *     left ─▶ its side ─┐           ┌─ look up the other side's records, join each
 *                       ├─▶ join ───┤
 *     right ─▶ its side ┘           └─ then keep the record, for those of the other side to come
 *
 * Invariants: rows that stay unmatched come out once the join's event time has passed their window
 * and grace, in the order of their timestamps, before what the record at hand joins; a row comes
 * out unmatched at most once. What is late is joined as long as the other side's record is kept.
 */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import type { Serde } from '../serde/serde.ts'
import type { JoinWindow } from '../windows/join-window.ts'
import { keyTextOf } from './aggregate-entries.ts'
import { JoinBuffer } from './join-buffer.ts'
import { Buffered } from './join-buffer-entries.ts'
import { type Side, type UnmatchedLimits, UnmatchedRows } from './unmatched-rows.ts'

/** Rows that come out in one go; the task looks up between two. */
const rowsMax = 5_000

export type Joiner = (left: unknown, right: unknown, key: unknown) => unknown

export interface StreamJoinSpec {
  readonly how: 'inner' | 'left' | 'outer'
  readonly window: JoinWindow
  readonly key: Serde<unknown>
  readonly values: Readonly<Record<Side, Serde<unknown>>>
  readonly joiner: Joiner
  /** Names of the stores. */
  readonly buffers: Readonly<Record<Side, string>>
  /** Undefined: inner. */
  readonly unmatched: string | undefined
}

/** A record on its way from its side to the join. One is enough per side: records come singly. */
class Sided {
  readonly side: Side
  value: unknown = undefined

  constructor(side: Side) {
    this.side = side
  }
}

/** Where one of the two streams comes in. */
export class JoinSideOperator extends Operator {
  readonly #sided: Sided

  constructor(side: Side) {
    super()
    this.#sided = new Sided(side)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    this.#sided.value = value
    this.next.process(key, this.#sided, timestamp)
    this.#sided.value = undefined
  }
}

/** `orders.join('paid', payments, within('30m'), (order, payment) => ({ … }))` and its kin. */
export class StreamJoinOperator extends Operator {
  readonly #spec: StreamJoinSpec
  readonly #limits: UnmatchedLimits
  readonly #keyText: (key: unknown) => string | null
  #context!: TaskContext
  #buffers!: Readonly<Record<Side, JoinBuffer>>
  #unmatched: UnmatchedRows | undefined
  readonly #goOn = (): Promise<boolean> => this.#loadAndEmit()

  constructor(spec: StreamJoinSpec, limits: UnmatchedLimits = {}) {
    super()
    this.#spec = spec
    this.#limits = limits
    this.#keyText = keyTextOf(spec.key)
  }

  override async init(context: TaskContext): Promise<void> {
    this.#context = context
    const { buffers, unmatched, window } = this.#spec
    const spanMs = window.beforeMs + window.afterMs
    const options = { spanMs, retentionMs: spanMs + window.graceMs }
    this.#buffers = {
      left: new JoinBuffer(context, { name: buffers.left, ...options }),
      right: new JoinBuffer(context, { name: buffers.right, ...options }),
    }
    if (unmatched === undefined) return
    this.#unmatched = new UnmatchedRows(context, unmatched, this.#limits)
    await this.#unmatched.load()
    // A step that the last life did not come to.
    context.afterRecord(this.#goOn)
  }

  process(key: unknown, sided: unknown, timestamp: Timestamp): void {
    assert(sided instanceof Sided, 'a join gets its records from its sides')
    const { side } = sided
    const value = sided.value ?? null
    this.#unmatched?.observe(timestamp)
    const keyText = key === null || key === undefined ? null : this.#keyText(key)
    if (keyText === null && value !== null && this.#keepsUnmatched(side)) {
      this.#forward(side, key, value, null, timestamp)
      return
    }
    if (keyText === null || value === null) {
      this.#context.drop(keyText === null ? 'null_key' : 'null_value')
      return
    }
    if (this.#unmatched?.observed === timestamp) this.#emitUnmatched(side, this.#unmatched)
    const bytes = this.#spec.values[side].serialize(value)
    if (bytes === null) {
      this.#context.drop('null_value')
      return
    }
    const item = new Buffered(timestamp, bytes, value)
    this.#join(side, key, keyText, item, value)
    this.#buffers[side].put(keyText, item)
    if (this.#unmatched?.isShort === true) this.#context.afterRecord(this.#goOn)
  }

  #join(side: Side, key: unknown, keyText: string, item: Buffered, value: unknown): void {
    const other = otherOf(side)
    const { timestamp, bytes } = item
    const { beforeMs, afterMs } = this.#spec.window
    const [backMs, aheadMs] = side === 'left' ? [beforeMs, afterMs] : [afterMs, beforeMs]
    const to = Math.max(0, timestamp + aheadMs)
    const matches = this.#buffers[other].fetch(keyText, Math.max(0, timestamp - backMs), to)
    for (const match of matches) {
      this.#unmatched?.remove(other, keyText, match.timestamp)
      const otherValue = match.value(this.#spec.values[other])
      this.#forward(side, key, value, otherValue, Math.max(timestamp, match.timestamp))
    }
    if (matches.length > 0 || this.#unmatched === undefined || !this.#keepsUnmatched(side)) return
    // Nothing that is in time can join it any more.
    if (to < this.#unmatched.observed) this.#forward(side, key, value, null, timestamp)
    else this.#unmatched.add(side, keyText, timestamp, bytes)
  }

  /** Whether records of this side come out without one of the other. */
  #keepsUnmatched(side: Side): boolean {
    const { how } = this.#spec
    return how === 'outer' || (how === 'left' && side === 'left')
  }

  #forward(side: Side, key: unknown, value: unknown, other: unknown, timestamp: Timestamp): void {
    const { joiner } = this.#spec
    const joined = side === 'left' ? joiner(value, other, key) : joiner(other, value, key)
    this.next.process(key, joined, timestamp)
  }

  #emitUnmatched(side: Side, unmatched: UnmatchedRows): void {
    const { emitIntervalMs } = this.#spec.window
    // A look at nothing begins an interval too, as in Kafka Streams: if the side looks ahead.
    if (unmatched.isEmpty && this.#until(0)[side] >= 0) return
    if (!unmatched.isEmpty && !this.#hasDue(unmatched, unmatched.observed)) return
    if (!unmatched.takeLook(this.#context.clock.now(), emitIntervalMs)) return
    this.#emitSome(unmatched)
    if (this.#hasDue(unmatched, unmatched.lookedTo)) this.#context.afterRecord(this.#goOn)
  }

  async #loadAndEmit(): Promise<boolean> {
    const unmatched = this.#unmatched
    if (unmatched === undefined) return false
    await unmatched.load()
    this.#emitSome(unmatched)
    return unmatched.isShort || this.#hasDue(unmatched, unmatched.lookedTo)
  }

  #emitSome(unmatched: UnmatchedRows): void {
    const until = this.#until(unmatched.lookedTo)
    for (let rows = 0; rows < rowsMax; rows++) {
      const row = unmatched.takeBefore(until)
      if (row === undefined) return
      const { side, timestamp, values } = row
      const key = this.#spec.key.deserialize(Buffer.from(row.key, 'latin1'))
      for (const bytes of values) {
        const value = this.#spec.values[side].deserialize(bytes)
        this.#forward(side, key, value, null, timestamp)
      }
    }
  }

  #hasDue(unmatched: UnmatchedRows, time: Timestamp): boolean {
    return unmatched.hasBefore(this.#until(time))
  }

  /** At this time of the join, rows from before these are over. */
  #until(time: Timestamp): Readonly<Record<Side, Timestamp>> {
    const { beforeMs, afterMs, graceMs } = this.#spec.window
    return { left: time - afterMs - graceMs, right: time - beforeMs - graceMs }
  }
}

function otherOf(side: Side): Side {
  return side === 'left' ? 'right' : 'left'
}
