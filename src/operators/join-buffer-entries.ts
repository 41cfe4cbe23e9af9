/** The entries of a join's buffer: chunks of the list of a key and bucket, as objects and bytes. */
import type { StoreDefinition } from '../../state/contract.ts'
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { Timestamp } from '../ids.ts'
import type { Serde } from '../serde/serde.ts'
import { timeKey, u32Key } from './time-keys.ts'

const itemsMax = 32
const bytesMax = 32 * 1024

/** A record that waits to be joined; its value becomes one when it is first asked for. */
export class Buffered {
  readonly timestamp: Timestamp
  readonly bytes: Uint8Array
  #value: unknown

  constructor(timestamp: Timestamp, bytes: Uint8Array, value?: unknown) {
    this.timestamp = timestamp
    this.bytes = bytes
    this.#value = value
  }

  value(serde: Serde<unknown>): unknown {
    this.#value ??= serde.deserialize(this.bytes)
    return this.#value
  }
}

export class Chunk {
  readonly items: Buffered[]
  /** Of the first chunk of a list: how many others there are. */
  more: number
  bytes = 0

  constructor(items: Buffered[] = [], more = 0) {
    this.items = items
    this.more = more
    for (const item of items) this.bytes += item.bytes.length
  }

  get isFull(): boolean {
    return this.items.length >= itemsMax || this.bytes >= bytesMax
  }

  add(item: Buffered): void {
    this.items.push(item)
    this.bytes += item.bytes.length
  }
}

/** What was put so far, and where its buckets begin. */
export class Extent {
  readonly bucketMs: number
  observed: Timestamp

  constructor(bucketMs: number, observed: Timestamp) {
    this.bucketMs = bucketMs
    this.observed = observed
  }
}

export type JoinBufferEntry = Chunk | Extent

export function headKey(bucket: Timestamp, key: string): string {
  return `${timeKey(bucket)}\x00${key}`
}

export function moreKey(bucket: Timestamp, number: number, key: string): string {
  return `${timeKey(bucket)}\x01${u32Key(number)}${key}`
}

export function joinBufferDefinition(name: string): StoreDefinition<JoinBufferEntry> {
  const writer = new ByteWriter()
  return {
    name,
    logged: true,
    codec: {
      encode(stored) {
        if (stored instanceof Extent) {
          return writer.u8(1).float64(stored.observed).count(stored.bucketMs).take()
        }
        writer.u8(0).count(stored.more)
        for (const { timestamp, bytes } of stored.items) writer.count(timestamp).bytes(bytes)
        return writer.take()
      },
      decode(bytes) {
        const reader = new ByteReader(bytes)
        if (reader.u8() === 0) return readChunk(reader)
        const observed = reader.float64()
        return new Extent(reader.count(), observed)
      },
      sizeOf: (stored) => (stored instanceof Chunk ? 96 * stored.items.length + stored.bytes : 64),
    },
  }
}

function readChunk(reader: ByteReader): Chunk {
  const more = reader.count()
  const items: Buffered[] = []
  while (!reader.isDone) {
    const timestamp = reader.count()
    items.push(new Buffered(timestamp, new Uint8Array(reader.bytes())))
  }
  return new Chunk(items, more)
}
