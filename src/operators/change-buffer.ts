/**
 * Changes on their way downstream: at once, or, where updates may wait for the commit, one per row
 * with what was told of it last, in the order of their first change.
 */
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import type { Receiver, TaskContext } from '../processor/operator.ts'

interface Waiting {
  readonly key: unknown
  readonly oldValue: unknown
  newValue: unknown
  timestamp: Timestamp
}

export class ChangeBuffer {
  readonly #context: Pick<TaskContext, 'caching'>
  readonly #send: Receiver['process']
  readonly #waiting = new Map<string, Waiting>()

  constructor(context: Pick<TaskContext, 'caching'>, send: Receiver['process']) {
    this.#context = context
    this.#send = send
  }

  /** @param row what tells rows apart */
  put(row: string, key: unknown, newValue: unknown, oldValue: unknown, timestamp: Timestamp): void {
    const send = this.#send
    if (!this.#context.caching) {
      send(key, new Change(newValue, oldValue), timestamp)
      return
    }
    const waiting = this.#waiting.get(row)
    if (waiting === undefined) this.#waiting.set(row, { key, newValue, oldValue, timestamp })
    else {
      waiting.newValue = newValue
      waiting.timestamp = timestamp
    }
  }

  /** A row that came and went in between is not spoken of. */
  flush(): void {
    const send = this.#send
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { key, newValue, oldValue, timestamp } of waiting) {
      if (newValue === null && oldValue === null) continue
      send(key, new Change(newValue, oldValue), timestamp)
    }
  }
}
