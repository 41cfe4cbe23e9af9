/** One window that begins at some moment and never ends: a landmark window. */
import { TopologyError } from '../errors.ts'
import type { Timestamp } from '../ids.ts'
import type { WindowSpec } from './windows.ts'

const forever = Number.POSITIVE_INFINITY

export interface UnlimitedOptions {
  /** Where the window begins, in epoch milliseconds. Default 0: records of all times count. */
  readonly start?: Timestamp
}

/** What `unlimited` makes; immutable, and to be shared freely. */
export class UnlimitedWindows implements WindowSpec {
  readonly shape = 'unlimited'
  readonly emission = 'updates'
  readonly startMs: Timestamp
  readonly sizeMs: number = forever
  readonly advanceMs: number = forever
  readonly graceMs: number = 0
  readonly idleMs: null = null
  readonly emptyWindows = false

  constructor(startMs: Timestamp) {
    this.startMs = startMs
    Object.freeze(this)
  }

  /** Infinity, whatever the start: `unlimited().endOf(0)`. */
  endOf(_start: Timestamp): Timestamp {
    return forever
  }
}

/**
 * All records from a moment on, in one window that never closes: `unlimited({ start: Date.UTC(2026,
 * 0, 1) })`. What is dated before it counts for nothing. Its rows stay for ever, are told of with
 * every change, and show `end: Infinity`. Throws on a start that is no time.
 */
export function unlimited({ start = 0 }: UnlimitedOptions = {}): UnlimitedWindows {
  if (Number.isSafeInteger(start) && start >= 0) return new UnlimitedWindows(start)
  throw new TopologyError(
    'MILLRACE_WINDOW_INVALID',
    `Impossible window: it cannot begin at ${start}. Give whole milliseconds since the epoch.`
  )
}
