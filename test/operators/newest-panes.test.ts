/** How many different members a window holds that moves on, beside counting them anew each time. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteWriter } from '../../src/aggregators/bytes.ts'
import { type MemberRun, runOf } from '../../src/operators/member-list.ts'
import { NewestPanes } from '../../src/operators/newest-panes.ts'

const panesOfWindow = 3

function runWith(members: readonly string[]): MemberRun {
  const writer = new ByteWriter()
  for (const member of members) writer.binary(member)
  return runOf(writer.take())
}

/** Each step adds members to a pane of the window, then the window moves on by a pane, or not. */
function expectSizes(
  steps: readonly { readonly members: readonly string[]; ago: number; moves: boolean }[]
): void {
  const newest = new NewestPanes()
  const panes = new Map<number, Set<string>>()
  let last = 0
  for (const { members, ago, moves } of steps) {
    const pane = Math.max(last - ago, 0)
    newest.add(pane, [runWith(members), runWith(members.slice(1))])
    const known = panes.get(pane) ?? new Set()
    for (const member of members) known.add(member)
    panes.set(pane, known)
    if (moves) last += 1
    const from = last - panesOfWindow + 1
    newest.leaveBefore(from)
    const all = [...panes].flatMap(([start, set]) => (start >= from ? [...set] : []))
    expect(newest.size).toBe(new Set(all).size)
  }
}

test('a window holds the members of its panes, whichever come when', () => {
  const member = fc.oneof(
    { weight: 20, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 2 }) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', minLength: 120, maxLength: 400 }) }
  )
  const members = fc.array(member, { maxLength: 30 })
  const ago = fc.nat(panesOfWindow - 1)
  const step = fc.record({ members, ago, moves: fc.boolean() })
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), expectSizes))
})

test('many members come, go, and come again', () => {
  const steps = Array.from({ length: 12 }, (_, at) => {
    const count = at % 4 === 3 ? 10 : 3_000
    const members = Array.from({ length: count }, (_, i) => `s${(i * 7 + at * 1_500) % 9_000}`)
    return { members, ago: 0, moves: true }
  })
  expectSizes([...steps, ...steps])
})

test('all members go at once, few or many, and others come', () => {
  const newest = new NewestPanes()
  for (const [pane, count] of [5_000, 10, 100_000, 3_000, 0, 200_000, 4_000].entries()) {
    const members = Array.from({ length: count }, (_, i) => `s${i % 150_000}`)
    newest.leaveBefore(pane)
    expect(newest.size).toBe(0)
    newest.add(pane, [runWith(members), runWith(members.slice(count / 2))])
    expect(newest.size).toBe(Math.min(count, 150_000))
  }
})
