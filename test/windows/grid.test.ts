/** Window arithmetic against definitions that look at every millisecond. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WindowGrid } from '../../src/windows/grid.ts'

const grids = fc
  .tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.nat(12))
  .map(([a, b, graceMs]) => {
    return new WindowGrid({ sizeMs: Math.max(a, b), advanceMs: Math.min(a, b), graceMs })
  })
const times = fc.integer({ min: -150, max: 300 })

/** Every end whose window holds t, by trying all of them. */
function endsOf(grid: WindowGrid, t: number): number[] {
  const ends: number[] = []
  for (let end = t + 1; end <= t + grid.sizeMs; end++) {
    if ((((end - grid.sizeMs) % grid.advanceMs) + grid.advanceMs) % grid.advanceMs === 0) {
      ends.push(end)
    }
  }
  return ends
}

test('all timestamps of a pane belong to the same windows, and the last of them is lastEnd', () => {
  fc.assert(
    fc.property(grids, times, (grid, t) => {
      const pane = grid.pane(t)
      expect(pane).toBeLessThanOrEqual(t)
      for (let other = pane; other < pane + grid.paneMs; other++) {
        expect(endsOf(grid, other)).toEqual(endsOf(grid, t))
      }
      expect(grid.lastEnd(pane)).toBe(endsOf(grid, t).at(-1))
    })
  )
})

test('nextEnd and lastClosedEnd are neighbours on the grid', () => {
  fc.assert(
    fc.property(grids, times, (grid, t) => {
      const next = grid.nextEnd(t)
      expect(next).toBeGreaterThan(t)
      expect(next - grid.advanceMs).toBeLessThanOrEqual(t)
      expect(Math.abs((next - grid.sizeMs) % grid.advanceMs)).toBe(0)
      const closed = grid.lastClosedEnd(t)
      expect(grid.isClosed(closed, t)).toBe(true)
      expect(grid.isClosed(closed + grid.advanceMs, t)).toBe(false)
    })
  )
})

test('a record counts from the first of its windows that is open, or for none', () => {
  fc.assert(
    fc.property(grids, times, fc.option(times, { nil: -Infinity }), (grid, t, watermark) => {
      const open = endsOf(grid, t).filter((end) => end + grid.graceMs > watermark)
      expect(grid.firstEndInTime(t, watermark)).toBe(open[0])
      if (open.length === 0) expect(grid.isPaneOver(grid.pane(t), watermark)).toBe(true)
      const latest = grid.pane(t) + grid.paneMs
      expect(grid.hasPanePassed(grid.pane(t), watermark)).toBe(latest + grid.graceMs <= watermark)
    })
  )
})

test('the compatible layer has the same windows, but none that starts below 0', () => {
  fc.assert(
    fc.property(grids, fc.nat(300), (grid, t) => {
      const starts = endsOf(grid, t).map((end) => end - grid.sizeMs)
      expect(grid.windowsFor(t).map(({ start }) => start)).toEqual(starts.filter((s) => s >= 0))
    })
  )
})

test('the bounds are those of Kafka Streams', () => {
  const bounds = (sizeMs: number, advanceMs: number, t: number) =>
    new WindowGrid({ sizeMs, advanceMs, graceMs: 0 })
      .windowsFor(t)
      .map(({ start, end }) => [start, end])
  expect(bounds(12, 5, 21)).toEqual([
    [10, 22],
    [15, 27],
    [20, 32],
  ])
  expect(bounds(6, 5, 7)).toEqual([[5, 11]])
  expect(bounds(12, 12, 21)).toEqual([[12, 24]])
})
