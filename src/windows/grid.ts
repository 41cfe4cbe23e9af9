/**
 * Which windows hold a timestamp, and when they are closed: arithmetic, without state.
 *
 *     ends of windows   ──┴────┴────┴──▶  end ≡ size (mod advance)
 *     panes             ─┴─┴─┴─┴─┴─┴─▶    the greatest common divisor of size and advance
 *
 * Invariants: a window `[end − size, end)` is closed for a watermark w once end + grace ≤ w, and
 * stays so for every greater one; all timestamps of a pane belong to the same windows.
 */
import { assert } from '../assert.ts'
import type { Timestamp } from '../ids.ts'
import type { Window } from './windows.ts'

export interface GridSpec {
  readonly sizeMs: number
  readonly advanceMs: number
  readonly graceMs: number
}

export class WindowGrid {
  readonly sizeMs: number
  readonly advanceMs: number
  readonly graceMs: number
  readonly paneMs: number

  constructor({ sizeMs, advanceMs, graceMs }: GridSpec) {
    assert(sizeMs > 0 && advanceMs > 0 && advanceMs <= sizeMs, 'a window advances within its size')
    assert(graceMs >= 0, 'a window has a grace of 0 or more')
    this.sizeMs = sizeMs
    this.advanceMs = advanceMs
    this.graceMs = graceMs
    this.paneMs = greatestCommonDivisor(sizeMs, advanceMs)
  }

  /** Start of the pane that holds t. */
  pane(t: Timestamp): Timestamp {
    return Math.floor(t / this.paneMs) * this.paneMs
  }

  /** The least window end after t; also where that window starts below 0. */
  nextEnd(t: Timestamp): Timestamp {
    const { advanceMs, sizeMs } = this
    return Math.floor((t - sizeMs) / advanceMs) * advanceMs + sizeMs + advanceMs
  }

  /** The greatest end of a window that holds this pane. */
  lastEnd(pane: Timestamp): Timestamp {
    const { advanceMs, sizeMs } = this
    return Math.floor(pane / advanceMs) * advanceMs + sizeMs
  }

  /** The greatest window end that is closed for this watermark. */
  lastClosedEnd(watermark: Timestamp): Timestamp {
    return this.nextEnd(watermark - this.graceMs) - this.advanceMs
  }

  isClosed(end: Timestamp, watermark: Timestamp): boolean {
    return end + this.graceMs <= watermark
  }

  /** Whether no record can open a window for this pane any more. */
  isPaneOver(pane: Timestamp, watermark: Timestamp): boolean {
    return this.isClosed(this.lastEnd(pane), watermark)
  }

  /** Whether records of this pane are late for at least the first of its windows. */
  hasPanePassed(pane: Timestamp, watermark: Timestamp): boolean {
    return pane + this.paneMs + this.graceMs <= watermark
  }

  /** The first window end that a record counts for; undefined: for none, it is late. */
  firstEndInTime(t: Timestamp, watermark: Timestamp): Timestamp | undefined {
    const end = Math.max(this.nextEnd(t), this.nextEnd(watermark - this.graceMs))
    return end <= this.lastEnd(this.pane(t)) ? end : undefined
  }

  /** Start of the first window that holds t, never below 0: the compatible layer's rule. */
  firstStart(t: Timestamp): Timestamp {
    const { advanceMs, sizeMs } = this
    return Math.floor(Math.max(0, t - sizeMs + advanceMs) / advanceMs) * advanceMs
  }

  /** The windows of the compatible layer that hold t, oldest first. */
  windowsFor(t: Timestamp): readonly Window[] {
    const windows: Window[] = []
    for (let start = this.firstStart(t); start <= t; start += this.advanceMs) {
      windows.push({ start, end: start + this.sizeMs })
    }
    return windows
  }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
