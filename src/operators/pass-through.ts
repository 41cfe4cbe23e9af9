/** Where streams become one (`merge`): records pass as they are. */
import type { Timestamp } from '../ids.ts'
import { Operator } from '../processor/operator.ts'

/** `clicks.merge(orders)` */
export class PassThroughOperator extends Operator {
  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    this.next.process(key, value, timestamp)
  }
}
