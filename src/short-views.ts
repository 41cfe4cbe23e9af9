/**
 * Short bytes for whoever looks at them at once: they are written to the same place each time, and
 * shown through one view per length, because making a view takes longer than copying so few.
 */

const bytesMax = 64

export class ShortViews {
  readonly #place = Buffer.allocUnsafeSlow(bytesMax)
  readonly #views: readonly Buffer[] = Array.from({ length: bytesMax + 1 }, (_, length) =>
    this.#place.subarray(0, length)
  )

  /** `bytes[start, end)`, until the next call; undefined: it is too long. */
  ofBytes(bytes: Uint8Array, start: number, end: number): Buffer | undefined {
    const length = end - start
    if (length > bytesMax) return undefined
    const place = this.#place
    for (let at = 0; at < length; at++) place[at] = bytes[start + at] as number
    return this.#views[length]
  }

  /** The bytes of a text with one char a byte, until the next call; undefined: it is too long. */
  ofLatin1(text: string): Buffer | undefined {
    const view = this.#views[text.length]
    if (view === undefined) return undefined
    for (let at = 0; at < text.length; at++) view[at] = text.charCodeAt(at)
    return view
  }

  /** The UTF-8 of a text, until the next call; undefined: it is too long, or not of ASCII alone. */
  ofAscii(text: string): Buffer | undefined {
    const view = this.#views[text.length]
    if (view === undefined) return undefined
    for (let at = 0; at < text.length; at++) {
      const char = text.charCodeAt(at)
      if (char > 0x7f) return undefined
      view[at] = char
    }
    return view
  }
}
