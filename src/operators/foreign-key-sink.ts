/** Answers of a foreign-key join on their way back to the tasks that the left rows are in. */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { Operator, type TaskContext } from '../processor/operator.ts'
import { binaryBytes } from '../serde/text.ts'
import { type Response, responseSerde } from './foreign-key-messages.ts'

/** What a left row is told; its key comes as text, one char a byte. */
export interface Answer extends Response {
  /** Of the left row. */
  readonly partition: number
}

/** Sends each answer to the partition that asked. */
export class AnswerSinkOperator extends Operator {
  readonly #response: string
  #context!: TaskContext
  #topic = ''

  /** @param response short name of the topic */
  constructor(response: string) {
    super()
    this.#response = response
  }

  override init(context: TaskContext): void {
    this.#context = context
    this.#topic = context.topicName(this.#response)
  }

  process(key: unknown, value: unknown, timestamp: Timestamp): void {
    assert(typeof key === 'string', 'an answer says for which left row it is')
    const { partition, ...response } = value as Answer
    const { headers } = this.#context.record
    const bytes = responseSerde.serialize(response)
    this.#context.send(this.#topic, partition, timestamp, binaryBytes(key), bytes, headers)
  }
}
