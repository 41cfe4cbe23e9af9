/**
 * A stream joined with itself, over one buffer: what `optimize` makes of an inner, left or outer
 * join whose two sides are the same. Every record joins itself, so none is ever unmatched.
 */
import type { Timestamp } from '../ids.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import { keyTextOf } from './aggregate-entries.ts'
import { JoinBuffer } from './join-buffer.ts'
import { Buffered } from './join-buffer-entries.ts'
import type { StreamJoinSpec } from './stream-join.ts'

/** `views.join('pairs', views, within('1m'), (one, other) => ({ … }))` */
export class SelfJoinOperator extends Operator {
  readonly #spec: StreamJoinSpec
  readonly #keyText: (key: unknown) => string | null
  #context!: TaskContext
  #buffer!: JoinBuffer

  constructor(spec: StreamJoinSpec) {
    super()
    this.#spec = spec
    this.#keyText = keyTextOf(spec.key)
  }

  override init(context: TaskContext): void {
    this.#context = context
    const { buffers, window } = this.#spec
    const spanMs = window.beforeMs + window.afterMs
    const retentionMs = spanMs + window.graceMs
    this.#buffer = new JoinBuffer(context, { name: buffers.left, spanMs, retentionMs })
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const keyText = key === null || key === undefined ? null : this.#keyText(key)
    const hasValue = value !== null && value !== undefined
    const bytes = keyText !== null && hasValue ? this.#spec.values.left.serialize(value) : null
    if (keyText === null || bytes === null) {
      this.#context.drop(keyText === null ? 'null_key' : 'null_value')
      return
    }
    this.#join(key, keyText, value, timestamp)
    this.#buffer.put(keyText, new Buffered(timestamp, bytes, value))
  }

  /** In the order in which the two sides of an inner join would find the pairs. */
  #join(key: unknown, keyText: string, value: unknown, timestamp: Timestamp): void {
    const { joiner, values, window } = this.#spec
    const { beforeMs, afterMs } = window
    for (const other of this.#within(keyText, timestamp, beforeMs, afterMs)) {
      const joined = joiner(value, other.value(values.left), key)
      this.next.process(key, joined, Math.max(timestamp, other.timestamp))
    }
    let isJoined = this.#buffer.isPast(timestamp)
    const joinItself = (): void => {
      if (!isJoined) this.next.process(key, joiner(value, value, key), timestamp)
      isJoined = true
    }
    for (const other of this.#within(keyText, timestamp, afterMs, beforeMs)) {
      if (other.timestamp > timestamp) joinItself()
      const joined = joiner(other.value(values.left), value, key)
      this.next.process(key, joined, Math.max(timestamp, other.timestamp))
    }
    joinItself()
  }

  #within(key: string, timestamp: Timestamp, backMs: number, aheadMs: number): readonly Buffered[] {
    const from = Math.max(0, timestamp - backMs)
    return this.#buffer.fetch(key, from, Math.max(0, timestamp + aheadMs))
  }
}
