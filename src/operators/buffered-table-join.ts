/**
 * `stream.join('n', table, …, { grace })`: records wait until the time of the stream has passed
 * them by the grace, so that late rows of a versioned table are there. The buffer is a store:
 *
 *     time (8), key, number (8) → key, value, headers    in the order in which they go out
 *     ff                        → the newest time, the next number
 *
 * Invariants: records go out by time, by key, then as they came; one that is older than the newest
 * by more than the grace is joined at once; nothing goes out twice, for what goes out is deleted
 * with it.
 */
import type { KeyValueState, StoreDefinition } from '../../state/contract.ts'
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { Timestamp } from '../ids.ts'
import type { TaskContext } from '../processor/operator.ts'
import type { RecordHeaders } from '../record.ts'
import type { Serde } from '../serde/serde.ts'
import { binaryText } from '../serde/text.ts'
import { bytesOf } from './sink.ts'
import { StreamTableJoinOperator, type StreamTableJoinSpec } from './stream-table-join.ts'
import { readTime, timeKey } from './time-keys.ts'

export interface BufferedTableJoinSpec extends StreamTableJoinSpec {
  /** Of the buffer. */
  readonly store: string
  readonly graceMs: number
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
}

interface Waiting {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
  readonly headers: RecordHeaders
}

interface Progress {
  readonly newest: Timestamp
  readonly next: number
}

const reservedKey = '\xff'
/** Records of one step; the task looks up between two steps. */
const stepMax = 1_000

/** `orders.join('priced', prices, price, { grace: '10s' })` */
export class BufferedTableJoinOperator extends StreamTableJoinOperator {
  readonly #spec: BufferedTableJoinSpec
  #context!: TaskContext
  #store!: KeyValueState<Waiting | Progress>
  #progress: Progress = { newest: Number.NEGATIVE_INFINITY, next: 0 }
  readonly #release = (): Promise<boolean> => this.#releaseSome()

  constructor(spec: BufferedTableJoinSpec) {
    super(spec)
    this.#spec = spec
  }

  override init(context: TaskContext): void {
    super.init(context)
    this.#context = context
    this.#store = context.store(definition(this.#spec.store))
    this.#progress = (this.#store.get(reservedKey) as Progress | undefined) ?? this.#progress
  }

  override process(key: unknown, value: unknown, timestamp: Timestamp): void {
    if (!this.takes(key, value)) return
    const { newest, next } = this.#progress
    const keyBytes = bytesOf(this.#spec.key, key)
    if (keyBytes === null || newest - this.#spec.graceMs > timestamp) {
      this.join(key, value, timestamp)
      return
    }
    const { headers } = this.#context.record
    const waiting = { key: keyBytes, value: bytesOf(this.#spec.value, value), headers }
    this.#store.put(timeKey(timestamp) + binaryText(keyBytes) + timeKey(next), waiting)
    this.#progress = { newest: Math.max(newest, timestamp), next: next + 1 }
    this.#store.put(reservedKey, this.#progress)
    this.#context.afterRecord(this.#release)
  }

  async #releaseSome(): Promise<boolean> {
    const until = this.#progress.newest - this.#spec.graceMs
    if (until < 0) return false
    const due: (readonly [string, Waiting])[] = []
    for await (const [entry, waiting] of this.#store.range('', timeKey(until + 1))) {
      due.push([entry, waiting as Waiting])
      if (due.length === stepMax) break
    }
    for (const [entry, { key, value, headers }] of due) {
      this.#store.delete(entry)
      const [own, row] = [this.#spec.key.deserialize(key), value && this.#read(value)]
      this.#context.withHeaders(headers, () => this.join(own, row, readTime(entry)))
    }
    return due.length === stepMax
  }

  #read(bytes: Uint8Array): unknown {
    return this.#spec.value.deserialize(bytes)
  }
}

function definition(name: string): StoreDefinition<Waiting | Progress> {
  const writer = new ByteWriter()
  return {
    name,
    logged: true,
    codec: {
      encode(entry) {
        if ('newest' in entry) return writer.u8(0).float64(entry.newest).count(entry.next).take()
        const { key, value, headers } = entry
        writer.u8(value === null ? 1 : 2).bytes(key)
        if (value !== null) writer.bytes(value)
        writer.count(headers.length)
        for (const [header, bytes] of headers) {
          writer.bytes(Buffer.from(header)).u8(bytes === null ? 0 : 1)
          if (bytes !== null) writer.bytes(bytes)
        }
        return writer.take()
      },
      decode(bytes) {
        const reader = new ByteReader(bytes)
        const kind = reader.u8()
        if (kind === 0) return { newest: reader.float64(), next: reader.count() }
        const key = reader.bytes()
        const value = kind === 1 ? null : reader.bytes()
        const headers = Array.from({ length: reader.count() }, () => {
          const header = Buffer.from(reader.bytes()).toString()
          return [header, reader.u8() === 0 ? null : reader.bytes()] as const
        })
        return { key, value, headers }
      },
    },
  }
}
