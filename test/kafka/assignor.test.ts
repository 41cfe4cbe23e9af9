/** Properties of the assignment, over random groups and random histories. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTaskId, type TaskId, taskId } from '../../src/ids.ts'
import {
  type AssignableMember,
  handOver,
  type TaskAssignment,
  targetAssignment,
} from '../../src/kafka/assignor.ts'

const tasksArbitrary = fc
  .array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 })
  .map((counts) =>
    counts.flatMap((count, subtopology) =>
      Array.from({ length: count }, (_, partition) => taskId(subtopology, partition))
    )
  )

const worldArbitrary = tasksArbitrary.chain((tasks) =>
  fc.record({
    tasks: fc.constant(tasks),
    members: fc
      .uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 })
      .chain((ids) =>
        fc.tuple(
          ...ids.map((id) =>
            fc.record({
              id: fc.constant(id),
              generation: fc.integer({ min: 0, max: 3 }),
              owned: fc.subarray(tasks),
              held: fc
                .subarray(tasks)
                .chain((held) =>
                  fc.tuple(
                    ...held.map((task) =>
                      fc.record({ id: fc.constant(task), restored: fc.nat(1_000) })
                    )
                  )
                ),
            })
          )
        )
      ),
  })
)

function fresh(id: string, more: Partial<AssignableMember> = {}): AssignableMember {
  return { id, generation: 1, owned: [], held: [], ...more }
}

function running(assignment: TaskAssignment): AssignableMember[] {
  return [...assignment].map(([id, owned]) => fresh(id, { owned }))
}

function spreadOf(counts: readonly number[]): number {
  return Math.max(...counts) - Math.min(...counts)
}

describe('the target assignment', () => {
  it('leaves busy members what they run, and nothing else, while others are there', () => {
    const busyOnes = fc.tuple(worldArbitrary, fc.integer({ min: 0, max: 63 }))
    fc.assert(
      fc.property(busyOnes, ([{ tasks, members }, mask]) => {
        const before = running(targetAssignment(tasks, members)).map((member, i) => {
          return { ...member, isBusy: ((mask >> i) & 1) === 1 }
        })
        const everybody = [...before, fresh('~joined')]
        const target = targetAssignment(tasks, everybody)
        expect([...target.values()].flat().sort()).toEqual([...tasks].sort())
        for (const { id, owned, isBusy } of before)
          if (isBusy) expect(target.get(id)).toEqual(owned)
        const able = everybody.filter(({ isBusy = false }) => !isBusy)
        const counts = able.map(({ id }) => target.get(id)?.length ?? 0)
        expect(spreadOf(counts)).toBeLessThanOrEqual(1)
        // So nothing waits for them.
        const given = handOver(target, everybody)
        for (const { id, isBusy } of before)
          if (isBusy) expect(given.get(id)).toEqual(target.get(id))
      })
    )
  })

  it('gives what nobody runs to busy members when there are no others', () => {
    const [one, two, three] = [taskId(0, 0), taskId(0, 1), taskId(0, 2)]
    const busy = [fresh('a', { owned: [one], isBusy: true }), fresh('b', { isBusy: true })]
    const target = targetAssignment([one, two, three], busy)
    expect([...target.values()].flat().sort()).toEqual([one, two, three])
    expect(target.get('a')).toContain(one)
  })

  it('gives every task to exactly one member', () => {
    fc.assert(
      fc.property(worldArbitrary, ({ tasks, members }) => {
        const given = [...targetAssignment(tasks, members).values()].flat()
        expect([...given].sort()).toEqual([...tasks].sort())
      })
    )
  })

  it('is balanced within one task, as a whole and per sub-topology', () => {
    fc.assert(
      fc.property(worldArbitrary, ({ tasks, members }) => {
        const target = [...targetAssignment(tasks, members).values()]
        expect(spreadOf(target.map((own) => own.length))).toBeLessThanOrEqual(1)
        for (const subtopology of new Set(tasks.map((task) => parseTaskId(task).subtopology))) {
          const counts = target.map(
            (own) => own.filter((task) => parseTaskId(task).subtopology === subtopology).length
          )
          expect(spreadOf(counts)).toBeLessThanOrEqual(1)
        }
      })
    )
  })

  it('does not depend on the order of members or tasks', () => {
    fc.assert(
      fc.property(worldArbitrary, ({ tasks, members }) => {
        const forward = targetAssignment(tasks, members)
        const backward = targetAssignment([...tasks].reverse(), [...members].reverse())
        expect([...backward].sort()).toEqual([...forward].sort())
      })
    )
  })

  it('moves nothing while the members stay the same', () => {
    fc.assert(
      fc.property(worldArbitrary, ({ tasks, members }) => {
        const first = targetAssignment(tasks, members)
        expect(targetAssignment(tasks, running(first))).toEqual(first)
      })
    )
  })

  it('leaves a member its tasks up to its share', () => {
    fc.assert(
      fc.property(worldArbitrary, fc.integer({ min: 1, max: 3 }), ({ tasks, members }, more) => {
        const before = targetAssignment(tasks, members)
        const joined = Array.from({ length: more }, (_, i) => fresh(`joined-${i}`))
        const after = targetAssignment(tasks, [...running(before), ...joined])
        const size = members.length + more
        for (const [id, own] of before) {
          for (const subtopology of new Set(tasks.map((task) => parseTaskId(task).subtopology))) {
            const inIt = (task: TaskId): boolean => parseTaskId(task).subtopology === subtopology
            const [all, mine] = [tasks.filter(inIt), own.filter(inIt)]
            const share = Math.floor(all.length / size)
            const kept = mine.filter((task) => after.get(id)?.includes(task))
            expect(kept.length).toBeGreaterThanOrEqual(Math.min(mine.length, share))
          }
        }
      })
    )
  })

  it('follows the state when nobody runs the tasks', () => {
    const tasks = [taskId(0, 0), taskId(0, 1), taskId(1, 0), taskId(1, 1)]
    const members = [
      fresh('a', {
        held: [
          { id: taskId(0, 1), restored: 10 },
          { id: taskId(1, 0), restored: 900 },
        ],
      }),
      fresh('b', {
        held: [
          { id: taskId(0, 0), restored: 5 },
          { id: taskId(1, 0), restored: 20 },
        ],
      }),
    ]
    expect(targetAssignment(tasks, members)).toEqual(
      new Map([
        ['a', [taskId(0, 1), taskId(1, 0)]],
        ['b', [taskId(0, 0), taskId(1, 1)]],
      ])
    )
  })

  it('never lets a state that is far behind win over a fresh one', () => {
    const task = taskId(0, 0)
    const states = fc.record({
      behind: fc.nat(1_000_000),
      lead: fc.integer({ min: 1, max: 1_000_000 }),
    })
    fc.assert(
      fc.property(states, fc.boolean(), ({ behind, lead }, isSwapped) => {
        const [stale, good] = isSwapped ? ['a', 'b'] : ['b', 'a']
        const members = [
          fresh(stale ?? '', { held: [{ id: task, restored: behind }] }),
          fresh(good ?? '', { held: [{ id: task, restored: behind + lead }] }),
        ]
        expect(targetAssignment([task], members).get(good ?? '')).toEqual([task])
      })
    )
  })

  it('takes a task from who has begun to restore it, for who has its state', () => {
    const tasks = [taskId(0, 0), taskId(0, 1), taskId(0, 2), taskId(0, 3)]
    const held = (from: number, restored: number) =>
      tasks.slice(from, from + 2).map((id) => ({ id, restored }))
    // The first was gone for a moment; the second runs its own tasks, and restores the others.
    const members = [
      fresh('a', { generation: -1, held: held(2, 900_000) }),
      fresh('b', { owned: tasks, held: [...held(0, 900_000), ...held(2, 100)] }),
    ]
    expect(targetAssignment(tasks, members)).toEqual(
      new Map([
        ['a', tasks.slice(2)],
        ['b', tasks.slice(0, 2)],
      ])
    )
  })

  it('leaves no two tasks of which less had to be restored if they changed places', () => {
    fc.assert(
      fc.property(worldArbitrary, ({ tasks, members }) => {
        const idle = members.map((member) => ({ ...member, owned: [] }))
        const target = targetAssignment(tasks, idle)
        const restored = (task: TaskId, id: string): number =>
          idle.find((member) => member.id === id)?.held.find((held) => held.id === task)
            ?.restored ?? 0
        const places = [...target].flatMap(([id, own]) => own.map((task) => ({ task, id })))
        for (const one of places) {
          for (const two of places) {
            if (parseTaskId(one.task).subtopology !== parseTaskId(two.task).subtopology) continue
            const now = restored(one.task, one.id) + restored(two.task, two.id)
            const then = restored(one.task, two.id) + restored(two.task, one.id)
            expect(then).toBeLessThanOrEqual(now)
          }
        }
      })
    )
  })

  it('believes the later of two claims', () => {
    const task = taskId(0, 0)
    const members = [
      fresh('a', { generation: 3, owned: [task] }),
      fresh('b', { generation: 4, owned: [task] }),
    ]
    expect(targetAssignment([task], members).get('b')).toEqual([task])
    expect(handOver(targetAssignment([task], members), members).get('b')).toEqual([task])
  })
})

describe('the hand-over', () => {
  it('never gives a task to one member while another runs it, and gets there in two steps', () => {
    fc.assert(
      fc.property(worldArbitrary, fc.integer({ min: 0, max: 3 }), ({ tasks, members }, more) => {
        const before = running(targetAssignment(tasks, members)).slice(members.length > 1 ? 1 : 0)
        const group = [...before, ...Array.from({ length: more }, (_, i) => fresh(`joined-${i}`))]
        const first = handOver(targetAssignment(tasks, group), group)
        for (const [id, given] of first) {
          for (const other of group) {
            if (other.id === id) continue
            expect(given.filter((task) => other.owned.includes(task))).toEqual([])
          }
        }
        const now = running(first)
        const second = handOver(targetAssignment(tasks, now), now)
        expect([...second.values()].flat().sort()).toEqual([...tasks].sort())
        const target: readonly TaskId[][] = [
          ...targetAssignment(tasks, running(second)).values(),
        ].map((own) => [...own])
        expect([...second.values()]).toEqual(target)
      })
    )
  })
})
