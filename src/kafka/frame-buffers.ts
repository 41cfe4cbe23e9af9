/**
 * Memory for long answers, used again once all that looked into an answer are done with it: taken
 * anew each time, it would have the garbage collector look at everything each few dozen answers.
 *
 *     take() ──▶ the answer is read into it ──▶ use() for each part ──▶ released by all ──▶ free
 *
 * Invariants: what was taken is not free before it was used, and each use was released; what is
 * never released is left to the garbage collector, so forgetting costs time, never correctness;
 * what is kept free is bounded in bytes.
 */

/** Shorter ones are not worth the trouble. */
const bytesMin = 32 * 1024
/** Sizes vary a little from answer to answer. */
const stepBytes = 256 * 1024

export interface FrameUse {
  /** Nobody will look at the bytes any more. Once. */
  release(): void
}

const unused: FrameUse = Object.freeze({ release: () => undefined })

interface Frame {
  readonly whole: Buffer
  uses: number
}

export class FrameBuffers {
  readonly #bytesMax: number
  readonly #taken = new WeakMap<ArrayBufferLike, Frame>()
  /** The one released last at the end: it is the likeliest to be in the processor's cache. */
  readonly #free: Buffer[] = []
  #freeBytes = 0

  constructor(bytesMax = 8 * 1024 * 1024) {
    this.#bytesMax = bytesMax
  }

  /** So many bytes, with anything in them. */
  take(bytes: number): Buffer {
    if (bytes < bytesMin) return Buffer.allocUnsafe(bytes)
    const index = this.#free.findLastIndex(({ length }) => length >= bytes)
    const [found] = index < 0 ? [] : this.#free.splice(index, 1)
    this.#freeBytes -= found?.length ?? 0
    const whole = found ?? Buffer.allocUnsafeSlow(Math.ceil(bytes / stepBytes) * stepBytes)
    this.#taken.set(whole.buffer, { whole, uses: 0 })
    return whole.subarray(0, bytes)
  }

  /** Keeps what the view shows as it is, until it is released. */
  use(view: Uint8Array): FrameUse {
    const frame = this.#taken.get(view.buffer)
    if (frame === undefined) return unused
    frame.uses++
    let isReleased = false
    return {
      release: () => {
        if (isReleased) return
        isReleased = true
        if (--frame.uses === 0) this.#put(frame.whole)
      },
    }
  }

  #put(whole: Buffer): void {
    this.#taken.delete(whole.buffer)
    if (this.#freeBytes + whole.length > this.#bytesMax) return
    this.#free.push(whole)
    this.#freeBytes += whole.length
  }
}
