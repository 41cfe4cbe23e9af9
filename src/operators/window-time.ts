/**
 * By which time windows with a key close, and by which a record is judged:
 *
 *     stream time     greatest timestamp this operator has seen, the record's own included: the
 *                     compatible layer
 *     own marks       the record's source partition before it, and what the task has announced
 *     received marks  what came with the record, and what its sender has announced; windows close
 *                     by the least of all senders
 *
 * A mark counts once its commit has been sealed: what closes by it is part of the next commit, and
 * cannot change in between, because every record is judged by that mark already.
 */
import type { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import { FatalError } from '../errors.ts'
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import type { CogroupValue } from './cogroup-value.ts'
import { MarkVector } from './mark-vector.ts'
import { readMark, readOrigin } from './marks.ts'

const never = Number.NEGATIVE_INFINITY

export interface WindowTime {
  /** Windows whose end and grace this has reached are closed; may move back. */
  readonly closing: Timestamp
  /** The watermark that the record at hand, dated t, is judged by. */
  judge(t: Timestamp, value: unknown): Timestamp
  /** Whether the record at hand is a mark, and none to aggregate. */
  takeMark(key: unknown): boolean
  /** Whether what `write` says has changed since the last call. */
  takeChanged(): boolean
  write(writer: ByteWriter): void
}

export class StreamTime implements WindowTime {
  #observed: Timestamp
  #changed = false

  constructor(reader: ByteReader | undefined) {
    this.#observed = reader?.float64() ?? never
  }

  get closing(): Timestamp {
    return this.#observed
  }

  judge(t: Timestamp): Timestamp {
    if (t > this.#observed) {
      this.#observed = t
      this.#changed = true
    }
    return this.#observed
  }

  takeMark(): boolean {
    return false
  }

  takeChanged(): boolean {
    const changed = this.#changed
    this.#changed = false
    return changed
  }

  write(writer: ByteWriter): void {
    writer.float64(this.#observed)
  }
}

/** Of a cogroup: the stream time of each input; windows close by the least of them. */
export class InputTimes implements WindowTime {
  readonly #times: Timestamp[]
  #changed = false

  constructor(inputs: number, reader: ByteReader | undefined) {
    this.#times = Array.from({ length: inputs }, () => reader?.float64() ?? never)
  }

  get closing(): Timestamp {
    return Math.min(...this.#times)
  }

  judge(t: Timestamp, value: unknown): Timestamp {
    const { input } = value as CogroupValue
    const known = this.#times[input] ?? never
    if (t <= known) return known
    this.#times[input] = t
    this.#changed = true
    return t
  }

  takeMark(): boolean {
    return false
  }

  takeChanged(): boolean {
    const changed = this.#changed
    this.#changed = false
    return changed
  }

  write(writer: ByteWriter): void {
    for (const time of this.#times) writer.float64(time)
  }
}

/** Of the compatible layer. */
export function streamTimeOf(
  inputs: number | undefined,
  reader: ByteReader | undefined
): WindowTime {
  return inputs === undefined ? new StreamTime(reader) : new InputTimes(inputs, reader)
}

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
