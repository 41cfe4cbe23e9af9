/** The digest of a plan, apart from the leader: the thread of a member needs none to compare. */
import { createHash } from 'node:crypto'
import type { TaskPlan } from '../runtime/ports.ts'

/** Tells plans apart: members of one group must agree on what the tasks are. */
export function digestOf(tasks: readonly TaskPlan[]): string {
  const lines = tasks.map(({ id, sources }) =>
    [id, ...sources.map(({ topic, partition }) => `${topic}-${partition}`).sort()].join(' ')
  )
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex').slice(0, 16)
}
