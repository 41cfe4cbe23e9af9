/**
 * Quantiles to within 1 % of the value, of any number of values: a DDSketch (Masson, Rim, Lee,
 * VLDB 2019). Values are counted in bins whose bounds grow by the factor γ = 1.01 / 0.99.
 *
 *     bin i ◀── (γ^(i − 1), γ^i]        one list for values above 0, one for those below
 *
 * Each list spans up to 2,048 bins, so that values within 17 powers of ten can be told apart; what
 * is nearer to 0 goes to its lowest bin. Values nearer to 0 than 1e-12 count as 0.
 *
 * Invariants: what was added and merged decides the bins, its order does not; equal bins are equal
 * bytes.
 */
import type { ByteReader, ByteWriter } from './bytes.ts'

const relativeError = 0.01
const growth = (1 + relativeError) / (1 - relativeError)
const logGrowth = Math.log(growth)
const binsMax = 2_048
const zeroUpTo = 1e-12

export class QuantileSketch {
  readonly #above = new Bins()
  readonly #below = new Bins()
  #zeros = 0
  #least = Number.POSITIVE_INFINITY
  #greatest = Number.NEGATIVE_INFINITY

  /** @param value finite */
  add(value: number): void {
    const size = Math.abs(value)
    if (size < zeroUpTo) this.#zeros += 1
    else (value > 0 ? this.#above : this.#below).add(Math.ceil(Math.log(size) / logGrowth), 1)
    this.#least = Math.min(this.#least, value)
    this.#greatest = Math.max(this.#greatest, value)
  }

  merge(other: QuantileSketch): void {
    this.#above.merge(other.#above)
    this.#below.merge(other.#below)
    this.#zeros += other.#zeros
    this.#least = Math.min(this.#least, other.#least)
    this.#greatest = Math.max(this.#greatest, other.#greatest)
  }

  /**
   * For each rank from 0 to 1, the value that this part of all values does not exceed; the least
   * and the greatest are exact. Null of nothing.
   */
  quantiles(ranks: readonly number[]): readonly (number | null)[] {
    const total = this.#below.total + this.#zeros + this.#above.total
    if (total === 0) return ranks.map(() => null)
    const steps = this.#steps()
    return ranks.map((rank) => {
      const place = Math.floor(rank * (total - 1))
      const step = steps.find(({ upTo }) => upTo > place)
      if (place === total - 1 || step === undefined) return this.#greatest
      if (place === 0) return this.#least
      return Math.min(this.#greatest, Math.max(this.#least, step.value))
    })
  }

  write(writer: ByteWriter): void {
    writer.count(this.#zeros).float64(this.#least).float64(this.#greatest)
    this.#below.write(writer)
    this.#above.write(writer)
  }

  static read(reader: ByteReader): QuantileSketch {
    const sketch = new QuantileSketch()
    sketch.#zeros = reader.count()
    sketch.#least = reader.float64()
    sketch.#greatest = reader.float64()
    sketch.#below.read(reader)
    sketch.#above.read(reader)
    return sketch
  }

  /** From the least value to the greatest, with how many values come up to there. */
  #steps(): readonly { readonly value: number; readonly upTo: number }[] {
    const below = this.#below.sorted().reverse()
    const bins: (readonly [value: number, count: number])[] = [
      ...below.map(([bin, count]) => [-middleOf(bin), count] as const),
      [0, this.#zeros],
      ...this.#above.sorted().map(([bin, count]) => [middleOf(bin), count] as const),
    ]
    let upTo = 0
    return bins.map(([value, count]) => {
      upTo += count
      return { value, upTo }
    })
  }
}

/** Within the relative error of everything in the bin. */
function middleOf(bin: number): number {
  return (2 * growth ** bin) / (growth + 1)
}

class Bins {
  readonly #counts = new Map<number, number>()
  #highest = Number.NEGATIVE_INFINITY
  total = 0

  add(bin: number, count: number): void {
    const place = Math.max(bin, this.#lowest)
    this.#counts.set(place, (this.#counts.get(place) ?? 0) + count)
    this.total += count
    if (bin > this.#highest) this.#raise(bin)
  }

  merge(other: Bins): void {
    for (const [bin, count] of other.#counts) this.add(bin, count)
  }

  sorted(): [bin: number, count: number][] {
    return [...this.#counts].sort(([a], [b]) => a - b)
  }

  write(writer: ByteWriter): void {
    writer.count(this.#counts.size)
    let before = 0
    for (const [bin, count] of this.sorted()) {
      // Only the first one may be below the one before, which is 0.
      writer.u8(bin < before ? 1 : 0).count(Math.abs(bin - before))
      writer.count(count)
      before = bin
    }
  }

  read(reader: ByteReader): void {
    let bin = 0
    for (let left = reader.count(); left > 0; left--) {
      bin += reader.u8() === 1 ? -reader.count() : reader.count()
      this.add(bin, reader.count())
    }
  }

  get #lowest(): number {
    return this.#highest - binsMax + 1
  }

  #raise(bin: number): void {
    this.#highest = bin
    if (this.#counts.size < 2) return
    for (const [known, count] of [...this.#counts]) {
      if (known >= this.#lowest) continue
      this.#counts.delete(known)
      this.#counts.set(this.#lowest, (this.#counts.get(this.#lowest) ?? 0) + count)
    }
  }
}
