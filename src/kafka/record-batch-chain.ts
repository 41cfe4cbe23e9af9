/** Records for one partition, as many batches as the size of a batch asks for. */
import type { Timestamp } from '../ids.ts'
import type { RecordHeaders } from '../record.ts'
import { codecOf } from './compression.ts'
import { at, attribute } from './record-batch.ts'
import { BatchCursor } from './record-batch-cursor.ts'
import type { SealOptions } from './record-batch-encoder.ts'
import { RecordBatchEncoder, recordBytesMax } from './record-batch-encoder.ts'

/** Below the default of `max.message.bytes`, which counts the header too. */
const batchBytesMaxDefault = 1_000_000

/** A batch that has no producer yet. */
export interface SealedBatch {
  readonly bytes: Buffer
  readonly records: number
}

export interface BatchChainOptions extends SealOptions {
  /** Uncompressed; one record alone may exceed it. Default 1,000,000. */
  readonly batchBytesMax?: number
}

export class BatchChain {
  readonly #options: BatchChainOptions
  readonly #batchBytesMax: number
  readonly #encoder = new RecordBatchEncoder()
  #sealed: SealedBatch[] = []
  #sealedBytes = 0
  #sealedRecords = 0

  constructor(options: BatchChainOptions = {}) {
    this.#options = options
    this.#batchBytesMax = options.batchBytesMax ?? batchBytesMaxDefault
  }

  get bytes(): number {
    return this.#sealedBytes + (this.#encoder.records === 0 ? 0 : this.#encoder.bytes)
  }

  get records(): number {
    return this.#sealedRecords + this.#encoder.records
  }

  /** Copies key, value and headers; `recordBytes`: what `recordBytesMax` says of them. */
  append(
    timestamp: Timestamp,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers?: RecordHeaders,
    recordBytes = recordBytesMax(key, value, headers)
  ): void {
    if (this.#encoder.bytes + recordBytes > this.#batchBytesMax) this.#seal()
    this.#encoder.append(timestamp, key, value, headers)
  }

  /** All of it, in order; the chain is empty afterwards. */
  take(): readonly SealedBatch[] {
    this.#seal()
    const sealed = this.#sealed
    this.#sealed = []
    this.#sealedBytes = 0
    this.#sealedRecords = 0
    return sealed
  }

  #seal(): void {
    const { records } = this.#encoder
    if (records === 0) return
    const bytes = this.#encoder.seal(this.#options)
    this.#sealed.push({ bytes, records })
    this.#sealedBytes += bytes.length
    this.#sealedRecords += records
  }
}

/**
 * Two batches with the same records as the one, in the same order, with no producer yet; undefined
 * if there is only one record. For a broker that found the batch too large.
 */
export function splitBatch(batch: Buffer): readonly [SealedBatch, SealedBatch] | undefined {
  const count = batch.readInt32BE(at.count)
  if (count < 2) return undefined
  const codec = codecOf(batch.readInt16BE(at.attributes) & attribute.codec)
  const cursor = new BatchCursor(batch, { from: 0, partition: 'the batch to split' })
  const half = (records: number): SealedBatch => {
    const encoder = new RecordBatchEncoder({ bytes: batch.length })
    for (let i = 0; i < records; i++) {
      cursor.advance()
      encoder.append(cursor.timestamp, cursor.key, cursor.value, cursor.headers)
    }
    return { bytes: encoder.seal({ codec }), records }
  }
  const first = half(count >>> 1)
  return [first, half(count - first.records)]
}
