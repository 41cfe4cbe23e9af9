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

/** Which windows there are. Starts, ends and panes are those of windows, never times in between. */
export interface Grid {
  /** The length of a window, or the most that it may be. */
  readonly sizeMs: number
  /** From one window's start to the next one's, at the most. */
  readonly advanceMs: number
  readonly graceMs: number
  /** The length of panes, which all windows are made of, at the most. */
  readonly paneMs: number
  /** Whether a time may lie in several windows. */
  readonly isOverlapping: boolean
  /** Start of the pane that holds t. */
  pane(t: Timestamp): Timestamp
  /** The least window end after t. */
  nextEnd(t: Timestamp): Timestamp
  /** The greatest end of a window that holds this pane. */
  lastEnd(pane: Timestamp): Timestamp
  /** The greatest window end that is closed for this watermark. */
  lastClosedEnd(watermark: Timestamp): Timestamp
  /** Windows that start up to here are closed for this watermark, and no others. */
  lastClosedStart(watermark: Timestamp): Timestamp
  isClosed(end: Timestamp, watermark: Timestamp): boolean
  /** Whether no record can open a window for this pane any more. */
  isPaneOver(pane: Timestamp, watermark: Timestamp): boolean
  /** Whether records of this pane are late for at least the first of its windows. */
  hasPanePassed(pane: Timestamp, watermark: Timestamp): boolean
  /** The first window end that a record counts for; undefined: for none, it is late. */
  firstEndInTime(t: Timestamp, watermark: Timestamp): Timestamp | undefined
  /** Start of the first window that holds t, never below 0: the compatible layer's rule. */
  firstStart(t: Timestamp): Timestamp
  /** The first start at or after this time. */
  startFrom(time: Timestamp): Timestamp
  nextStart(start: Timestamp): Timestamp
  startOf(end: Timestamp): Timestamp
  endOf(start: Timestamp): Timestamp
  endAfter(end: Timestamp): Timestamp
  /** The first pane that starts at or after this time. */
  firstPane(from: Timestamp): Timestamp
  paneAfter(pane: Timestamp): Timestamp
  /** Panes that start before this time have passed, and no others. */
  passedBefore(watermark: Timestamp): Timestamp
  /** Panes that start before this time are over; others may be. */
  overBefore(watermark: Timestamp): Timestamp
}

/** Windows of one length, as far apart as each other. Those of `nextEnd` may start below 0. */
export class WindowGrid implements Grid {
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

  get isOverlapping(): boolean {
    return this.advanceMs < this.sizeMs
  }

  pane(t: Timestamp): Timestamp {
    return Math.floor(t / this.paneMs) * this.paneMs
  }

  nextEnd(t: Timestamp): Timestamp {
    const { advanceMs, sizeMs } = this
    return Math.floor((t - sizeMs) / advanceMs) * advanceMs + sizeMs + advanceMs
  }

  lastEnd(pane: Timestamp): Timestamp {
    const { advanceMs, sizeMs } = this
    return Math.floor(pane / advanceMs) * advanceMs + sizeMs
  }

  lastClosedEnd(watermark: Timestamp): Timestamp {
    return this.nextEnd(watermark - this.graceMs) - this.advanceMs
  }

  lastClosedStart(watermark: Timestamp): Timestamp {
    return watermark - this.graceMs - this.sizeMs
  }

  isClosed(end: Timestamp, watermark: Timestamp): boolean {
    return end + this.graceMs <= watermark
  }

  isPaneOver(pane: Timestamp, watermark: Timestamp): boolean {
    return this.isClosed(this.lastEnd(pane), watermark)
  }

  hasPanePassed(pane: Timestamp, watermark: Timestamp): boolean {
    return pane + this.paneMs + this.graceMs <= watermark
  }

  firstEndInTime(t: Timestamp, watermark: Timestamp): Timestamp | undefined {
    const end = Math.max(this.nextEnd(t), this.nextEnd(watermark - this.graceMs))
    return end <= this.lastEnd(this.pane(t)) ? end : undefined
  }

  firstStart(t: Timestamp): Timestamp {
    const { advanceMs, sizeMs } = this
    return Math.floor(Math.max(0, t - sizeMs + advanceMs) / advanceMs) * advanceMs
  }

  startFrom(time: Timestamp): Timestamp {
    return Math.ceil(time / this.advanceMs) * this.advanceMs
  }

  nextStart(start: Timestamp): Timestamp {
    return start + this.advanceMs
  }

  startOf(end: Timestamp): Timestamp {
    return end - this.sizeMs
  }

  endOf(start: Timestamp): Timestamp {
    return start + this.sizeMs
  }

  endAfter(end: Timestamp): Timestamp {
    return end + this.advanceMs
  }

  firstPane(from: Timestamp): Timestamp {
    return Math.ceil(from / this.paneMs) * this.paneMs
  }

  paneAfter(pane: Timestamp): Timestamp {
    return pane + this.paneMs
  }

  passedBefore(watermark: Timestamp): Timestamp {
    return watermark - this.graceMs - this.paneMs + 1
  }

  overBefore(watermark: Timestamp): Timestamp {
    return watermark - this.graceMs - this.sizeMs - this.advanceMs
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
