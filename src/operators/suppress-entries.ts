/** What a suppressed table holds back, and how it lies in its store. */
import type { StoreDefinition } from '../../state/contract.ts'
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { Timestamp } from '../ids.ts'
import type { RecordHeaders } from '../record.ts'
import type { Serde } from '../serde/serde.ts'

interface HeldChange {
  /** What it waits from. */
  readonly time: Timestamp
  readonly timestamp: Timestamp
  readonly newValue: unknown
  /** What downstream knows. */
  readonly oldValue: unknown
  /** Bytes, as they count for the limit. */
  readonly size: number
  readonly headers: RecordHeaders
}

export class Held implements HeldChange {
  readonly time: Timestamp
  readonly timestamp: Timestamp
  readonly newValue: unknown
  readonly oldValue: unknown
  readonly size: number
  readonly headers: RecordHeaders

  constructor({ time, timestamp, newValue, oldValue, size, headers }: HeldChange) {
    this.time = time
    this.timestamp = timestamp
    this.newValue = newValue
    this.oldValue = oldValue
    this.size = size
    this.headers = headers
  }
}

export class SuppressProgress {
  streamTime: Timestamp = Number.NEGATIVE_INFINITY
  records = 0
  bytes = 0
  #changed = false

  hold(timestamp: Timestamp, held: Held, before: Held | undefined): void {
    this.streamTime = Math.max(this.streamTime, timestamp)
    this.records += before === undefined ? 1 : 0
    this.bytes += held.size - (before?.size ?? 0)
    this.#changed = true
  }

  letGo({ size }: Held): void {
    this.records -= 1
    this.bytes -= size
    this.#changed = true
  }

  takeChanged(): boolean {
    const changed = this.#changed
    this.#changed = false
    return changed
  }
}

/** The place of a change in the order; it says all by its key. */
export const mark = Symbol('order')

export type SuppressEntry = Held | SuppressProgress | typeof mark

const noBytes = new Uint8Array(0)
const [heldTag, progressTag] = [1, 2]

export function suppressDefinition(spec: {
  readonly name: string
  readonly logged: boolean
  readonly value: Serde<unknown>
}): StoreDefinition<SuppressEntry> {
  const { name, logged, value: serde } = spec
  const writer = new ByteWriter()
  return {
    name,
    logged,
    codec: {
      encode(entry) {
        if (entry === mark) return noBytes
        if (entry instanceof Held) writeHeld(writer, entry, serde)
        else {
          const { streamTime, records, bytes } = entry
          writer.u8(progressTag).float64(streamTime).count(records).count(bytes)
        }
        return writer.take()
      },
      decode(bytes) {
        if (bytes.length === 0) return mark
        const reader = new ByteReader(bytes)
        return reader.u8() === heldTag ? readHeld(reader, serde) : readProgress(reader)
      },
    },
  }
}

function writeHeld(writer: ByteWriter, held: Held, serde: Serde<unknown>): void {
  const { time, timestamp, newValue, oldValue, size, headers } = held
  writer.u8(heldTag).count(time).count(timestamp).count(size).count(headers.length)
  for (const [name, value] of headers) {
    writer.bytes(Buffer.from(name))
    writeOptional(writer, value)
  }
  for (const value of [newValue, oldValue]) {
    writeOptional(writer, value === null ? null : serde.serialize(value))
  }
}

function readHeld(reader: ByteReader, serde: Serde<unknown>): Held {
  const [time, timestamp, size] = [reader.count(), reader.count(), reader.count()]
  const headers = Array.from({ length: reader.count() }, () => {
    const name = Buffer.from(reader.bytes()).toString()
    return [name, readOptional(reader)] as const
  })
  const values = [0, 1].map(() => {
    const bytes = readOptional(reader)
    return bytes === null ? null : serde.deserialize(bytes)
  })
  const [newValue, oldValue] = values
  return new Held({ time, timestamp, newValue, oldValue, size, headers: headers as RecordHeaders })
}

function readProgress(reader: ByteReader): SuppressProgress {
  const progress = new SuppressProgress()
  progress.streamTime = reader.float64()
  progress.records = reader.count()
  progress.bytes = reader.count()
  return progress
}

function writeOptional(writer: ByteWriter, bytes: Uint8Array | null): void {
  if (bytes === null) writer.u8(0)
  else writer.u8(1).bytes(bytes)
}

function readOptional(reader: ByteReader): Uint8Array | null {
  return reader.u8() === 0 ? null : Uint8Array.prototype.slice.call(reader.bytes())
}
