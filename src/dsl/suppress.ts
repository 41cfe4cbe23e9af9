/** How long a table keeps its changes to itself. */
import { type Duration, durationMs } from '../durations.ts'
import type { RecordWindowSpec } from '../windows/record-windows.ts'
import type { WindowSpec } from '../windows/windows.ts'
import type { LogicalNode } from './graph.ts'
import { fault } from './passes/faults.ts'
import { throughOf } from './passes/repartitions.ts'

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
   * When sessions and sliding windows close that have no `idle`. Default `'aggregate'`: by the
   * aggregate's own rule, so that no row goes out twice. `'kafka-streams'`: a millisecond before,
   * as there; a record at that very time makes a second row.
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

/**
 * A key's changes wait for so long, in stream time, from the first of them on; one goes out:
 * `untilTimeLimit('1h', { maxRecords: 10_000 })`.
 */
export function untilTimeLimit(limit: Duration, options: TimeLimitOptions = {}): UntilTimeLimit {
  const { maxRecords = none, maxBytes = none, whenFull = 'emit-early' } = options
  const waitMs = durationMs(limit)
  return Object.freeze({ kind: 'time-limit', waitMs, maxRecords, maxBytes, whenFull })
}

/**
 * A window's last row goes out once no record can change it: `untilWindowCloses()`. Beyond a limit
 * the application stops: what goes out is final.
 */
export function untilWindowCloses(options: CloseOptions = {}): UntilWindowCloses {
  const { maxRecords = none, maxBytes = none, closing = 'aggregate' } = options
  return Object.freeze({ kind: 'window-closes', closing, maxRecords, maxBytes })
}

/** When a window takes no more records. */
export interface WindowClose {
  /** How far behind the time its end is then. */
  readonly waitMs: number
  /** The aggregate by whose time, which is a watermark; undefined: the greatest timestamp. */
  readonly closesBy?: string
}

/**
 * By the rule of the aggregate which the table comes from: sessions and sliding windows still take
 * records at end and grace (and gap), and by watermark for another gap or span; the others do not.
 */
export function closeOf(
  node: LogicalNode,
  durable: string,
  closing: UntilWindowCloses['closing']
): WindowClose {
  if ('windows' in node && node.windows !== undefined) {
    const { windows } = node
    if (windows.emission === 'final') {
      throw fault(
        'suppressFinal',
        `'${durable}' waits for windows to close whose rows are final as they come: ` +
          "drop the suppress, or .emit('final')."
      )
    }
    if (windows.shape === 'unlimited') {
      throw fault(
        'suppressUnlimited',
        `'${durable}' waits for a window to close that never ends: use untilTimeLimit.`
      )
    }
    if (node.kind === 'global-aggregate' || windows.idleMs !== null) {
      return { waitMs: byWatermarkMs(windows), closesBy: node.durable }
    }
    const more = closing === 'aggregate' ? 1 : 0
    const { graceMs } = windows
    if (windows.shape === 'session') return { waitMs: graceMs + windows.gapMs + more }
    return { waitMs: windows.shape === 'sliding' ? graceMs + more : graceMs }
  }
  const [input, ...others] = node.inputs
  if (input !== undefined && others.length === 0) {
    const close = closeOf(input, durable, closing)
    if (close.closesBy === undefined || throughOf(node).length === 0) return close
    throw fault(
      'suppressBeyond',
      `'${durable}' waits for windows of '${close.closesBy}' to close, which close by watermark: ` +
        `that is not known behind the repartition topic of '${node.name}'. Suppress before it.`
    )
  }
  throw fault(
    'suppressUnwindowed',
    `'${durable}' waits for windows to close, but its table has none: use untilTimeLimit.`
  )
}

function byWatermarkMs(windows: WindowSpec | RecordWindowSpec): number {
  const { graceMs } = windows
  if (windows.shape === 'session') return graceMs + 2 * windows.gapMs + 1
  return windows.shape === 'sliding' ? graceMs + windows.spanMs + 1 : graceMs
}
