/** A log in memory, as far as rooms need one that only append and read: a fake of the port. */
import type { Offset, TopicPartition } from '../../src/ids.ts'
import type { BytesReader, RecordHeaders } from '../../src/record.ts'
import type {
  AppendRecord,
  FetchAnswer,
  Log,
  ReaderOptions,
  SourceReader,
} from '../../src/runtime/ports.ts'
import { HeldRecord } from './held-record.ts'

export class MemoryLog implements Pick<Log, 'append' | 'partitions' | 'read'> {
  readonly records = new Map<string, AppendRecord[]>()
  readonly #readers = new Set<MemoryReader>()
  /** Thrown by the next append. */
  failure: Error | undefined

  get readers(): number {
    return this.#readers.size
  }

  topic(name: string): AppendRecord[] {
    let records = this.records.get(name)
    if (records === undefined) this.records.set(name, (records = []))
    return records
  }

  async partitions(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return new Map(topics.map((topic) => [topic, 1]))
  }

  async append(topic: string, records: readonly AppendRecord[]): Promise<void> {
    const failure = this.failure
    this.failure = undefined
    if (failure !== undefined) throw failure
    this.topic(topic).push(...records)
    for (const reader of this.#readers) if (reader.topic === topic) reader.wake()
  }

  read({ topic }: TopicPartition, from: Offset | 'earliest', options: ReaderOptions = {}) {
    const forget = (reader: MemoryReader): void => void this.#readers.delete(reader)
    const reader = new MemoryReader(topic, from, this.topic(topic), options, forget)
    this.#readers.add(reader)
    reader.wake()
    return reader
  }
}

class MemoryReader implements SourceReader {
  readonly topic: string
  readonly partition = 0
  position: Offset
  answer: FetchAnswer | undefined
  readonly #records: readonly AppendRecord[]
  readonly #options: ReaderOptions
  readonly #closed: (reader: MemoryReader) => void
  #record = new HeldRecord({ offset: -1 })

  constructor(
    topic: string,
    from: Offset | 'earliest',
    records: readonly AppendRecord[],
    options: ReaderOptions,
    closed: (reader: MemoryReader) => void
  ) {
    this.topic = topic
    this.position = from === 'earliest' ? 0 : from
    this.#records = records
    this.#options = options
    this.#closed = closed
  }

  get offset(): Offset {
    return this.#record.offset
  }

  get timestamp(): number {
    return this.#record.timestamp
  }

  get key(): Uint8Array | null {
    return this.#record.key
  }

  get value(): Uint8Array | null {
    return this.#record.value
  }

  get headers(): RecordHeaders {
    return this.#record.headers
  }

  get keyLength(): number {
    return this.#record.keyLength
  }

  get valueLength(): number {
    return this.#record.valueLength
  }

  readKey<T>(read: BytesReader<T>): T {
    return this.#record.readKey(read)
  }

  readValue<T>(read: BytesReader<T>): T {
    return this.#record.readValue(read)
  }

  readHeader<T>(name: Uint8Array, read: BytesReader<T>): T | undefined {
    return this.#record.readHeader(name, read)
  }

  advance(): boolean {
    if (this.answer === undefined || this.position >= this.answer.highWatermark) return false
    const offset = this.position++
    this.#record = new HeldRecord({ ...this.#records[offset], offset })
    return true
  }

  close(): void {
    this.#closed(this)
  }

  /** A fetch is answered, on a later turn of the loop. */
  wake(): void {
    setImmediate(() => {
      const highWatermark = this.#records.length
      this.answer = { sentAt: 0, answeredAt: 0, logStart: 0, highWatermark }
      this.#options.onData?.()
    })
  }
}
