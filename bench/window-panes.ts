/**
 * Windows recounted in panes: what a record adds lies once, in the pane of its time, and a window
 * is put together at the end. Only what misses some of its windows lies with the others.
 */

/** The greatest timestamp of each partition so far. */
export class PartitionTimes {
  readonly #times: number[]

  constructor(partitions: number) {
    this.#times = new Array<number>(partitions).fill(Number.NEGATIVE_INFINITY)
  }

  pass(partition: number, timestamp: number): void {
    this.#times[partition] = Math.max(this.of(partition), timestamp)
  }

  of(partition: number): number {
    return this.#times[partition] ?? Number.NEGATIVE_INFINITY
  }

  /** What has come in all of them. */
  get least(): number {
    return Math.min(...this.#times)
  }
}

/** The size is a multiple of the advance. */
export interface PaneWindows {
  readonly sizeMs: number
  readonly advanceMs: number
  readonly graceMs: number
}

export interface PaneKind<P> {
  make(): P
  merge(into: P, from: P): void
}

export interface RecountedWindow<P> {
  readonly start: number
  readonly end: number
  readonly pane: P
  readonly isEmpty: boolean
}

export class WindowPanes<P> {
  readonly #windows: PaneWindows
  readonly #kind: PaneKind<P>
  readonly #times: PartitionTimes
  /** By start. */
  readonly #panes = new Map<number, P>()
  /** Of single windows, by start: of records that were late for others. */
  readonly #partly = new Map<number, P>()

  constructor(windows: PaneWindows, kind: PaneKind<P>, times: PartitionTimes) {
    this.#windows = windows
    this.#kind = kind
    this.#times = times
  }

  /** Before the times hear of the record. */
  add(partition: number, timestamp: number, put: (pane: P) => void): void {
    const { sizeMs, advanceMs, graceMs } = this.#windows
    const time = this.#times.of(partition)
    const pane = timestamp - (timestamp % advanceMs)
    if (pane + advanceMs + graceMs > time) {
      put(this.#at(this.#panes, pane))
      return
    }
    for (let start = pane; start > pane - sizeMs; start -= advanceMs) {
      if (start + sizeMs + graceMs <= time) break
      put(this.#at(this.#partly, start))
    }
  }

  /** By start; `closed`: those that no record can change any more. */
  *rows(which: 'closed' | 'all'): Generator<RecountedWindow<P>> {
    const { sizeMs, advanceMs, graceMs } = this.#windows
    const [first, last] = this.#bounds()
    for (let start = first; start <= last; start += advanceMs) {
      const end = start + sizeMs
      if (which === 'closed' && end + graceMs > this.#times.least) return
      const parts = this.#parts(start)
      const pane = this.#kind.make()
      for (const part of parts) this.#kind.merge(pane, part)
      yield { start, end, pane, isEmpty: parts.length === 0 }
    }
  }

  #parts(start: number): readonly P[] {
    const { sizeMs, advanceMs } = this.#windows
    const parts: P[] = []
    const partly = this.#partly.get(start)
    if (partly !== undefined) parts.push(partly)
    for (let at = start; at < start + sizeMs; at += advanceMs) {
      const pane = this.#panes.get(at)
      if (pane !== undefined) parts.push(pane)
    }
    return parts
  }

  /** The starts of the first and the last window with a record. */
  #bounds(): readonly [number, number] {
    const { sizeMs, advanceMs } = this.#windows
    let first = Number.POSITIVE_INFINITY
    let last = Number.NEGATIVE_INFINITY
    for (const pane of this.#panes.keys()) {
      first = Math.min(first, pane - sizeMs + advanceMs)
      last = Math.max(last, pane)
    }
    for (const start of this.#partly.keys()) {
      first = Math.min(first, start)
      last = Math.max(last, start)
    }
    return [first, last]
  }

  #at(panes: Map<number, P>, start: number): P {
    const found = panes.get(start)
    if (found !== undefined) return found
    const made = this.#kind.make()
    panes.set(start, made)
    return made
  }
}
