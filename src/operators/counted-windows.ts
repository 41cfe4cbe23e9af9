/**
 * Which windows a record counts for, said before the repartition topic as the aggregate behind it
 * would say it:
 *
 *     stream time   by the greatest timestamp that went to the record's partition of the topic
 *                   since the last batch, its own included; of those before, the aggregate knows
 *     marks         by the record's source partition before it, and what the task has announced
 */
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import type { Grid } from '../windows/grid.ts'
import { gridOf } from '../windows/grids.ts'
import type { WindowSpec } from '../windows/windows.ts'
import type { CountedWindows } from './combined.ts'

export class WindowCounting {
  readonly #context: TaskContext
  readonly #grid: Grid
  /** The aggregate whose marks count; undefined: stream time does. */
  readonly #marksOf: string | undefined
  /** By partition. */
  readonly #times = new Map<number, Timestamp>()

  constructor(context: TaskContext, windows: WindowSpec, marksOf: string | undefined) {
    this.#context = context
    this.#grid = gridOf(windows)
    this.#marksOf = marksOf
  }

  /** What was sent is not judged by again: whoever got it has seen its times. */
  begin(): void {
    this.#times.clear()
  }

  /** Of this batch, in a partition; `judge` has moved it. */
  timeOf(partition: number): Timestamp {
    return this.#times.get(partition) ?? Number.NEGATIVE_INFINITY
  }

  /** Undefined: for none. What is late is counted here, for it goes no further. */
  judge(timestamp: Timestamp, partition: number): CountedWindows | undefined {
    const judged = this.#timeAt(timestamp, partition)
    const grid = this.#grid
    let late = 0
    let first: Timestamp | undefined
    let last = 0
    for (
      let start = grid.firstStart(timestamp);
      start <= timestamp;
      start = grid.nextStart(start)
    ) {
      if (grid.isClosed(grid.endOf(start), judged)) late += 1
      else {
        first ??= start
        last = start
      }
    }
    if (late > 0) this.#dropLate(late, first !== undefined)
    return first === undefined ? undefined : { first, last }
  }

  #timeAt(timestamp: Timestamp, partition: number): Timestamp {
    const { record, time } = this.#context
    if (this.#marksOf !== undefined) return Math.max(record.watermark, time.mark(this.#marksOf))
    const greatest = Math.max(timestamp, this.timeOf(partition))
    this.#times.set(partition, greatest)
    return greatest
  }

  /** By stream time each window counts, as in Kafka Streams; by marks the record, if it is lost. */
  #dropLate(windows: number, counts: boolean): void {
    if (this.#marksOf === undefined) this.#context.drop('late', windows)
    else if (!counts) this.#context.drop('late')
  }
}
