/** How fast counters grow, over the last few times that they were looked at. */

const windowMs = 15_000

export class Rates {
  /** Oldest first: { at, values }. */
  #samples = []

  /** `values`: a map of totals. One that has become less was begun anew, and all with it. */
  add(at, values) {
    const before = this.#samples.at(-1)?.values
    const isAnew =
      before !== undefined && [...values].some(([key, value]) => value < before.get(key))
    if (isAnew) this.#samples = []
    this.#samples.push({ at, values })
    const last = (sample) => at - sample.at <= windowMs
    while (this.#samples.length > 2 && !last(this.#samples[0])) this.#samples.shift()
  }

  /** A second; null before there are two samples of it. */
  of(key) {
    const [first, last] = [
      this.#samples.find(({ values }) => values.has(key)),
      this.#samples.at(-1),
    ]
    if (first === undefined || first === last || !last.values.has(key)) return null
    return ((last.values.get(key) - first.values.get(key)) * 1_000) / (last.at - first.at)
  }
}
