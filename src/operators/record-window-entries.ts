/**
 * How sessions and sliding windows lie in their store, whose entries are also its changelog:
 *
 *     01 order key → timestamp (8), state
 *     00 key (stretch) → times       where the windows of a key are: found by point reads
 *     ff → how far windows have come
 *
 * The order is that of closing: end and start of a session (8, 8), start of a sliding window (8).
 */
import type { StoreDefinition } from '../../state/contract.ts'
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { Timestamp } from '../ids.ts'
import { Kept, type Reserved } from './aggregate-entries.ts'
import type { Aggregation } from './aggregation.ts'
import type { WindowTime } from './window-time.ts'

const never = Number.NEGATIVE_INFINITY
const timesTag = 0x01
const progressTag = 0xff

export const windowPrefix = '\x01'
export const windowRange = ['\x01', '\x02'] as const
export const timesPrefix = '\x00'
export const progressKey = '\xff'

/** Times of one key's windows, in order. */
export class Times implements Reserved {
  readonly list: readonly Timestamp[]

  constructor(list: readonly Timestamp[]) {
    this.list = list
  }

  write(writer: ByteWriter): void {
    writer.u8(timesTag).count(this.list.length)
    for (const time of this.list) writer.count(time)
  }

  static read(reader: ByteReader): Times {
    return new Times(Array.from({ length: reader.count() }, () => reader.count()))
  }
}

/** How far windows have come. */
export class RecordWindowProgress implements Reserved {
  /** Final windows before this entry were emitted. */
  emittedTo = ''
  /** The greatest time by which the store's readers tell what has expired. */
  newest: Timestamp = never
  /** The greatest time by which windows were closed. */
  closedTo: Timestamp = never
  time: WindowTime | undefined
  #changed = false

  static read(reader: ByteReader): RecordWindowProgress {
    const progress = new RecordWindowProgress()
    progress.emittedTo = reader.binary()
    progress.newest = reader.float64()
    progress.closedTo = reader.float64()
    return progress
  }

  emitted(bound: string): void {
    if (bound <= this.emittedTo) return
    this.emittedTo = bound
    this.#changed = true
  }

  put(time: Timestamp): void {
    if (time <= this.newest) return
    this.newest = time
    this.#changed = true
  }

  close(time: Timestamp): void {
    if (time <= this.closedTo) return
    this.closedTo = time
    this.#changed = true
  }

  takeChanged(): boolean {
    const changed = this.#changed
    this.#changed = false
    return changed
  }

  write(writer: ByteWriter): void {
    const { emittedTo, newest, closedTo } = this
    writer.u8(progressTag).binary(emittedTo).float64(newest).float64(closedTo)
    this.time?.write(writer)
  }
}

export type RecordWindowEntry = Kept | Times | RecordWindowProgress

/** @param makeTime from what the store says of it; undefined: it has never been written */
export function recordWindowDefinition(
  { name, logged }: { readonly name: string; readonly logged: boolean },
  aggregation: Aggregation,
  makeTime: (reader: ByteReader) => WindowTime
): StoreDefinition<RecordWindowEntry> {
  const writer = new ByteWriter()
  return {
    name,
    logged,
    codec: {
      encode(entry) {
        if (entry instanceof Kept) {
          writer.u32(Math.floor(entry.timestamp / 2 ** 32)).u32(entry.timestamp % 2 ** 32)
          aggregation.write(writer, entry.state)
        } else entry.write(writer)
        return writer.take()
      },
      decode(bytes) {
        const reader = new ByteReader(bytes)
        // The first byte of a time is 0 for longer than there will be windows.
        if (bytes[0] === 0) {
          const timestamp = reader.u32() * 2 ** 32 + reader.u32()
          return new Kept(aggregation.read(reader), timestamp)
        }
        if (reader.u8() === timesTag) return Times.read(reader)
        const progress = RecordWindowProgress.read(reader)
        progress.time = makeTime(reader)
        return progress
      },
    },
  }
}
