/** Records on their way into the log, encoded as they come, by topic and partition. */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import { PartitionMap } from '../partition-map.ts'
import type { RecordHeaders } from '../record.ts'
import type { OutputBatch } from '../runtime/ports.ts'
import { ChunkBuilder } from './chunk.ts'

/** Small enough to be decoded within a time slice, large enough that its header does not count. */
const chunkBytesMax = 64 * 1024

/** The records of one partition; the last builder takes more. */
export interface PartitionRecords {
  readonly builders: ChunkBuilder[]
  /** Whether a record has no key: compacted topics refuse those. */
  keyless: boolean
}

export class EmbeddedBatch implements OutputBatch {
  readonly partitions = new PartitionMap<PartitionRecords>(() => ({ builders: [], keyless: false }))
  #bytes = 0
  #records = 0
  #sealed = false

  get bytes(): number {
    return this.#bytes
  }

  get records(): number {
    return this.#records
  }

  append(
    topic: string,
    partition: number,
    timestamp: Timestamp,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers?: RecordHeaders
  ): void {
    assert(!this.#sealed, 'a batch takes no records after its commit began')
    if (!Number.isSafeInteger(timestamp)) {
      throw new TypeError(`A timestamp in whole milliseconds is needed for ${topic}: ${timestamp}`)
    }
    const records = this.partitions.of(topic, partition)
    let builder = records.builders.at(-1)
    if (builder === undefined || builder.bytes >= chunkBytesMax) {
      builder = new ChunkBuilder()
      records.builders.push(builder)
      this.#bytes += builder.bytes
    }
    if (key === null) records.keyless = true
    const before = builder.bytes
    builder.append(timestamp, key, value, headers)
    this.#bytes += builder.bytes - before
    this.#records++
  }

  /** No records from here on. */
  seal(): void {
    this.#sealed = true
  }
}
