/** When silence is worth a commit: by what may close, and no more often. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { closingsOf } from '../../src/windows/closings.ts'

test('windows on a grid close where one of their ends and its grace are passed', () => {
  const closings = closingsOf({ sizeMs: 10, advanceMs: 5, graceMs: 2 }, 1)
  expect(closings.isAnyBetween(6, 7, 0)).toBe(true)
  expect(closings.isAnyBetween(7, 11, 0)).toBe(false)
  expect(closings.isAnyBetween(7, 12, 0)).toBe(true)
  expect(closings.isAnyBetween(Number.NEGATIVE_INFINITY, 12, 0)).toBe(true)
})

test('those of the newest record close at once, others within a step', () => {
  const closings = closingsOf({ reachMs: 20 }, 10)
  expect(closings.isAnyBetween(100, 109, 100)).toBe(false)
  expect(closings.isAnyBetween(100, 110, 100)).toBe(true)
  expect(closings.isAnyBetween(111, 118, 98)).toBe(false)
  expect(closings.isAnyBetween(111, 119, 98)).toBe(true)
  expect(closings.isAnyBetween(119, 119.5, 98)).toBe(false)
})

test('a silence of any length closes everything, and takes few commits', () => {
  const times = fc.integer({ min: 0, max: 500 })
  const lengths = fc.integer({ min: 1, max: 60 })
  fc.assert(
    fc.property(times, times, lengths, lengths, (from, newest, reachMs, stepMs) => {
      const closings = closingsOf({ reachMs }, stepMs)
      let mark = Math.min(from, newest)
      let commits = 0
      for (let until = mark; until <= newest + reachMs + 1; until++) {
        if (!closings.isAnyBetween(mark, until, newest)) continue
        mark = until
        commits += 1
      }
      expect(mark).toBe(newest + reachMs + 1)
      expect(commits).toBeLessThanOrEqual((mark - Math.min(from, newest)) / stepMs + 2)
    })
  )
})
