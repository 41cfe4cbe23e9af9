/** From tables to streams: what becomes of a `Change`. */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Change } from '../processor/change.ts'
import { Operator } from '../processor/operator.ts'

/** `totals.toStream()`: the new value of each change; null where the key has gone. */
export class ToStreamOperator extends Operator {
  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    assert(value instanceof Change, 'a table sends changes')
    this.next.process(key, value.newValue, timestamp)
  }
}
