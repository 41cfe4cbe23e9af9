/**
 * Cuts what a broker sends into answers, and tells the socket where to read to, so that a long
 * answer is read into the place where it stays.
 *
 *     socket ──▶ scratch: sizes, short answers (copied out), the beginnings of long ones
 *            ──▶ the rest of a long answer, and not a byte behind it
 *
 * Invariants: between two reads there is either an answer that is not complete, or the scratch
 * holds less than a size; an answer is handed out once, whole, with the size before it.
 */
import type { FrameBuffers } from './frame-buffers.ts'

const sizeBytes = 4
const scratchBytes = 16 * 1024
/** No broker sends as much: whoever is there does not speak Kafka's protocol. */
const frameBytesMax = 512 * 1024 * 1024

export class Frames {
  readonly #buffers: FrameBuffers
  readonly #onFrame: (frame: Buffer) => void
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes)
  /** Bytes at the beginning of the scratch: of a size that is not complete. */
  #kept = 0
  #frame: Buffer | undefined
  #filled = 0

  constructor(buffers: FrameBuffers, onFrame: (frame: Buffer) => void) {
    this.#buffers = buffers
    this.#onFrame = onFrame
  }

  /** Where the next bytes are to be written; never empty. */
  get room(): Uint8Array {
    if (this.#frame === undefined) return this.#scratch.subarray(this.#kept)
    return this.#frame.subarray(this.#filled)
  }

  /** So many bytes have been written into `room`. Throws a RangeError at a senseless size. */
  take(bytes: number): void {
    const frame = this.#frame
    if (frame === undefined) {
      this.#cut(this.#kept + bytes)
    } else {
      this.#filled += bytes
      if (this.#filled < frame.length) return
      this.#frame = undefined
      this.#onFrame(frame)
    }
  }

  #cut(end: number): void {
    const scratch = this.#scratch
    let at = 0
    this.#kept = 0
    while (end - at >= sizeBytes) {
      const size = scratch.readInt32BE(at) + sizeBytes
      if (size < sizeBytes || size > frameBytesMax) {
        throw new RangeError(`An answer of ${size - sizeBytes} bytes: not Kafka's protocol`)
      }
      const frame = this.#buffers.take(size)
      const here = Math.min(size, end - at)
      frame.set(scratch.subarray(at, at + here))
      at += here
      if (here < size) {
        this.#frame = frame
        this.#filled = here
        return
      }
      this.#onFrame(frame)
    }
    scratch.copyWithin(0, at, end)
    this.#kept = end - at
  }
}
