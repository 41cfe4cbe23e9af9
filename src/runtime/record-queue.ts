/**
 * The records of one source partition on their way into a task: decodes the head, takes its event
 * time, and steps over what is rejected.
 *
 *     reader ──fill()──▶ head (key, value, timestamp) ──process──▶ done() ──fill()──▶ …
 *
 * A serde that must learn something first lets the record wait: the reader stays on it, it is not
 * done, and is decoded again when the serde may be asked again.
 *
 * Invariants: `position` is the first offset that is not done; a rejected record is done, and moves
 * no time; the reader stays on the head until the next `fill`.
 */
import { present } from '../assert.ts'
import type { Clock } from '../clock.ts'
import { NotReadyError, RejectedRecordError } from '../errors.ts'
import type { Offset, Timestamp } from '../ids.ts'
import type { Receiver } from '../processor/operator.ts'
import type { BytesReader, RecordCursor, RecordHeaders } from '../record.ts'
import { inPlaceReader } from '../serde/in-place.ts'
import type { Serde } from '../serde/serde.ts'
import { steadyOf } from '../steady-clock.ts'
import type { PlannedSource } from './plan.ts'
import type { FetchAnswer, SourceReader } from './ports.ts'

export interface QueueListener {
  /** Why the head was refused. */
  rejected(queue: RecordQueue, reason: string, cause: unknown): void
  /** The record that has waited may be looked at again. */
  wake(): void
}

/** A record that its serde cannot read yet. */
export interface WaitingRecord {
  /** By the wall clock. */
  readonly since: Timestamp
  readonly error: NotReadyError
}

const waits = Symbol('waits')

export class RecordQueue {
  readonly index: number
  readonly source: PlannedSource
  readonly receiver: Receiver
  readonly #reader: SourceReader
  readonly #startsPlaced: boolean
  readonly #clock: Clock
  readonly #listener: QueueListener
  /** Undefined: the serde wants a view. */
  readonly #readKey: BytesReader<unknown> | undefined
  readonly #readValue: BytesReader<unknown> | undefined
  #hasHead = false
  #waiting: WaitingRecord | undefined
  #mayTryAgain = false
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
    listener: QueueListener
  ) {
    this.index = index
    this.source = source
    this.receiver = receiver
    this.#reader = reader
    this.#startsPlaced = startsPlaced
    this.#clock = clock
    this.#listener = listener
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
    const isOnRecord = this.#hasHead || this.#waiting !== undefined
    return isOnRecord ? this.#reader.offset : this.#reader.position
  }

  /** What the next record waits for; undefined: it does not, or is not here. */
  get waiting(): WaitingRecord | undefined {
    return this.#waiting
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
    if (this.#waiting !== undefined && !this.#mayTryAgain) return false
    while (this.#waiting !== undefined || this.#reader.advance()) {
      const reason = this.#decode()
      if (reason === waits) return false
      this.#waiting = undefined
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
    this.#waiting = undefined
    this.#reader.close()
  }

  /** The reason of a rejection, or undefined if the head is good. */
  #decode(): string | typeof waits | undefined {
    const { spec } = this.source
    const reader = this.#reader
    const { keyLength, valueLength } = reader
    this.#bytes += Math.max(0, keyLength) + Math.max(0, valueLength)
    try {
      this.#key = keyLength < 0 ? ofNull(spec.key, 'null_key') : this.#decodedKey()
      this.#value = valueLength < 0 ? ofNull(spec.value, 'null_value') : this.#decodedValue()
    } catch (error) {
      if (error instanceof NotReadyError) return this.#wait(error)
      return this.#reject(error instanceof RejectedRecordError ? error.reason : 'decode', error)
    }
    return this.#takeTime()
  }

  #wait(error: NotReadyError): typeof waits {
    this.#waiting = { since: this.#waiting?.since ?? this.#clock.now(), error }
    this.#mayTryAgain = false
    const again = (): void => {
      if (this.#waiting?.error !== error) return
      this.#mayTryAgain = true
      this.#listener.wake()
    }
    error.ready.then(again, again)
    return waits
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
    this.#listener.rejected(this, reason, cause)
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
