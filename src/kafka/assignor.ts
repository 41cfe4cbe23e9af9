/**
 * Who runs which task. Pure: the same members and tasks give the same answer, whoever leads.
 *
 *     shares    every sub-topology is spread within one task per member, and so is the whole
 *     stickiness   within its share a member keeps what it runs; then tasks go to the member that
 *               has the most of their state on disk; what is left fills the gaps
 *     hand-over a task that another member still runs is withheld until that one has given it up
 *
 * Invariants: in the target every task has exactly one owner; in the hand-over no task has two, and
 * it reaches the target as soon as nobody claims what belongs to others.
 */
import { assert, present } from '../assert.ts'
import { parseTaskId, type TaskId } from '../ids.ts'
import type { HeldTask } from '../runtime/ports.ts'

export interface AssignableMember {
  readonly id: string
  /** Generation of the claim on `owned`: of two members that claim a task the later one counts. */
  readonly generation: number
  readonly owned: readonly TaskId[]
  readonly held: readonly HeldTask[]
}

export type TaskAssignment = ReadonlyMap<string, readonly TaskId[]>

interface Candidate {
  readonly id: string
  readonly owned: Set<TaskId>
  readonly held: Map<TaskId, number>
  readonly tasks: TaskId[]
  /** Tasks beyond the common share, over all sub-topologies so far. */
  extras: number
}

/** Where every task is to run in the end. No members, no assignment. */
export function targetAssignment(
  tasks: readonly TaskId[],
  members: readonly AssignableMember[]
): TaskAssignment {
  const owners = ownersOf(members)
  const candidates = [...members]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((member) => ({
      id: member.id,
      owned: new Set(member.owned.filter((task) => owners.get(task) === member.id)),
      held: new Map(member.held.map(({ id, restored }) => [id, restored])),
      tasks: [],
      extras: 0,
    }))
  if (candidates.length > 0) {
    for (const group of bySubtopology(tasks)) spread(group, candidates)
  }
  return new Map(candidates.map(({ id, tasks: own }) => [id, own.sort(byPlace)]))
}

/** What each member gets now: its target without the tasks that others have not given up yet. */
export function handOver(
  target: TaskAssignment,
  members: readonly AssignableMember[]
): TaskAssignment {
  const owners = ownersOf(members)
  return new Map(
    [...target].map(([id, tasks]) => [id, tasks.filter((task) => (owners.get(task) ?? id) === id)])
  )
}

/** The member whose claim counts, for every task that is claimed. */
function ownersOf(members: readonly AssignableMember[]): Map<TaskId, string> {
  const owners = new Map<TaskId, AssignableMember>()
  for (const member of members) {
    for (const task of member.owned) {
      const rival = owners.get(task)
      const wins =
        rival === undefined ||
        member.generation > rival.generation ||
        (member.generation === rival.generation && member.id < rival.id)
      if (wins) owners.set(task, member)
    }
  }
  return new Map([...owners].map(([task, { id }]) => [task, id]))
}

function bySubtopology(tasks: readonly TaskId[]): TaskId[][] {
  const groups = new Map<number, TaskId[]>()
  for (const task of [...tasks].sort(byPlace)) {
    const { subtopology } = parseTaskId(task)
    const group = groups.get(subtopology)
    if (group === undefined) groups.set(subtopology, [task])
    else group.push(task)
  }
  return [...groups.values()]
}

function byPlace(a: TaskId, b: TaskId): number {
  const [left, right] = [parseTaskId(a), parseTaskId(b)]
  return left.subtopology - right.subtopology || left.partition - right.partition
}

/** Hands out the tasks of one sub-topology. */
function spread(tasks: readonly TaskId[], candidates: readonly Candidate[]): void {
  const shares = sharesOf(tasks, candidates)
  const give = (task: TaskId, to: Candidate): void => {
    to.tasks.push(task)
    shares.set(to, present(shares.get(to), 'share of a member') - 1)
  }
  const hasRoom = (member: Candidate): boolean => (shares.get(member) ?? 0) > 0
  const kept = new Set<TaskId>()
  for (const task of tasks) {
    const owner = candidates.find((member) => member.owned.has(task))
    if (owner === undefined || !hasRoom(owner)) continue
    give(task, owner)
    kept.add(task)
  }
  const holdings = tasks.flatMap((task) =>
    candidates.flatMap((member) => {
      const restored = kept.has(task) ? undefined : member.held.get(task)
      return restored === undefined ? [] : [{ task, member, restored }]
    })
  )
  holdings.sort((a, b) => b.restored - a.restored)
  for (const { task, member } of holdings) {
    if (kept.has(task) || !hasRoom(member)) continue
    give(task, member)
    kept.add(task)
  }
  for (const task of tasks) {
    if (kept.has(task)) continue
    give(task, present(candidates.find(hasRoom), 'a member with room for the task'))
  }
  assert(
    [...shares.values()].every((left) => left === 0),
    'the shares add up to the tasks'
  )
}

/**
 * How many tasks each member gets. The extras always go to those with the fewest so far, which
 * keeps the whole within one; among equals to the one that would otherwise lose the most.
 */
function sharesOf(
  tasks: readonly TaskId[],
  candidates: readonly Candidate[]
): Map<Candidate, number> {
  const base = Math.floor(tasks.length / candidates.length)
  const rest = tasks.length % candidates.length
  const shares = new Map(candidates.map((member) => [member, base]))
  const wishes = candidates.map((member) => {
    const owned = tasks.filter((task) => member.owned.has(task)).length
    const held = tasks.filter((task) => member.held.has(task)).length
    const restored = tasks.reduce((sum, task) => sum + (member.held.get(task) ?? 0), 0)
    return { member, owned: Math.min(owned, base + 1), held: Math.min(held, base + 1), restored }
  })
  wishes.sort(
    (a, b) =>
      a.member.extras - b.member.extras ||
      b.owned - a.owned ||
      b.held - a.held ||
      b.restored - a.restored
  )
  for (const { member } of wishes.slice(0, rest)) {
    member.extras++
    shares.set(member, base + 1)
  }
  return shares
}
