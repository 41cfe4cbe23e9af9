/** Announces the marks of a task in a repartition topic; what they look like, `marks.ts` says. */
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import { writeMark } from './marks.ts'

export class MarkAnnouncer {
  /** The aggregate whose windows close by the marks; undefined: none does. */
  readonly #aggregate: string | undefined
  #announced: Timestamp | 'empty' | undefined
  #announcing: Timestamp | 'empty' | undefined

  constructor(aggregate: string | undefined) {
    this.#aggregate = aggregate
  }

  /** A mark follows the records it covers, in the same commit, in every partition. */
  announce(context: TaskContext, topic: string, partitions: number): void {
    if (this.#aggregate === undefined) return
    const mark = context.time.nextMark(this.#aggregate)
    this.#announcing = mark
    if (mark === undefined || mark === this.#announced || mark === Number.NEGATIVE_INFINITY) return
    const { partition: producer, clock } = context
    const timestamp = mark === 'empty' ? clock.now() : Math.max(0, mark)
    const headers = [writeMark({ producer, mark })]
    for (let partition = 0; partition < partitions; partition++) {
      context.send(topic, partition, timestamp, null, null, headers)
    }
  }

  committed(): void {
    if (this.#announcing !== undefined) this.#announced = this.#announcing
  }
}
