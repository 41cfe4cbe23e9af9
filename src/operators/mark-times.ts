/** Time by watermarks: the marks of the task's own, or those that came through a topic. */
import type { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import { FatalError } from '../errors.ts'
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import { MarkVector } from './mark-vector.ts'
import { readMark, readOrigin } from './marks.ts'
import type { WindowTime } from './window-time.ts'

export class OwnMarks implements WindowTime {
  readonly #context: TaskContext
  readonly #aggregate: string

  constructor(context: TaskContext, aggregate: string) {
    this.#context = context
    this.#aggregate = aggregate
  }

  get closing(): Timestamp {
    return this.#context.time.mark(this.#aggregate)
  }

  judge(): Timestamp {
    return Math.max(this.#context.record.watermark, this.closing)
  }

  takeMark(): boolean {
    return false
  }

  /** The marks are in the metadata of the task's offsets. */
  takeChanged(): boolean {
    return false
  }

  write(): void {}
}

export class ReceivedMarks implements WindowTime {
  readonly #context: TaskContext
  readonly #topic: string
  readonly #vector: MarkVector
  #changed = false

  /** @param topic internal name of the repartition topic */
  constructor(context: TaskContext, topic: string, reader: ByteReader | undefined) {
    this.#context = context
    this.#topic = topic
    const known = reader && MarkVector.read(reader)
    this.#vector = new MarkVector(context.producerCount(topic), known)
  }

  get closing(): Timestamp {
    return this.#vector.minimum()
  }

  judge(): Timestamp {
    const origin = readOrigin(this.#context.record.headers)
    if (origin === undefined) throw this.#unmarked()
    if (this.#vector.heard(origin.producer)) this.#changed = true
    return Math.max(origin.watermark, this.#vector.timeOf(origin.producer))
  }

  takeMark(key: unknown): boolean {
    if (key !== null) return false
    const found = readMark(this.#context.record.headers)
    if (found === undefined) return false
    if (this.#vector.take(found.producer, found.mark)) this.#changed = true
    return true
  }

  takeChanged(): boolean {
    const changed = this.#changed
    this.#changed = false
    return changed
  }

  write(writer: ByteWriter): void {
    this.#vector.write(writer)
  }

  #unmarked(): FatalError {
    const { topic, partition, offset } = this.#context.record
    return new FatalError(
      'MILLRACE_MARK_MISSING',
      `Record ${topic}-${partition}@${offset} does not say which task sent it, as all records of ` +
        `'${this.#topic}' must: it was written before its windows closed by watermarks, or by ` +
        'somebody else. Reset the application, or give the aggregate another name.'
    )
  }
}
