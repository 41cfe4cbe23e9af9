/** Sets that are used again hold what new ones would, and leave alone what was seen of them. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemberList } from '../../src/operators/member-list.ts'
import { MemberSet } from '../../src/operators/member-set.ts'
import { SpareSets } from '../../src/operators/spare-sets.ts'

const members = fc.array(fc.string({ unit: 'binary-ascii', maxLength: 200 }), { maxLength: 200 })

test('a set that is used again holds what a new one would', () => {
  fc.assert(
    fc.property(fc.array(members, { minLength: 1, maxLength: 5 }), (rounds) => {
      const spare = new SpareSets()
      for (const round of rounds) {
        const set = spare.take(3) ?? new MemberSet()
        expect([...set]).toEqual([])
        const isNew = round.map((one) => set.add(one))
        expect([...set]).toEqual([...new Set(round)])
        expect(isNew).toEqual(round.map((one, at) => round.indexOf(one) === at))
        expect(set.size).toBe(new Set(round).size)
        spare.keep([undefined, undefined, undefined, set])
      }
    })
  )
})

test('the empty member is one, whatever came before it', () => {
  const set = new MemberSet(['', 'a', '', 'b', ''])
  expect([...set]).toEqual(['', 'a', 'b'])
})

test('bytes that were seen stay what they are', () => {
  const set = new MemberSet(['first', 'second'])
  const { bytes } = set.run(0)
  const before = [...bytes]
  set.clear()
  for (let i = 0; i < 100; i++) set.add(`other-${i}`)
  expect([...bytes]).toEqual(before)
})

test('a set is given once, to its own slot, and not more are kept than have room', () => {
  const spare = new SpareSets()
  const set = new MemberSet(['a'])
  spare.keep([set, new MemberList()])
  expect(spare.take(1)).toBeUndefined()
  expect(spare.take(0)).toBe(set)
  expect(spare.take(0)).toBeUndefined()
  const filled = (size: number): MemberSet =>
    new MemberSet(Array.from({ length: size }, (_, i) => `${i}`))
  for (let i = 0; i < 10; i++) spare.keep([filled(20_000)])
  const rooms: number[] = []
  for (let one = spare.take(0); one !== undefined; one = spare.take(0)) rooms.push(one.room)
  expect(rooms).toEqual([32_768, 32_768, 32_768, 32_768])
  spare.keep([filled(200_000)])
  expect(spare.take(0)).toBeUndefined()
})
