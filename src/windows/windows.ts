/** Windows as values: their shape, their bounds, and when their rows come out. */
import type { Duration } from '../durations.ts'
import { durationMs } from '../durations.ts'
import { TopologyError } from '../errors.ts'
import type { Timestamp } from '../ids.ts'
import {
  type CalendarSpec,
  type CalendarUnit,
  calendarOf,
  longestMs,
  type Weekday,
} from './calendar.ts'

export type Emission = 'updates' | 'final'
export type WindowShape = 'tumbling' | 'hopping' | 'calendar'

/** Half open: `[start, end)`. The end of a window that never ends is Infinity. */
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
  readonly shape: WindowShape | 'unlimited'
  readonly emission: Emission
  /** Of days, weeks and months: the most that they may be. */
  readonly sizeMs: number
  /** From one window's start to the next one's; of tumbling windows their size. */
  readonly advanceMs: number
  /** Of days, weeks and months. */
  readonly calendar?: CalendarSpec | undefined
  /** Of the window that never ends: where it begins. */
  readonly startMs?: Timestamp | undefined
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

export interface CalendarOptions<Empty extends boolean> extends WindowOptions<Empty> {
  /** Whose clocks count, by its IANA name: `'Europe/Berlin'`, `'UTC'`. */
  readonly timeZone: string
  /** The first day of a week. Default `'monday'`. */
  readonly weekStart?: Weekday
}

/** What `tumbling`, `hopping` and `calendar` make; immutable, and to be shared freely. */
export class Windows<Shape extends WindowShape, Empty extends boolean, Emit extends Emission>
  implements WindowSpec
{
  readonly shape: Shape
  readonly emission: Emit
  readonly sizeMs: number
  readonly advanceMs: number
  readonly calendar: CalendarSpec | undefined
  readonly graceMs: number
  readonly idleMs: number | null
  readonly emptyWindows: Empty
  readonly emitIntervalMs: number

  constructor(spec: WindowSpec & { shape: Shape; emission: Emit; emptyWindows: Empty }) {
    this.shape = spec.shape
    this.emission = spec.emission
    this.sizeMs = spec.sizeMs
    this.advanceMs = spec.advanceMs
    this.calendar = spec.calendar
    this.graceMs = spec.graceMs
    this.idleMs = spec.idleMs
    this.emptyWindows = spec.emptyWindows
    this.emitIntervalMs = spec.emitIntervalMs ?? 0
    Object.freeze(this)
  }

  /**
   * Of the window that begins at `start`, in epoch milliseconds:
   * `calendar('month', { timeZone: 'UTC' }).endOf(Date.UTC(2026, 1, 1))`.
   */
  endOf(start: Timestamp): Timestamp {
    const { calendar } = this
    return calendar === undefined ? start + this.sizeMs : calendarOf(calendar).next(start)
  }

  /**
   * `'updates'`: a row for every change. `'final'`: one row per window, once it has closed:
   * `tumbling('5m').emit('final')`.
   */
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

/**
 * Days, weeks or months as the clocks of a time zone show them: `calendar('day', { timeZone:
 * 'Europe/Berlin' })`. A day has 23 or 25 hours when the clocks are changed. The first one begins
 * at the epoch. Throws on a time zone that the runtime does not know.
 */
export function calendar<const Empty extends boolean = false>(
  unit: CalendarUnit,
  options: CalendarOptions<Empty>
): Windows<'calendar', Empty, 'updates'> {
  const { timeZone, weekStart = 'monday' } = options
  const sizeMs = longestMs[unit]
  if (sizeMs === undefined) throw invalid(`a calendar has days, weeks and months, and no ${unit}s`)
  if (unit !== 'week' && options.weekStart !== undefined) {
    throw invalid(`a ${unit} does not start on a ${weekStart}: say so of weeks alone`)
  }
  const spec = Object.freeze({ unit, timeZone, weekStart })
  calendarOf(spec)
  const shape = { shape: 'calendar', sizeMs, advanceMs: sizeMs, calendar: spec } as const
  return windowsOf(shape, options)
}

function periodic<Shape extends WindowShape, Empty extends boolean>(
  shape: Shape,
  size: Duration,
  advance: Duration,
  options: WindowOptions<Empty>
): Windows<Shape, Empty, 'updates'> {
  const sizeMs = durationMs(size)
  const advanceMs = durationMs(advance)
  if (sizeMs <= 0) throw invalid(`a window of ${size} holds nothing: give it a size above 0`)
  if (advanceMs <= 0 || advanceMs > sizeMs) {
    throw invalid(`windows of ${size} cannot advance by ${advance}: above 0, at most the size`)
  }
  return windowsOf({ shape, sizeMs, advanceMs }, options)
}

function windowsOf<Shape extends WindowShape, Empty extends boolean>(
  shape: Pick<WindowSpec, 'sizeMs' | 'advanceMs' | 'calendar'> & { readonly shape: Shape },
  options: WindowOptions<Empty>
): Windows<Shape, Empty, 'updates'> {
  return new Windows({
    ...shape,
    emission: 'updates',
    graceMs: durationMs(options.grace ?? '0ms'),
    idleMs: idleOf(options.idle),
    // The type parameter says what the option holds; without the option it is false.
    emptyWindows: (options.emptyWindows ?? false) as Empty,
  })
}

/** Null: off. */
export function idleOf(idle: Duration | 'off' = 'off'): number | null {
  const idleMs = idle === 'off' ? null : durationMs(idle)
  if (idleMs !== 0) return idleMs
  throw invalid(`an idle time of ${idle} closes windows at once: use 'off' or more`)
}

function invalid(reason: string): TopologyError {
  return new TopologyError('MILLRACE_WINDOW_INVALID', `Impossible window: ${reason}.`)
}
