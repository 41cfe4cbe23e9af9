/** Windows as values: their shape, their bounds, and when their rows come out. */
import type { Duration } from '../durations.ts'
import { durationMs } from '../durations.ts'
import { TopologyError } from '../errors.ts'
import type { Timestamp } from '../ids.ts'

export type Emission = 'updates' | 'final'
export type WindowShape = 'tumbling' | 'hopping'

/** Half open: `[start, end)`. */
export interface Window {
  readonly start: Timestamp
  readonly end: Timestamp
}

/** A key within a window; null where the window has no key. */
export interface Windowed<K> {
  readonly key: K
  readonly window: Window
}

/** What operators need to know of a window. */
export interface WindowSpec {
  readonly shape: WindowShape
  readonly emission: Emission
  readonly sizeMs: number
  /** From one window's start to the next one's; of tumbling windows their size. */
  readonly advanceMs: number
  readonly graceMs: number
  /** Null: windows of a silent stream stay open. */
  readonly idleMs: number | null
  readonly emptyWindows: boolean
  /** Final rows are looked for no more often, by the wall clock. Default 0: with every record. */
  readonly emitIntervalMs?: number
}

export interface EmitOptions {
  /**
   * Final rows of windows with a key are looked for no more often, by the wall clock, when a record
   * comes. Default `'0ms'`: with every record. Kafka Streams looks once a second.
   */
  readonly interval?: Duration
}

export interface WindowOptions<Empty extends boolean> {
  /** How long after its end a window still takes records. Default `'0ms'`. */
  readonly grace?: Duration
  /** Closes the windows of a stream that has been silent for this long. Default `'off'`. */
  readonly idle?: Duration | 'off'
  /** Rows for windows without any record. Only for windows without a key. Default false. */
  readonly emptyWindows?: Empty
}

export interface HoppingOptions<Empty extends boolean> extends WindowOptions<Empty> {
  /** From one window's start to the next one's; greater than 0, at most the size. */
  readonly advance: Duration
}

/** What `tumbling` and `hopping` make; immutable, and to be shared freely. */
export class Windows<Shape extends WindowShape, Empty extends boolean, Emit extends Emission>
  implements WindowSpec
{
  readonly shape: Shape
  readonly emission: Emit
  readonly sizeMs: number
  readonly advanceMs: number
  readonly graceMs: number
  readonly idleMs: number | null
  readonly emptyWindows: Empty
  readonly emitIntervalMs: number

  constructor(spec: WindowSpec & { shape: Shape; emission: Emit; emptyWindows: Empty }) {
    this.shape = spec.shape
    this.emission = spec.emission
    this.sizeMs = spec.sizeMs
    this.advanceMs = spec.advanceMs
    this.graceMs = spec.graceMs
    this.idleMs = spec.idleMs
    this.emptyWindows = spec.emptyWindows
    this.emitIntervalMs = spec.emitIntervalMs ?? 0
    Object.freeze(this)
  }

  /** `'updates'`: a row for every change. `'final'`: one row per window, once it has closed. */
  emit<E extends Emission>(emission: E, options: EmitOptions = {}): Windows<Shape, Empty, E> {
    const emitIntervalMs = durationMs(options.interval ?? '0ms')
    return new Windows({ ...(this as Windows<Shape, Empty, Emit>), emission, emitIntervalMs })
  }
}

/** Windows side by side: `tumbling('5m', { grace: '30s' })`. Throws on a size of 0. */
export function tumbling<const Empty extends boolean = false>(
  size: Duration,
  options: WindowOptions<Empty> = {}
): Windows<'tumbling', Empty, 'updates'> {
  return periodic('tumbling', size, size, options)
}

/** Long windows, refreshed often: `hopping('24h', { advance: '30m' })`. Throws on a bad advance. */
export function hopping<const Empty extends boolean = false>(
  size: Duration,
  options: HoppingOptions<Empty>
): Windows<'hopping', Empty, 'updates'> {
  return periodic('hopping', size, options.advance, options)
}

function periodic<Shape extends WindowShape, Empty extends boolean>(
  shape: Shape,
  size: Duration,
  advance: Duration,
  options: WindowOptions<Empty>
): Windows<Shape, Empty, 'updates'> {
  const sizeMs = durationMs(size)
  const advanceMs = durationMs(advance)
  const idle = options.idle ?? 'off'
  const idleMs = idle === 'off' ? null : durationMs(idle)
  if (sizeMs <= 0) throw invalid(`a window of ${size} holds nothing: give it a size above 0`)
  if (advanceMs <= 0 || advanceMs > sizeMs) {
    throw invalid(`windows of ${size} cannot advance by ${advance}: above 0, at most the size`)
  }
  if (idleMs === 0)
    throw invalid(`an idle time of ${idle} closes windows at once: use 'off' or more`)
  return new Windows({
    shape,
    emission: 'updates',
    sizeMs,
    advanceMs,
    graceMs: durationMs(options.grace ?? '0ms'),
    idleMs,
    // The type parameter says what the option holds; without the option it is false.
    emptyWindows: (options.emptyWindows ?? false) as Empty,
  })
}

function invalid(reason: string): TopologyError {
  return new TopologyError('MILLRACE_WINDOW_INVALID', `Impossible window: ${reason}.`)
}
