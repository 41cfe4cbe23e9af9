/** Sets that only grow, as entries of a store: what was added is there, written about once. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/aggregators/bytes.ts'
import { MemberBlock, MemberBlocks } from '../../src/operators/member-blocks.ts'
import { eachOf } from '../../src/operators/member-list.ts'
import { MemberSet, type MemberTail } from '../../src/operators/member-set.ts'

const prefix = 'p'

class Written {
  readonly entries = new Map<string, Uint8Array>()
  bytes = 0

  put(key: string, block: MemberBlock): void {
    const writer = new ByteWriter()
    block.write(writer)
    const bytes = writer.take()
    this.bytes += bytes.length
    this.entries.set(key, bytes)
  }

  load(): readonly [MemberSet, MemberBlocks] {
    const set = new MemberSet()
    const blocks = new MemberBlocks(set)
    for (const key of [...this.entries.keys()].sort()) {
      const bytes = this.entries.get(key) ?? new Uint8Array()
      blocks.load(key.slice(prefix.length), MemberBlock.read(new ByteReader(bytes)))
    }
    return [set, blocks]
  }
}

const members = fc.array(fc.string({ unit: 'binary-ascii', maxLength: 40 }), { maxLength: 200 })
const step = fc.record({ members, restarts: fc.boolean() })

test('what is written is what was added, over any number of flushes and restarts', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const store = new Written()
      const all = new Set<string>()
      let set = new MemberSet()
      let blocks = new MemberBlocks(set)
      for (const { members, restarts } of steps) {
        for (const member of members) {
          set.add(member)
          all.add(member)
        }
        blocks.write(store, prefix)
        if (restarts) [set, blocks] = store.load()
      }
      expect([...store.load()[0]].sort()).toEqual([...all].sort())
      expect(new Set(blocks.keys(prefix))).toEqual(new Set(store.entries.keys()))
    })
  )
})

test('a member at a time costs few blocks, and each of them little again', () => {
  const store = new Written()
  const set = new MemberSet()
  const blocks = new MemberBlocks(set)
  for (let i = 0; i < 10_000; i++) {
    set.add(`session-${i}`)
    blocks.write(store, prefix)
  }
  blocks.write(store, prefix)
  expect(store.entries.size).toBeLessThan(10_000 / 25)
  expect(store.bytes / 10_000).toBeLessThan(512)
})

test('many at a time are split, and a large one has a block to itself', () => {
  const store = new Written()
  const set = new MemberSet(Array.from({ length: 20_000 }, (_, i) => `session-${i}`))
  const blocks = new MemberBlocks(set)
  blocks.write(store, prefix)
  set.add('x'.repeat(500_000))
  set.add('last')
  blocks.write(store, prefix)
  const sizes = [...store.entries.values()].map(({ length }) => length)
  expect(sizes.filter((size) => size > 17_000)).toHaveLength(1)
  expect(sizes.length).toBeLessThan(25)
  expect([...store.load()[0]]).toEqual([...set])
})

test('a set holds each member once, in the order they came, whatever their hashes', () => {
  const text = fc.string({ unit: 'binary-ascii', maxLength: 3 })
  fc.assert(
    fc.property(fc.array(text, { maxLength: 300 }), (texts) => {
      const set = new MemberSet()
      const due = new Set<string>()
      for (const one of texts) {
        expect(set.add(one)).toBe(!due.has(one))
        due.add(one)
      }
      expect([...set]).toEqual([...due])
      expect(set.size).toBe(due.size)
    })
  )
})

test('a tail is what has come since it was looked at', () => {
  const set = new MemberSet(['a', 'b'])
  const [all, rest] = [set.tail(0), set.tail(2)]
  const taken = (tail: MemberTail, bytesMax: number): readonly string[] => {
    const found: string[] = []
    eachOf(tail.take(bytesMax), (member) => found.push(member))
    return found
  }
  expect(taken(all, 9)).toEqual(['a', 'b'])
  for (const one of ['c', 'a', 'd', 'ef']) set.add(one)
  expect([all.size, rest.size]).toEqual([3, 3])
  expect([taken(rest, 0), taken(rest, 5), taken(all, 4)]).toEqual([['c'], ['d', 'ef'], ['c', 'd']])
  expect([rest.size, all.size]).toEqual([0, 1])
  expect(() => rest.take(1)).toThrow()
})

test('members are told apart by all of their bytes, however long they are', () => {
  const lengths = [0, 1, 126, 127, 128, 129, 16_383, 16_384, 16_385]
  const members = lengths.flatMap((length) => ['x', 'y'].map((end) => '\x01'.repeat(length) + end))
  const set = new MemberSet([...members, ...members])
  expect([...set]).toEqual(members)
})
