/** `toCounter`: counts records, by a label if one is wanted; they go on as they are. */
import type { Timestamp } from '../ids.ts'
import { type CounterPort, Operator, type TaskContext } from '../processor/operator.ts'
import type { Callback } from './filter.ts'

/** `events.toCounter({ name: 'events_total', help: '…' })` */
export class CounterOperator extends Operator {
  readonly #name: string
  readonly #labelOf: Callback<string> | undefined
  #counter!: CounterPort

  constructor(name: string, labelOf: Callback<string> | undefined) {
    super()
    this.#name = name
    this.#labelOf = labelOf
  }

  override init(context: TaskContext): void {
    this.#counter = context.counter(this.#name)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    const labelOf = this.#labelOf
    this.#counter.add(labelOf === undefined ? '' : labelOf(value, key))
    this.next.process(key, value, timestamp)
  }
}
