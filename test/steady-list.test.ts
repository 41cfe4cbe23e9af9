/** Claim: they are lists like others, whatever is in them. */
import { expect, test } from 'vitest'
import { steadyList, steadyMap } from '../src/steady-list.ts'

test('a list begins empty, and each is its own', () => {
  const [one, other] = [steadyList<number>(), steadyList<number>()]
  one.push(1, 2.5)
  expect([one, other]).toEqual([[1, 2.5], []])
})

test('a map has no holes, and asks for each value once, in order', () => {
  const asked: unknown[] = []
  const list = steadyMap(['a', undefined, 3], (one, at) => {
    asked.push([one, at])
    return one
  })
  expect(list).toStrictEqual(['a', undefined, 3])
  expect(asked).toEqual([
    ['a', 0],
    [undefined, 1],
    [3, 2],
  ])
})
