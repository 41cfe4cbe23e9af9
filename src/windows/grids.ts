/** The grid of windows as they are described. */
import type { Timestamp } from '../ids.ts'
import type { CalendarSpec } from './calendar.ts'
import { CalendarGrid } from './calendar-grid.ts'
import { type Grid, type GridSpec, WindowGrid } from './grid.ts'
import type { SlidingSpec } from './record-windows.ts'
import { UnlimitedGrid } from './unlimited-grid.ts'
import type { WindowSpec } from './windows.ts'

/** What tells other grids from those of one length. */
interface AnyGridSpec extends GridSpec {
  readonly calendar?: CalendarSpec | undefined
  readonly startMs?: Timestamp | undefined
}

export function gridOf(spec: AnyGridSpec): Grid {
  const { calendar, graceMs, startMs } = spec
  if (startMs !== undefined) return new UnlimitedGrid(startMs)
  return calendar === undefined ? new WindowGrid(spec) : new CalendarGrid(calendar, graceMs)
}

/** Where windows end, by where they start. What is wrong with them is for `build()` to say. */
export function endsOf(windows: WindowSpec | SlidingSpec): { endOf(start: Timestamp): Timestamp } {
  if (windows.shape === 'sliding') return { endOf: (start) => start + windows.spanMs }
  let grid: Grid | undefined
  return {
    endOf: (start) => {
      grid ??= gridOf(windows)
      return grid.endOf(start)
    },
  }
}
