/**
 * Windows that begin and end where records do: sessions, which silence ends, and sliding windows,
 * one for every set of records that lie within a span. Both ends belong to the window.
 */
import { type Duration, durationMs } from '../durations.ts'
import { TopologyError } from '../errors.ts'
import { type Emission, type EmitOptions, idleOf } from './windows.ts'

/** What operators need to know of sessions. */
export interface SessionSpec {
  readonly shape: 'session'
  readonly emission: Emission
  /** Records of a key no further apart than this share a session. */
  readonly gapMs: number
  readonly graceMs: number
  /** Null: they close by the greatest timestamp; otherwise by watermark, and in silence. */
  readonly idleMs: number | null
  readonly emitIntervalMs: number
}

/** What operators need to know of sliding windows. */
export interface SlidingSpec {
  readonly shape: 'sliding'
  readonly emission: Emission
  /** From the first record of a window to its last, at most. */
  readonly spanMs: number
  readonly graceMs: number
  /** As of sessions. */
  readonly idleMs: number | null
  readonly emitIntervalMs: number
}

export type RecordWindowSpec = SessionSpec | SlidingSpec

export interface RecordWindowOptions {
  /** How long after its end a window still takes records. Default `'0ms'`. */
  readonly grace?: Duration
  /**
   * Closes the windows of a stream that has been silent for this long. Default `'off'`. They then
   * close by watermark, and a record counts for all of its windows or for none, whatever came
   * before it. To hold all that is in time, they close a gap, or a span, later than without.
   */
  readonly idle?: Duration | 'off'
}

/** What `session` makes; immutable, and to be shared freely. */
export class SessionWindows<Emit extends Emission> implements SessionSpec {
  readonly shape = 'session'
  readonly emission: Emit
  readonly gapMs: number
  readonly graceMs: number
  readonly idleMs: number | null
  readonly emitIntervalMs: number

  constructor(spec: Omit<SessionSpec, 'shape'> & { readonly emission: Emit }) {
    this.emission = spec.emission
    this.gapMs = spec.gapMs
    this.graceMs = spec.graceMs
    this.idleMs = spec.idleMs
    this.emitIntervalMs = spec.emitIntervalMs
    Object.freeze(this)
  }

  /**
   * `'updates'`: a row for every change. `'final'`: one row per session, once it has closed:
   * `session('30m').emit('final')`.
   */
  emit<E extends Emission>(emission: E, options: EmitOptions = {}): SessionWindows<E> {
    return new SessionWindows({ ...this, emission, emitIntervalMs: intervalOf(options) })
  }
}

/** What `sliding` makes; immutable, and to be shared freely. */
export class SlidingWindows<Emit extends Emission> implements SlidingSpec {
  readonly shape = 'sliding'
  readonly emission: Emit
  readonly spanMs: number
  readonly graceMs: number
  readonly idleMs: number | null
  readonly emitIntervalMs: number

  constructor(spec: Omit<SlidingSpec, 'shape'> & { readonly emission: Emit }) {
    this.emission = spec.emission
    this.spanMs = spec.spanMs
    this.graceMs = spec.graceMs
    this.idleMs = spec.idleMs
    this.emitIntervalMs = spec.emitIntervalMs
    Object.freeze(this)
  }

  /**
   * `'updates'`: a row for every change. `'final'`: one row per window, once it has closed:
   * `sliding('10m').emit('final')`.
   */
  emit<E extends Emission>(emission: E, options: EmitOptions = {}): SlidingWindows<E> {
    return new SlidingWindows({ ...this, emission, emitIntervalMs: intervalOf(options) })
  }
}

/**
 * `session('30m', { grace: '1m' })`: records of a key that are at most the gap apart are in one
 * session. A record between two sessions makes one of them. A session is closed once stream time
 * has passed its end by more than gap and grace.
 */
export function session(
  gap: Duration,
  options: RecordWindowOptions = {}
): SessionWindows<'updates'> {
  const gapMs = durationMs(gap)
  if (gapMs <= 0) throw invalid(`a gap of ${gap} parts all records: give it more than 0`)
  const graceMs = durationMs(options.grace ?? '0ms')
  const rest = { graceMs, idleMs: idleOf(options.idle), emitIntervalMs: 0 }
  return new SessionWindows({ emission: 'updates', gapMs, ...rest })
}

/**
 * `sliding('10m', { grace: '1m' })`: for every record of a key a window that ends with it and one
 * that begins right after it, if it holds any record; records at most the span apart share at least
 * one. A window is closed once stream time has passed its end by more than the grace.
 */
export function sliding(
  span: Duration,
  options: RecordWindowOptions = {}
): SlidingWindows<'updates'> {
  const spanMs = durationMs(span)
  const graceMs = durationMs(options.grace ?? '0ms')
  const rest = { graceMs, idleMs: idleOf(options.idle), emitIntervalMs: 0 }
  return new SlidingWindows({ emission: 'updates', spanMs, ...rest })
}

/** The gap that parts sessions, or the span of sliding windows. */
export function lengthOf(windows: RecordWindowSpec): number {
  return windows.shape === 'session' ? windows.gapMs : windows.spanMs
}

function intervalOf({ interval = '0ms' }: EmitOptions): number {
  return durationMs(interval)
}

function invalid(reason: string): TopologyError {
  return new TopologyError('MILLRACE_WINDOW_INVALID', `Impossible window: ${reason}.`)
}
