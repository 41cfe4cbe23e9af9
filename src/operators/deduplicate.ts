/**
 * `deduplicate`: of the records with one id, the first within a span of event time.
 *
 * Ids lie in lists by bucket of time, as the records of a join do, and go when no record that is in
 * time can be a duplicate of them.
 */

import type { Member } from '../aggregators/aggregator.ts'
import { memberKey } from '../aggregators/member.ts'
import type { Timestamp } from '../ids.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import type { Callback } from './filter.ts'
import { JoinBuffer } from './join-buffer.ts'
import { Buffered } from './join-buffer-entries.ts'

export interface DeduplicateSpec {
  /** Of the store. */
  readonly name: string
  readonly by: Callback<Member>
  /** Undefined: they are dropped. */
  readonly others:
    | ((value: unknown, key: unknown, reason: 'duplicate' | 'late') => unknown)
    | undefined
  readonly withinMs: number
  readonly graceMs: number
}

const nothing = new Uint8Array(0)

/** `orders.deduplicate('orders-once', { by: (order) => order.id, within: '1h' })` */
export class DeduplicateOperator extends Operator {
  readonly #spec: DeduplicateSpec
  #context!: TaskContext
  #seen!: JoinBuffer

  constructor(spec: DeduplicateSpec) {
    super()
    this.#spec = spec
  }

  override init(context: TaskContext): void {
    this.#context = context
    const { name, withinMs, graceMs } = this.#spec
    // What is just in time may be a duplicate of what is older by almost the whole span.
    const retentionMs = 2 * withinMs + graceMs
    this.#seen = new JoinBuffer(context, { name, retentionMs, spanMs: 2 * withinMs })
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const { by, withinMs, graceMs } = this.#spec
    const id = memberKey(by(value, key))
    if (id === undefined) {
      this.next.process(key, value, timestamp)
      return
    }
    if (timestamp <= this.#seen.observed - withinMs - graceMs) {
      this.#other(key, value, timestamp, 'late')
      return
    }
    if (this.#seen.fetch(id, timestamp - withinMs + 1, timestamp + withinMs - 1).length > 0) {
      this.#other(key, value, timestamp, 'duplicate')
      return
    }
    this.#seen.put(id, new Buffered(timestamp, nothing))
    this.next.process(key, value, timestamp)
  }

  #other(key: unknown, value: unknown, timestamp: Timestamp, reason: 'duplicate' | 'late'): void {
    const { others } = this.#spec
    if (others === undefined) this.#context.drop(reason)
    else this.next.process(key, others(value, key, reason), timestamp)
  }
}
