/** Who runs which task when several instances of an application share one process. Pure. */
import { present } from '../assert.ts'
import { parseTaskId, type TaskId } from '../ids.ts'

export interface Candidate {
  readonly id: string
  /** Tasks of its own plan: no others can be given to it. */
  readonly plan: ReadonlySet<TaskId>
  readonly owned: ReadonlySet<TaskId>
  /** Per task, how much of its state is at hand. */
  readonly held: ReadonlyMap<TaskId, number>
}

/**
 * Every task to one member, numbers within one of each other (as far as plans allow). A task stays
 * where it runs, else goes where most of its state is, else to the member with the fewest tasks.
 */
export function assign(
  tasks: readonly TaskId[],
  members: readonly Candidate[]
): ReadonlyMap<string, readonly TaskId[]> {
  const result = new Map<string, TaskId[]>(members.map(({ id }) => [id, []]))
  if (members.length === 0) return result
  const floor = Math.floor(tasks.length / members.length)
  let extras = tasks.length % members.length
  const own = (member: Candidate): TaskId[] => present(result.get(member.id), member.id)
  const room = (member: Candidate): boolean =>
    own(member).length < floor || (own(member).length === floor && extras > 0)
  const give = (member: Candidate, task: TaskId): void => {
    if (own(member).length === floor) extras--
    own(member).push(task)
  }
  let left = [...tasks].sort(byTask)
  const pass = (choose: (task: TaskId) => Candidate | undefined): void => {
    left = left.filter((task) => {
      const member = choose(task)
      if (member !== undefined) give(member, task)
      return member === undefined
    })
  }
  const able = (task: TaskId): Candidate[] => members.filter(({ plan }) => plan.has(task))
  pass((task) => able(task).find((member) => member.owned.has(task) && room(member)))
  pass((task) => {
    const holders = able(task).filter((member) => member.held.has(task) && room(member))
    return greatest(holders, (member) => member.held.get(task) ?? 0)
  })
  pass((task) => greatest(able(task), (member) => -own(member).length))
  return result
}

export function byTask(a: TaskId, b: TaskId): number {
  const left = parseTaskId(a)
  const right = parseTaskId(b)
  return left.subtopology - right.subtopology || left.partition - right.partition
}

/** The first of the greatest. */
function greatest<T>(items: readonly T[], measure: (item: T) => number): T | undefined {
  let best: T | undefined
  for (const item of items) {
    if (best === undefined || measure(item) > measure(best)) best = item
  }
  return best
}
