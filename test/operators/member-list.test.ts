/** Members as the bytes that they came as: what is told, written and read again is what came. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/aggregators/bytes.ts'
import { MemberBlock, MemberBlocks } from '../../src/operators/member-blocks.ts'
import {
  eachOf,
  eachRun,
  MemberList,
  type Members,
  runBytesMax,
  runOf,
  writeRun,
} from '../../src/operators/member-list.ts'
import { MemberSet } from '../../src/operators/member-set.ts'

type Sent = readonly [slot: number, member: string]

const member = fc.oneof(
  { weight: 9, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', minLength: 60, maxLength: 300 }) }
)
const sent = fc.array(fc.tuple(fc.nat(2), member), { maxLength: 60 })

/** Each member a run of its own, or with those of its slot that come with it. */
function written(all: readonly Sent[]): Uint8Array {
  const [writer, members] = [new ByteWriter(), new ByteWriter()]
  for (const [at, [slot, text]] of all.entries()) {
    members.binary(text)
    if (all[at + 1]?.[0] !== slot) writeRun(writer, slot, runOf(members.take()))
  }
  return writer.take()
}

function listsOf(all: readonly Sent[]): readonly MemberList[] {
  const lists = [new MemberList(), new MemberList(), new MemberList()]
  eachRun(new ByteReader(written(all)), (slot, run) => lists[slot]?.addRun(run))
  return lists
}

test('members that came by slot are those that are told', () => {
  fc.assert(
    fc.property(sent, (all) => {
      for (const [slot, list] of listsOf(all).entries()) {
        const due = all.filter(([one]) => one === slot).map(([, text]) => text)
        expect([...list]).toEqual(due)
        expect(list.size).toBe(due.length)
      }
    })
  )
})

test('many of a set come as runs that fit into a block each', () => {
  const all = Array.from({ length: 5_000 }, (_, i) => `session-${i}`)
  const [tail, writer, list] = [new MemberSet(all).tail(0), new ByteWriter(), new MemberList()]
  while (tail.size > 0) writeRun(writer, 1, tail.take(runBytesMax))
  eachRun(new ByteReader(writer.take()), (slot, run) => {
    expect(slot).toBe(1)
    list.addRun(run)
  })
  expect([...list]).toEqual(all)
  expect(list.size).toBe(5_000)
  const sizes = list.runs.map(({ bytes }) => bytes.length)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(runBytesMax)
  expect(sizes.length).toBeLessThan(8)
})

test('bytes that end within a run are refused', () => {
  const bytes = written([
    [0, 'first'],
    [0, 'second'],
  ])
  for (const end of [1, 3, bytes.length - 1]) {
    const reader = new ByteReader(bytes.subarray(0, end))
    expect(() => eachRun(reader, () => undefined)).toThrow(RangeError)
  }
})

test('what a list has is what its blocks give back, to a list or to a set', () => {
  const flushes = fc.array(fc.record({ sent, restarts: fc.boolean() }), { maxLength: 20 })
  fc.assert(
    fc.property(flushes, (all) => {
      const entries = new Map<string, Uint8Array>()
      const store = {
        put(key: string, block: MemberBlock): void {
          const writer = new ByteWriter()
          block.write(writer)
          entries.set(key, writer.take())
        },
      }
      const load = <T extends Members>(set: T): readonly [T, MemberBlocks] => {
        const blocks = new MemberBlocks(set)
        for (const key of [...entries.keys()].sort()) {
          const bytes = entries.get(key) ?? new Uint8Array()
          blocks.load(key.slice(1), MemberBlock.read(new ByteReader(bytes)))
        }
        return [set, blocks]
      }
      let [list, blocks] = load(new MemberList())
      const due: string[] = []
      for (const { sent, restarts } of all) {
        const here = sent.map(([, text]): Sent => [0, text])
        eachRun(new ByteReader(written(here)), (_, run) => list.addRun(run))
        for (const [, text] of here) due.push(text)
        blocks.write(store, 'p')
        if (restarts) [list, blocks] = load(new MemberList())
      }
      expect([...load(new MemberList())[0]]).toEqual(due)
      expect([...load(new MemberSet())[0]]).toEqual([...new Set(due)])
      expect([...blocks.keys('p')]).toEqual([...entries.keys()])
    })
  )
})

test('a run is told one by one', () => {
  const told: string[] = []
  eachOf({ bytes: new ByteWriter().binary('a').binary('b').take(), count: 2 }, (one) => {
    told.push(one)
  })
  expect(told).toEqual(['a', 'b'])
})
