/**
 * The records on their way out, of all tasks of the process: they share one transaction. Sealing
 * hands the filled batch to the commit and starts the next; dropping forgets what is unsent.
 */
import type { Timestamp } from '../ids.ts'
import type { RecordHeaders } from '../record.ts'
import type { Log, OutputBatch } from './ports.ts'

export class Outputs {
  readonly #log: Log
  #batch: OutputBatch

  constructor(log: Log) {
    this.#log = log
    this.#batch = log.createBatch()
  }

  get bytes(): number {
    return this.#batch.bytes
  }

  append(
    topic: string,
    partition: number,
    timestamp: Timestamp,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers?: RecordHeaders
  ): void {
    this.#batch.append(topic, partition, timestamp, key, value, headers)
  }

  seal(): OutputBatch {
    const sealed = this.#batch
    this.#batch = this.#log.createBatch()
    return sealed
  }

  drop(): void {
    if (this.#batch.records > 0) this.#batch = this.#log.createBatch()
  }
}
