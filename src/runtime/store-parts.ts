/**
 * The parts of a store, one for each task of its sub-topology, as far as this process knows them.
 *
 *     here        the task runs in this process: what is committed can be read
 *     restoring   it is this process's, and not whole yet
 *     elsewhere   it is another instance's, or nobody's
 */
import { present } from '../assert.ts'
import type { TaskId } from '../ids.ts'
import type { RowQuery, StoreRow } from '../processor/store-rows.ts'
import type { GlobalState } from './global-state.ts'
import type { Plan } from './plan.ts'
import type { StreamTask } from './stream-task.ts'

export type PartState = 'here' | 'restoring' | 'elsewhere'

export interface StorePart {
  /** 'global': of a table that every instance has whole. */
  readonly task: TaskId | 'global'
  readonly partition: number
  /** As of now: it may change at any time. */
  readonly state: PartState
  /** Only of what is here: undefined, or it resolves once all that is committed can be read. */
  shown(): Promise<void> | undefined
  /** Only of what is here. All that is read through it is of one commit. */
  open(): OpenPart
}

export interface OpenPart {
  find(query: RowQuery): AsyncIterable<StoreRow>
  close(): void
}

export interface StoreHolders {
  readonly plan: Plan
  readonly tasks: () => readonly StreamTask[]
  readonly globals: GlobalState | undefined
  /** Commits what there is to commit; resolves when that is done, or undone. */
  readonly commit: () => Promise<void>
}

/** None: no task has such a store. */
export function storeParts(holders: StoreHolders, name: string): readonly StorePart[] {
  const { plan, globals } = holders
  if (globals?.has(name) === true) return [globalPart(globals, name)]
  return plan.tasks
    .filter(({ subtopology }) => subtopology.stores.some((store) => store.name === name))
    .map(({ id, partition }) => taskPart(id, partition, holders, name))
}

function taskPart(
  id: TaskId,
  partition: number,
  { tasks, commit }: StoreHolders,
  name: string
): StorePart {
  const taskOf = (): StreamTask | undefined => tasks().find((task) => task.id === id)
  return {
    task: id,
    partition,
    get state() {
      const task = taskOf()
      if (task === undefined) return 'elsewhere'
      return task.isRunning ? 'here' : 'restoring'
    },
    shown: () => (present(taskOf(), `task ${id} is here`).showCommits() ? undefined : commit()),
    open: () => present(taskOf(), `task ${id} is here`).openStore(name),
  }
}

/** It belongs to no commit: what has arrived is read as it is. */
function globalPart(globals: GlobalState, name: string): StorePart {
  const find = (query: RowQuery): AsyncIterable<StoreRow> => globals.find(name, query)
  const open = (): OpenPart => ({ find, close: () => {} })
  return { task: 'global', partition: 0, state: 'here', shown: () => undefined, open }
}

/** Of several processes that see the same parts, those that have them. */
export function nearest(seen: readonly (readonly StorePart[])[]): readonly StorePart[] {
  const [first = [], ...rest] = seen
  return first.map((part, index) => {
    const alike = [part, ...rest.map((parts) => present(parts[index], `part ${index}`))]
    const ofState = (wanted: PartState): StorePart | undefined =>
      alike.find(({ state }) => state === wanted)
    return ofState('here') ?? ofState('restoring') ?? part
  })
}
