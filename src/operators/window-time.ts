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
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import { OwnMarks, ReceivedMarks } from './mark-times.ts'
import type { KeyedAggregateSpec, Watermarks } from './specs.ts'
import { streamTimeOf } from './stream-time.ts'

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

/** @param reader of what it wrote last; undefined: nothing yet */
export function windowTimeOf(
  context: TaskContext,
  { watermarks, name, inputs }: KeyedAggregateSpec & { readonly watermarks: Watermarks },
  reader: ByteReader | undefined
): WindowTime {
  if (watermarks === null) return streamTimeOf(inputs, reader)
  if (watermarks === 'own') return new OwnMarks(context, name)
  return new ReceivedMarks(context, watermarks.topic, reader)
}
