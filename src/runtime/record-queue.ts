/**
 * The records of one source partition on their way into a task: decodes the head, takes its event
 * time, and steps over what is rejected.
 *
 *     reader ──fill()──▶ head (key, value, timestamp) ──process──▶ done() ──fill()──▶ …
 *
 * Invariants: `position` is the first offset that is not done; a rejected record is done, and moves
 * no time; the reader stays on the head until the next `fill`.
 */
import { present } from '../assert.ts'
import type { Clock } from '../clock.ts'
import { RejectedRecordError } from '../errors.ts'
import type { Offset, Timestamp } from '../ids.ts'
import type { Receiver } from '../processor/operator.ts'
import type { BytesReader, RecordCursor, RecordHeaders } from '../record.ts'
import { inPlaceReader } from '../serde/in-place.ts'
import type { Serde } from '../serde/serde.ts'
import { steadyOf } from '../steady-clock.ts'
import type { PlannedSource } from './plan.ts'
import type { FetchAnswer, SourceReader } from './ports.ts'

/** Why the head was refused. */
export type OnRejected = (queue: RecordQueue, reason: string, cause: unknown) => void

export class RecordQueue {
  readonly index: number
  readonly source: PlannedSource
  readonly receiver: Receiver
  readonly #reader: SourceReader
  readonly #startsPlaced: boolean
  readonly #clock: Clock
  readonly #onRejected: OnRejected
  /** Undefined: the serde wants a view. */
  readonly #readKey: BytesReader<unknown> | undefined
  readonly #readValue: BytesReader<unknown> | undefined
  #hasHead = false
  #key: unknown = null
  #value: unknown = null
  #timestamp: Timestamp = 0
  #bytes = 0

  constructor(
    index: number,
    source: PlannedSource,
    receiver: Receiver,
    reader: SourceReader,
    startsPlaced: boolean,
    clock: Clock,
    onRejected: OnRejected
  ) {
    this.index = index
    this.source = source
    this.receiver = receiver
    this.#reader = reader
    this.#startsPlaced = startsPlaced
    this.#clock = clock
    this.#onRejected = onRejected
    const { spec, node } = source
    // Bytes that nobody reads stay undecoded: what is passed on is only whether they are there.
    this.#readKey = node.readsKey ? inPlaceReader(spec.key) : nothing
    this.#readValue = node.readsValue ? inPlaceReader(spec.value) : nothing
  }

  get key(): unknown {
    return this.#key
  }

  get value(): unknown {
    return this.#value
  }

  get timestamp(): Timestamp {
    return this.#timestamp
  }

  get headers(): RecordHeaders {
    return this.#reader.headers
  }

  /** The head as it lies in the log, or what was rejected last. */
  get raw(): RecordCursor {
    return this.#reader
  }

  /** Of the head, or of the record just done. */
  get offset(): Offset {
    return this.#reader.offset
  }

  /** Whether `position` is a place in the log: not so before the first answer, from 'earliest'. */
  get isPlaced(): boolean {
    return this.#startsPlaced || this.#reader.answer !== undefined
  }

  /** Where to resume after a commit now. */
  get position(): Offset {
    return this.#hasHead ? this.#reader.offset : this.#reader.position
  }

  /** Of the leader that took what is before `position`, as far as is known. */
  get leaderEpoch(): number | undefined {
    return this.#reader.epochAt?.(this.position)
  }

  get answer(): FetchAnswer | undefined {
    return this.#reader.answer
  }

  /** Decoded bytes since the last call: what the loop's turns are measured in. */
  takeBytes(): number {
    const bytes = this.#bytes
    this.#bytes = 0
    return bytes
  }

  /** Makes sure that there is a head, if a record is here. */
  fill(): boolean {
    if (this.#hasHead) return true
    while (this.#reader.advance()) {
      const reason = this.#decode()
      if (reason === undefined) {
        this.#hasHead = true
        return true
      }
    }
    return false
  }

  /** The head has been processed. */
  done(): void {
    this.#hasHead = false
    this.#key = null
    this.#value = null
  }

  close(): void {
    this.#hasHead = false
    this.#reader.close()
  }

  /** The reason of a rejection, or undefined if the head is good. */
  #decode(): string | undefined {
    const { spec } = this.source
    const reader = this.#reader
    const { keyLength, valueLength } = reader
    this.#bytes += Math.max(0, keyLength) + Math.max(0, valueLength)
    try {
      this.#key = keyLength < 0 ? ofNull(spec.key, 'null_key') : this.#decodedKey()
      this.#value = valueLength < 0 ? ofNull(spec.value, 'null_value') : this.#decodedValue()
    } catch (error) {
      return this.#reject(error instanceof RejectedRecordError ? error.reason : 'decode', error)
    }
    return this.#takeTime()
  }

  #decodedKey(): unknown {
    if (this.#readKey !== undefined) return this.#reader.readKey(this.#readKey)
    return this.source.spec.key.deserialize(present(this.#reader.key, 'a key that is not null'))
  }

  #decodedValue(): unknown {
    if (this.#readValue !== undefined) return this.#reader.readValue(this.#readValue)
    const { value } = this.#reader
    return this.source.spec.value.deserialize(present(value, 'a value that is not null'))
  }

  #takeTime(): string | undefined {
    const { timestamp: extract, keepsTimeOfNull, maxFutureMs } = this.source.spec
    let time = this.#reader.timestamp
    if (extract !== undefined && !(keepsTimeOfNull && this.#value === null)) {
      try {
        time = extract(this.#value, this.#key)
      } catch (error) {
        const reason = error instanceof RejectedRecordError ? error.reason : 'no_timestamp'
        return this.#reject(reason, error)
      }
    }
    if (!Number.isSafeInteger(time) || time < 0) return this.#reject('no_timestamp', undefined)
    if (maxFutureMs !== undefined && this.#isAhead(time - maxFutureMs)) {
      return this.#reject('future', undefined)
    }
    this.#timestamp = time
    return undefined
  }

  /** By the wall clock, unless that has just been set back: good records must not go for it. */
  #isAhead(time: Timestamp): boolean {
    return time > this.#clock.now() && time > steadyOf(this.#clock).now()
  }

  #reject(reason: string, cause: unknown): string {
    this.done()
    this.#onRejected(this, reason, cause)
    return reason
  }
}

function nothing(): undefined {
  return undefined
}

function ofNull(serde: Serde<unknown>, reason: string): unknown {
  if (serde.deserializeNull === undefined) throw new RejectedRecordError(reason)
  return serde.deserializeNull()
}
