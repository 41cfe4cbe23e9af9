/**
 * How event time travels through the repartition topic of a keyed window that closes by watermark,
 * in record headers:
 *
 *     record   key, value, …  + `millrace-origin`: producer (int32), watermark (float64)
 *     marker   null, null     + `millrace-mark`:   producer (int32), mark (float64; NaN: empty)
 *
 * The watermark is that of the record's own source partition before the record. Markers follow all
 * records of their commit, one in each partition. No record has a null key here: such records are
 * dropped before the topic.
 */
import type { Timestamp } from '../ids.ts'
import type { RecordHeaders } from '../record.ts'

export const originHeader = 'millrace-origin'
export const markHeader = 'millrace-mark'

export interface Origin {
  /** Partition number of the task that sent the record: which of the topic's producers. */
  readonly producer: number
  readonly watermark: Timestamp
}

export interface Mark {
  readonly producer: number
  readonly mark: Timestamp | 'empty'
}

export function writeOrigin({ producer, watermark }: Origin): RecordHeaders[number] {
  return [originHeader, write(producer, watermark)]
}

export function writeMark({ producer, mark }: Mark): RecordHeaders[number] {
  return [markHeader, write(producer, mark === 'empty' ? Number.NaN : mark)]
}

/** The last one counts: a record may have come with such a header from another application. */
export function readOrigin(headers: RecordHeaders): Origin | undefined {
  const view = find(headers, originHeader)
  return view && { producer: view.getInt32(0), watermark: view.getFloat64(4) }
}

export function readMark(headers: RecordHeaders): Mark | undefined {
  const view = find(headers, markHeader)
  if (view === undefined) return undefined
  const mark = view.getFloat64(4)
  return { producer: view.getInt32(0), mark: Number.isNaN(mark) ? 'empty' : mark }
}

/** What users may see of a record's headers. */
export function withoutOrigin(headers: RecordHeaders): RecordHeaders {
  if (headers.length === 0 || !headers.some(([name]) => name === originHeader)) return headers
  return headers.filter(([name]) => name !== originHeader)
}

function write(producer: number, time: number): Uint8Array {
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, producer)
  view.setFloat64(4, time)
  return bytes
}

function find(headers: RecordHeaders, name: string): DataView | undefined {
  for (let at = headers.length - 1; at >= 0; at--) {
    const [found, value] = headers[at] as RecordHeaders[number]
    if (found === name && value?.length === 12) {
      return new DataView(value.buffer, value.byteOffset, value.byteLength)
    }
  }
  return undefined
}
