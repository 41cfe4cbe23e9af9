/** How far apart in event time two records of a stream–stream join may be. */
import { type Duration, durationMs } from '../durations.ts'
import { TopologyError } from '../errors.ts'

export interface WithinOptions {
  /** How much earlier than the left record the right one may be; default: the first argument. */
  readonly before?: Duration
  /** How much later it may be. One of the two may be negative, such as `'-5m'`. */
  readonly after?: Duration
  /** How long after its window a record is kept for others that come late. Default `'0ms'`. */
  readonly grace?: Duration
  /**
   * How often, by the wall clock, unmatched rows of a left or outer join are looked for; Kafka
   * Streams does so once a second. Default: `'0ms'`, with every record.
   */
  readonly emitInterval?: Duration
}

/** What `within` makes: right records from `left − beforeMs` to `left + afterMs`, both included. */
export interface JoinWindow {
  readonly kind: 'within'
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
  readonly emitIntervalMs: number
}

/**
 * `within('30m')`: up to 30 minutes before or after.
 * `within('30m', { before: '0ms', grace: '5m' })`: the right record comes later, by up to 30
 * minutes. Throws if nothing can be within.
 */
export function within(distance: Duration, options: WithinOptions = {}): JoinWindow {
  const { before = distance, after = distance, grace = '0ms', emitInterval = '0ms' } = options
  const beforeMs = signedMs(before)
  const afterMs = signedMs(after)
  if (beforeMs + afterMs < 0) {
    throw new TopologyError(
      'MILLRACE_WINDOW_INVALID',
      `Impossible window: nothing is both ${before} before and ${after} after, at the most. ` +
        'Their sum must be 0 or more.'
    )
  }
  const graceMs = durationMs(grace)
  const emitIntervalMs = durationMs(emitInterval)
  return Object.freeze({ kind: 'within', beforeMs, afterMs, graceMs, emitIntervalMs })
}

function signedMs(duration: Duration): number {
  return duration.startsWith('-')
    ? -durationMs(duration.slice(1) as Duration)
    : durationMs(duration)
}
