/** What the leader of a generation does: read the others, fence who is gone, assign the tasks. */
import type { TaskId, TopicPartition } from '../ids.ts'
import type { TaskPlan } from '../runtime/ports.ts'
import {
  type AssignableMember,
  handOver,
  type TaskAssignment,
  targetAssignment,
} from './assignor.ts'
import { decodeSubscription, encodeAssignment, type MemberData } from './consumer-protocol.ts'
import type { JoinedMember } from './requests/groups.ts'
import type { ThrottledLog } from './throttled-log.ts'

export interface LeaderOptions {
  readonly tasks: readonly TaskPlan[]
  readonly planDigest: string
  /** Aborts what these producers left open; answers with those it could not reach. */
  readonly fence: (transactionalIds: readonly string[]) => Promise<readonly string[]>
  /** Of members that get no task, or none but their own, and why. */
  readonly warn: ThrottledLog['warn']
}

export interface MemberAssignment {
  readonly memberId: string
  readonly assignment: Buffer
}

/** The assignments of this generation, one per member. */
export async function lead(
  members: readonly JoinedMember[],
  options: LeaderOptions
): Promise<readonly MemberAssignment[]> {
  const entries = members.map(({ memberId, metadata }) => ({
    memberId,
    data: decodeSubscription(metadata).data,
  }))
  const transactionalIds = await fenceTheGone(
    entries.map(({ data }) => data),
    options.fence
  )
  const foreign = entries.filter(({ data }) => data.plan !== options.planDigest)
  if (foreign.length > 0) {
    options.warn('Members run another topology; they get no task from this leader', {
      instances: foreign.map(({ data }) => data.instance),
    })
  }
  const busy = entries.flatMap(({ data: { instance, busyMs } }) =>
    busyMs === undefined ? [] : [`${instance} for ${busyMs} ms`]
  )
  if (busy.length > 0) {
    options.warn('Members are busy with a record; the others share the tasks that these have not', {
      instances: busy,
    })
  }
  const { target, given } = assignTasks(entries, options)
  const sources = new Map(options.tasks.map((task) => [task.id, task.sources]))
  const isSettled = [...target].every(([id, own]) => own.length === given.get(id)?.length)
  return entries.map(({ memberId }) => {
    const tasks = given.get(memberId) ?? []
    const partitions = tasks.flatMap((task) => sources.get(task) ?? [])
    const data = { tasks, plan: options.planDigest, transactionalIds, isSettled }
    return { memberId, assignment: encodeAssignment({ partitions, data }) }
  })
}

export function topicsOf(tasks: readonly TaskPlan[]): string[] {
  return [...new Set(tasks.flatMap(({ sources }) => sources.map(({ topic }) => topic)))].sort()
}

export function sourcesOf(plan: readonly TaskPlan[], tasks: readonly TaskId[]): TopicPartition[] {
  const wanted = new Set(tasks)
  return plan.filter(({ id }) => wanted.has(id)).flatMap(({ sources }) => sources)
}

function assignTasks(
  entries: readonly { readonly memberId: string; readonly data: MemberData }[],
  { tasks, planDigest }: LeaderOptions
): { readonly target: TaskAssignment; readonly given: TaskAssignment } {
  const members = entries.map(
    ({ memberId, data }): AssignableMember => ({
      id: memberId,
      generation: data.generation,
      owned: data.owned,
      held: data.held,
      isBusy: data.busyMs !== undefined,
    })
  )
  const ours = members.filter((_, i) => entries[i]?.data.plan === planDigest)
  const target = targetAssignment(
    tasks.map(({ id }) => id),
    ours
  )
  return { target, given: handOver(target, members) }
}

/** The transactional ids to hand down: of who is here, and of who still needs fencing. */
async function fenceTheGone(
  members: readonly MemberData[],
  fence: LeaderOptions['fence']
): Promise<readonly string[]> {
  const here = new Set(members.flatMap(({ transactionalId }) => transactionalId ?? []))
  const known = new Set(members.flatMap(({ transactionalIds }) => transactionalIds))
  const gone = [...known].filter((id) => !here.has(id))
  const left = gone.length > 0 ? await fence(gone) : []
  return [...here, ...left].sort()
}
