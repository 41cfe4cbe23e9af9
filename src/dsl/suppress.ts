/** How long a table keeps its changes to itself. */
import { type Duration, durationMs } from '../durations.ts'
import type { LogicalNode } from './graph.ts'
import { fault } from './passes/faults.ts'

export interface HoldLimits {
  /** Most changes that are held, one a key. Default: no limit. */
  readonly maxRecords?: number
  /** Most bytes of keys and values that are held. Default: no limit. */
  readonly maxBytes?: number
}

export interface TimeLimitOptions extends HoldLimits {
  /** Beyond a limit: the oldest changes go early (default), or the application stops. */
  readonly whenFull?: 'emit-early' | 'stop'
}

export interface CloseOptions extends HoldLimits {
  /**
   * When sessions and sliding windows close. Default `'aggregate'`: by the aggregate's own rule, so
   * that no row goes out twice. `'kafka-streams'`: a millisecond before, as there; a record at that
   * very time makes a second row.
   */
  readonly closing?: 'aggregate' | 'kafka-streams'
}

/** What `untilTimeLimit` makes. */
export interface UntilTimeLimit {
  readonly kind: 'time-limit'
  readonly waitMs: number
  readonly maxRecords: number
  readonly maxBytes: number
  readonly whenFull: 'emit-early' | 'stop'
}

/** What `untilWindowCloses` makes. */
export interface UntilWindowCloses {
  readonly kind: 'window-closes'
  readonly closing: 'aggregate' | 'kafka-streams'
  readonly maxRecords: number
  readonly maxBytes: number
}

const none = Number.POSITIVE_INFINITY

/** A key's changes wait for so long, in stream time, from the first of them on; one goes out. */
export function untilTimeLimit(limit: Duration, options: TimeLimitOptions = {}): UntilTimeLimit {
  const { maxRecords = none, maxBytes = none, whenFull = 'emit-early' } = options
  const waitMs = durationMs(limit)
  return Object.freeze({ kind: 'time-limit', waitMs, maxRecords, maxBytes, whenFull })
}

/**
 * A window's last row goes out once no record can change it. Beyond a limit the application stops:
 * what goes out is final.
 */
export function untilWindowCloses(options: CloseOptions = {}): UntilWindowCloses {
  const { maxRecords = none, maxBytes = none, closing = 'aggregate' } = options
  return Object.freeze({ kind: 'window-closes', closing, maxRecords, maxBytes })
}

/**
 * How far behind stream time the end of a window is when it takes no more records: that of the
 * aggregate which the table comes from. By its own rule sessions and sliding windows still take
 * records at end and grace (and gap); the others do not.
 */
export function closesAfterMs(
  node: LogicalNode,
  durable: string,
  closing: UntilWindowCloses['closing']
): number {
  if ('windows' in node && node.windows !== undefined) {
    const { windows } = node
    if (windows.emission === 'final') {
      throw fault(
        'suppressFinal',
        `'${durable}' waits for windows to close whose rows are final as they come: ` +
          "drop the suppress, or .emit('final')."
      )
    }
    const more = closing === 'aggregate' ? 1 : 0
    if (windows.shape === 'session') return windows.graceMs + windows.gapMs + more
    return windows.shape === 'sliding' ? windows.graceMs + more : windows.graceMs
  }
  const [input, ...others] = node.inputs
  if (input !== undefined && others.length === 0) return closesAfterMs(input, durable, closing)
  throw fault(
    'suppressUnwindowed',
    `'${durable}' waits for windows to close, but its table has none: use untilTimeLimit.`
  )
}
