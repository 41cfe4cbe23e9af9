import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type TaskId, taskId } from '../../src/ids.ts'
import { assign, type Candidate } from '../../src/log/assign.ts'

const tasks = (count: number): TaskId[] =>
  Array.from({ length: count }, (_, i) => taskId(i % 3, Math.floor(i / 3)))

function candidate(id: string, plan: readonly TaskId[], more: Partial<Candidate> = {}): Candidate {
  return { id, plan: new Set(plan), owned: new Set(), held: new Map(), ...more }
}

describe('the assignment within one process', () => {
  it('gives every task to one member, evenly, and moves no more than it must', () => {
    fc.assert(
      fc.property(
        fc.nat(20),
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.nat(9)),
        (n, m, dice) => {
          const all = tasks(n)
          const roll = (): number => dice.next().value
          const owners = all.map(() => roll() % (m + 1))
          const members = Array.from({ length: m }, (_, i) =>
            candidate(`m${i}`, all, { owned: new Set(all.filter((_, t) => owners[t] === i)) })
          )
          const result = assign(all, members)
          expect([...result.values()].flat().sort()).toEqual([...all].sort())
          const sizes = [...result.values()].map(({ length }) => length)
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
          const floor = Math.floor(n / m)
          for (const { id, owned } of members) {
            const kept = result.get(id)?.filter((task) => owned.has(task)).length ?? 0
            expect(kept).toBeGreaterThanOrEqual(Math.min(owned.size, floor))
          }
        }
      )
    )
  })

  it('gives a task that nobody runs to the member with the most of its state', () => {
    const all = tasks(2)
    const [first, second] = all as [TaskId, TaskId]
    const result = assign(all, [
      candidate('a', all, {
        held: new Map([
          [first, 5],
          [second, 9],
        ]),
      }),
      candidate('b', all, { held: new Map([[first, 6]]) }),
    ])
    expect(result).toEqual(
      new Map([
        ['a', [second]],
        ['b', [first]],
      ])
    )
  })

  it('gives nobody a task that is not in its plan', () => {
    const all = tasks(4)
    const result = assign(all, [candidate('old', all.slice(0, 2)), candidate('new', all)])
    expect(new Set(result.get('old'))).toEqual(new Set(all.slice(0, 2)))
    expect(new Set(result.get('new'))).toEqual(new Set(all.slice(2)))
  })

  it('assigns nothing to nobody', () => {
    expect(assign(tasks(3), [])).toEqual(new Map())
  })
})
