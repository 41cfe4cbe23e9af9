import { expect, test } from 'vitest'
import { ManualClock, systemClock } from '../src/clock.ts'
import { steadyOf } from '../src/steady-clock.ts'

const hour = 3_600_000
const start = 1_000_000_000

test('a jump that is taken back goes by unseen', () => {
  const clock = new ManualClock(start)
  const steady = steadyOf(clock)
  for (const jumpMs of [hour, -hour]) {
    clock.jump(jumpMs)
    expect(steady.now()).toBe(clock.now() - jumpMs)
    clock.advance(60_000)
    expect(steady.now()).toBe(clock.now() - jumpMs)
    clock.jump(-jumpMs)
    expect(steady.now()).toBe(clock.now())
  }
})

test.each([hour, -hour])('a jump of %i ms is believed once it has lasted', (jumpMs) => {
  const clock = new ManualClock(start)
  const steady = steadyOf(clock)
  clock.jump(jumpMs)
  expect(steady.now()).toBe(start)
  clock.advance(299_999)
  expect(steady.now()).toBe(start + 299_999)
  clock.advance(1)
  expect(steady.now()).toBe(clock.now())
})

test('small steps are followed at once', () => {
  const clock = new ManualClock(start)
  const steady = steadyOf(clock)
  for (const stepMs of [900, -700, 1_000]) {
    clock.jump(stepMs)
    expect(steady.now()).toBe(clock.now())
  }
})

test('all that use a clock have the same one beside it', () => {
  expect(steadyOf(systemClock)).toBe(steadyOf(systemClock))
  expect(Math.abs(steadyOf(systemClock).now() - Date.now())).toBeLessThan(1_000)
  const bare = { now: () => 5 }
  expect(steadyOf(bare)).toBe(bare)
})
