/**
 * Who runs which task. Pure: the same members and tasks give the same answer, whoever leads.
 *
 *     shares    every sub-topology is spread within one task per member, and so is the whole
 *     stickiness   within its share a member keeps what it runs, unless another has far more of its
 *               state; what it must give up is what others have; then tasks follow their state
 *     busy      members that cannot give up what they run keep just that; the others share the rest
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
  /** Can neither give up nor begin anything for now. Default: false. */
  readonly isBusy?: boolean
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

/** What moving a task is worth at least, in changelog records that need no restoring. */
const moveCost = 10_000

/** Where every task is to run in the end. No members, no assignment. */
export function targetAssignment(
  tasks: readonly TaskId[],
  members: readonly AssignableMember[]
): TaskAssignment {
  const able = members.filter(({ isBusy = false }) => !isBusy)
  // With nobody to do anything now, one is as good as the other.
  if (able.length === 0 || able.length === members.length) return sharedOut(tasks, members)
  const owners = ownersOf(members)
  const ids = new Set(able.map(({ id }) => id))
  const rest = tasks.filter((task) => {
    const owner = owners.get(task)
    return owner === undefined || ids.has(owner)
  })
  const target = new Map(sharedOut(rest, able))
  for (const { id } of members) {
    if (ids.has(id)) continue
    target.set(id, tasks.filter((task) => owners.get(task) === id).sort(byPlace))
  }
  return target
}

function sharedOut(tasks: readonly TaskId[], members: readonly AssignableMember[]): TaskAssignment {
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

/** Hands out the tasks of one sub-topology: first those for which the place matters most. */
function spread(tasks: readonly TaskId[], candidates: readonly Candidate[]): void {
  const shares = sharesOf(tasks, candidates)
  const hasRoom = (member: Candidate): boolean => (shares.get(member) ?? 0) > 0
  const places = new Map<TaskId, Candidate>()
  while (places.size < tasks.length) {
    const able = candidates.filter(hasRoom)
    const wishes = tasks.flatMap((task) => (places.has(task) ? [] : [wishOf(task, able)]))
    wishes.sort((a, b) => b.regret - a.regret)
    for (const { task, member } of wishes) {
      // Whoever wanted to go there has to think again.
      if (!hasRoom(member)) break
      places.set(task, member)
      shares.set(member, present(shares.get(member), 'share of a member') - 1)
    }
  }
  exchange(tasks, places)
  for (const [task, member] of places) member.tasks.push(task)
  const isEven = [...shares.values()].every((left) => left === 0)
  assert(isEven, 'the shares add up to the tasks')
}

interface Wish {
  readonly task: TaskId
  readonly member: Candidate
  /** How much more would have to be restored anywhere else. */
  readonly regret: number
}

function wishOf(task: TaskId, members: readonly Candidate[]): Wish {
  const ranked = [...members].sort((a, b) => worthOf(task, b) - worthOf(task, a))
  const [best, next] = ranked
  const member = present(best, 'a member with room for the task')
  const regret = next === undefined ? 0 : worthOf(task, member) - worthOf(task, next)
  return { task, member, regret }
}

/** Lets two tasks change places as long as that leaves less to restore. Ends: it gets less. */
function exchange(tasks: readonly TaskId[], places: Map<TaskId, Candidate>): void {
  for (let isBetter = true; isBetter; ) {
    isBetter = false
    for (const [i, one] of tasks.entries()) {
      for (const two of tasks.slice(i + 1)) {
        const [a, b] = [present(places.get(one), one), present(places.get(two), two)]
        if (a === b) continue
        const now = worthOf(one, a) + worthOf(two, b)
        if (worthOf(one, b) + worthOf(two, a) <= now) continue
        places.set(one, b)
        places.set(two, a)
        isBetter = true
      }
    }
  }
}

/** What a member has of a task: records that need no restoring; to run it already is worth more. */
function worthOf(task: TaskId, member: Candidate): number {
  return (member.held.get(task) ?? 0) + (member.owned.has(task) ? moveCost : 0)
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
    const worths = tasks.map((task) => worthOf(task, member)).sort((a, b) => b - a)
    return { member, extra: worths[base] ?? 0 }
  })
  wishes.sort((a, b) => a.member.extras - b.member.extras || b.extra - a.extra)
  for (const { member } of wishes.slice(0, rest)) {
    member.extras++
    shares.set(member, base + 1)
  }
  return shares
}
