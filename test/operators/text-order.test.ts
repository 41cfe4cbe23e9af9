/** Rows in the order of their keys, however alike those are. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sortedByKey } from '../../src/operators/text-order.ts'
import { Random } from '../support/random.ts'

function keysOf(keys: readonly string[]): readonly string[] {
  return sortedByKey(keys.map((key) => ({ key }))).map(({ key }) => key)
}

test('any keys come in the order of strings', () => {
  const char = fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code))
  const key = fc.tuple(fc.constantFrom('', 's0000'), fc.array(char, { maxLength: 9 }))
  const keys = fc.array(
    key.map(([head, chars]) => head + chars.join('')),
    { maxLength: 60 }
  )
  fc.assert(
    fc.property(keys, (list) => {
      expect(keysOf(list)).toEqual([...list].sort())
    })
  )
})

test('keys that differ far behind where they begin to are told apart', () => {
  const keys = Array.from({ length: 40 }, (_, i) => `${i % 2}-a-long-way-${'x'.repeat(40 - i)}`)
  expect(keysOf(keys)).toEqual([...keys].sort())
})

test('a key that another one begins with comes first, with a zero behind it or without', () => {
  const keys = Array.from({ length: 30 }, (_, i) => `k${'\0'.repeat(29 - i)}`)
  expect(keysOf([...keys, 'k\xff', 'k\x01'])).toEqual([...keys].reverse().concat('k\x01', 'k\xff'))
})

test('so many that their places take more bits are sorted by fewer chars', () => {
  const random = new Random(7)
  const keys = Array.from({ length: 5_000 }, () => `u${Math.floor(random.next() * 2 ** 40)}`)
  expect(keysOf(keys)).toEqual([...keys].sort())
})
