/**
 * Stream time as the compatible layer has it: the greatest timestamp that an operator has seen, or
 * that each input of a cogroup has.
 */
import type { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { Timestamp } from '../ids.ts'
import type { CogroupValue } from './cogroup-value.ts'
import type { WindowTime } from './window-time.ts'

const never = Number.NEGATIVE_INFINITY

export class StreamTime implements WindowTime {
  #observed: Timestamp
  #changed = false

  constructor(reader: ByteReader | undefined) {
    this.#observed = reader?.float64() ?? never
  }

  get closing(): Timestamp {
    return this.#observed
  }

  judge(t: Timestamp): Timestamp {
    if (t > this.#observed) {
      this.#observed = t
      this.#changed = true
    }
    return this.#observed
  }

  takeMark(): boolean {
    return false
  }

  takeChanged(): boolean {
    const changed = this.#changed
    this.#changed = false
    return changed
  }

  write(writer: ByteWriter): void {
    writer.float64(this.#observed)
  }
}

/** Of a cogroup: the stream time of each input; windows close by the least of them. */
export class InputTimes implements WindowTime {
  readonly #times: Timestamp[]
  #changed = false

  constructor(inputs: number, reader: ByteReader | undefined) {
    this.#times = Array.from({ length: inputs }, () => reader?.float64() ?? never)
  }

  get closing(): Timestamp {
    return Math.min(...this.#times)
  }

  judge(t: Timestamp, value: unknown): Timestamp {
    const { input } = value as CogroupValue
    const known = this.#times[input] ?? never
    if (t <= known) return known
    this.#times[input] = t
    this.#changed = true
    return t
  }

  takeMark(): boolean {
    return false
  }

  takeChanged(): boolean {
    const changed = this.#changed
    this.#changed = false
    return changed
  }

  write(writer: ByteWriter): void {
    for (const time of this.#times) writer.float64(time)
  }
}

/** Of the compatible layer. */
export function streamTimeOf(
  inputs: number | undefined,
  reader: ByteReader | undefined
): WindowTime {
  return inputs === undefined ? new StreamTime(reader) : new InputTimes(inputs, reader)
}
