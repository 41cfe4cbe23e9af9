import { expect, it } from 'vitest'
import { Punctuators } from '../../src/runtime/punctuators.ts'

it('fires in the order in which they are due, and aligns again after a gap', () => {
  const fired: string[] = []
  const punctuators = new Punctuators()
  punctuators.add(0, 10, (now) => void fired.push(`ten ${now}`))
  punctuators.add(0, 7, (now) => void fired.push(`seven ${now}`))
  for (const now of [0, 6, 8, 10, 34, 35, 40]) punctuators.advance(now)
  expect(fired).toEqual([
    ...['ten 0', 'seven 0', 'seven 8', 'ten 10'],
    ...['seven 34', 'ten 34', 'seven 35', 'ten 40'],
  ])
  expect(punctuators.nextDue).toBe(42)
})

it('lets one cancel itself or another while they fire', () => {
  const fired: string[] = []
  const punctuators = new Punctuators()
  const first = punctuators.add(0, 1, () => {
    fired.push('first')
    first.cancel()
    second.cancel()
  })
  const second = punctuators.add(0, 1, () => void fired.push('second'))
  expect(punctuators.advance(5)).toBe(true)
  expect(punctuators.advance(9)).toBe(false)
  expect(fired).toEqual(['first'])
  expect(punctuators.nextDue).toBe(Number.POSITIVE_INFINITY)
})

it('refuses an interval that would never end', () => {
  expect(() => new Punctuators().add(0, 0, () => {})).toThrow(TypeError)
})

it('waits no longer than its interval when the clock is set back', () => {
  const fired: number[] = []
  const punctuators = new Punctuators()
  punctuators.add(1_010, 10, (now) => void fired.push(now))
  for (const now of [1_010, 1_015, 300, 305, 310, 320, 1_500, 1_505]) {
    punctuators.follow(now)
    punctuators.advance(now)
  }
  expect(fired).toEqual([1_010, 310, 320, 1_500])
  expect(punctuators.nextDue).toBe(1_510)
})
