/**
 * What a member tells the group when it joins for a process that is busy: all that the process may
 * hold, and that it is in no position to give anything up, or to take anything on.
 *
 *     claims of its last join  ∪  what that join has brought  ⊇  what the process holds now
 *
 * Invariant: nothing the process holds is left out. What is claimed too much, since given up by the
 * process, waits for the join that the process makes when it is free.
 */
import type { TaskPlan } from '../runtime/ports.ts'
import { type AssignmentData, decodeSubscription, encodeSubscription } from './consumer-protocol.ts'
import { sourcesOf } from './group-leader.ts'

/** A join that has succeeded: what was said, and what came of it. */
export interface LastJoin {
  readonly metadata: Uint8Array
  readonly generation: number
  readonly assignment: AssignmentData
}

export interface StandInPlan {
  readonly tasks: readonly TaskPlan[]
  readonly planDigest: string
}

/** `busyMs`: for how long the process has answered to nothing. */
export function standInMetadata(last: LastJoin, busyMs: number, plan: StandInPlan): Uint8Array {
  const { metadata, generation, assignment } = last
  const bytes = Buffer.from(metadata.buffer, metadata.byteOffset, metadata.byteLength)
  const { topics, data } = decodeSubscription(bytes)
  const given = assignment.plan === plan.planDigest ? assignment.tasks : []
  const owned = [...new Set([...data.owned, ...given])].sort()
  const transactionalIds = union(data.transactionalIds, assignment.transactionalIds)
  const said = { ...data, generation, owned, transactionalIds, busyMs: Math.round(busyMs) }
  return encodeSubscription({ topics, owned: sourcesOf(plan.tasks, owned), data: said })
}

function union(one: readonly string[], other: readonly string[]): readonly string[] {
  return [...new Set([...one, ...other])].sort()
}
