/** Why an application is not ready, in sentences; none: it is. */
import type { LogHealth } from './ports.ts'
import type { AppState } from './snapshot.ts'
import type { StreamTask } from './stream-task.ts'

export interface ReadinessParts {
  readonly state: AppState
  /** The group has said what is ours. */
  readonly isAssigned: boolean
  readonly tasks: readonly ReadyTask[]
  readonly health: LogHealth
}

export type ReadyTask = Pick<StreamTask, 'id' | 'state' | 'isRunning'> & {
  /** Only looked at while it is running. */
  readonly life: Pick<StreamTask['life'], 'waitingFor'>
}

export function unreadyReasons(parts: ReadinessParts): readonly string[] {
  const { state, isAssigned, tasks, health } = parts
  const reasons: string[] = []
  if (state !== 'running' && state !== 'rebalancing') reasons.push(`The application is ${state}.`)
  if (state === 'running' && !isAssigned) reasons.push('The group has not assigned tasks yet.')
  for (const task of tasks) {
    if (task.isRunning) reasons.push(...task.life.waitingFor())
    else reasons.push(`Task ${task.id} is ${task.state}.`)
  }
  if (!health.ok) reasons.push(health.reason ?? 'The log does not answer.')
  return reasons
}
