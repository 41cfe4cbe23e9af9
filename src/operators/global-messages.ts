/**
 * What the first phase of a window without a key tells the second one, through a repartition topic
 * of one partition: partial results, then the mark that covers them.
 *
 *     version 2 │ 1 partial │ producer │ id, offset, counts, times │ row │ run, run, …
 *     version 2 │ 2 mark    │ producer │ time, NaN for `empty`
 *
 *     run   slot, how many members, length, members: see `member-list.ts`
 *
 * A partial is cumulative, but for its members: only new ones travel. One with many members goes as
 * several messages, which repeat all but those. Members go in runs, as they lie: nearly all that is
 * told are members, and to copy them one by one took 4 % of the main thread of the shop.
 */
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { Row, RowAggregation } from '../aggregators/row.ts'
import { FatalError } from '../errors.ts'
import type { Offset, Timestamp } from '../ids.ts'
import { eachRun, type MemberRun, runBytesMax, writeRun } from './member-list.ts'
import type { MemberTail } from './member-set.ts'
import type { PartialId } from './partial-id.ts'

const version = 2
const partialType = 1
const markType = 2
/** Well below what brokers take by default, and small enough to be read piece by piece. */
const messageBytesMax = 240 * 1024

export interface PartialMessage extends PartialId {
  readonly type: 'partial'
  /** Partition number of the task that sent it. */
  readonly producer: number
  /** One past the input offset that it reflects. */
  readonly at: Offset
  /** How many of its records were not sent before: for counters only. */
  readonly fresh: number
  readonly n: number
  readonly first: Timestamp
  readonly last: Timestamp
  readonly row: Row
}

export interface MarkMessage {
  readonly type: 'mark'
  readonly producer: number
  readonly mark: Timestamp | 'empty'
}

/** The members, by slot, that follow a partial; all are taken. */
export type Unsent = readonly (MemberTail | undefined)[]

export class GlobalMessages {
  readonly #aggregation: RowAggregation
  readonly #topic: string
  readonly #writer = new ByteWriter()

  /** @param topic for messages of errors */
  constructor(aggregation: RowAggregation, topic: string) {
    this.#aggregation = aggregation
    this.#topic = topic
  }

  /** One message, or as many as the members need; each is handed to `send` when it is complete. */
  writePartial(
    partial: Omit<PartialMessage, 'type'>,
    unsent: Unsent,
    send: (message: Uint8Array) => void
  ): void {
    const writer = this.#writer
    this.#writeHead(partial, partial.fresh)
    for (const [slot, members] of unsent.entries()) {
      while (members !== undefined && members.size > 0) {
        const run = members.take(runBytesMax)
        if (writer.length + run.bytes.length > messageBytesMax) {
          send(writer.take())
          this.#writeHead(partial, 0)
        }
        writeRun(writer, slot, run)
      }
    }
    send(writer.take())
  }

  writeMark({ producer, mark }: Omit<MarkMessage, 'type'>): Uint8Array {
    const time = mark === 'empty' ? Number.NaN : mark
    return this.#writer.u8(version).u8(markType).count(producer).float64(time).take()
  }

  /** Hands runs of members to what `onPartial` answers: the partial comes first. */
  read(
    bytes: Uint8Array,
    onPartial: (message: PartialMessage) => ((slot: number, run: MemberRun) => void) | undefined,
    onMark: (message: MarkMessage) => void
  ): void {
    const reader = new ByteReader(bytes)
    const [found, type] = [reader.u8(), reader.u8()]
    if (found !== version || (type !== partialType && type !== markType)) throw this.#unknown()
    const producer = reader.count()
    if (type === markType) {
      const time = reader.float64()
      onMark({ type: 'mark', producer, mark: Number.isNaN(time) ? 'empty' : time })
      return
    }
    const onRun = onPartial(this.#readHead(reader, producer))
    if (onRun !== undefined) eachRun(reader, onRun)
  }

  #writeHead(partial: Omit<PartialMessage, 'type'>, fresh: number): void {
    const writer = this.#writer.u8(version).u8(partialType).count(partial.producer)
    writer.float64(partial.pane).float64(partial.end).count(partial.partition)
    writer.bytes(Buffer.from(partial.topic, 'utf8'))
    writer.count(partial.at).count(fresh).count(partial.n)
    writer.float64(partial.first).float64(partial.last)
    this.#aggregation.write(writer, partial.row)
  }

  #readHead(reader: ByteReader, producer: number): PartialMessage {
    const [pane, end, partition] = [reader.float64(), reader.float64(), reader.count()]
    const topic = Buffer.from(reader.bytes()).toString('utf8')
    const [at, fresh, n] = [reader.count(), reader.count(), reader.count()]
    const [first, last] = [reader.float64(), reader.float64()]
    const row = this.#aggregation.read(reader)
    return {
      type: 'partial',
      producer,
      pane,
      end,
      partition,
      topic,
      at,
      fresh,
      n,
      first,
      last,
      row,
    }
  }

  #unknown(): FatalError {
    return new FatalError(
      'MILLRACE_MESSAGE_UNKNOWN',
      `Topic '${this.#topic}' holds a message that this version cannot read: run the version ` +
        'that wrote it, or reset the application.'
    )
  }
}
