/** The rows that the page knows, by metric and the end of their window. */
import { dayMs } from './time.mjs'

const keepMs = 10 * dayMs

export class Rows {
  #series = new Map()

  put(row) {
    const series = this.#series.get(row.metric) ?? new Map()
    this.#series.set(row.metric, series)
    series.set(row.windowEnd, row)
  }

  at(metric, end) {
    return this.#series.get(metric)?.get(end)
  }

  /** The row whose window ended last. */
  latest(metric) {
    return this.#ascending(metric).at(-1)
  }

  /** Rows with an end after `from`, up to and including `to`; oldest first. */
  between(metric, from, to) {
    return this.#ascending(metric).filter(({ windowEnd: end }) => end > from && end <= to)
  }

  /**
   * Adds up windows that lie side by side from `from` to `to`. `isWhole` if none is missing;
   * `from`: where those that are there begin. Null where a row has no number.
   */
  total(metric, from, to, stepMs, pick) {
    let [value, missing, first] = [0, 0, null]
    for (let end = from + stepMs; end <= to; end += stepMs) {
      const row = this.at(metric, end)
      if (row === undefined) {
        missing += 1
        continue
      }
      first ??= row.windowStart
      const part = pick(row)
      value = part === null || value === null ? null : value + part
    }
    return { value, from: first ?? from, isWhole: missing === 0 }
  }

  /** Forgets what is too old to be compared with. */
  trim() {
    for (const [metric, series] of this.#series) {
      const newest = this.latest(metric)?.windowEnd ?? 0
      for (const end of series.keys()) if (end < newest - keepMs) series.delete(end)
    }
  }

  #ascending(metric) {
    const rows = [...(this.#series.get(metric)?.values() ?? [])]
    return rows.sort((a, b) => a.windowEnd - b.windowEnd)
  }
}
