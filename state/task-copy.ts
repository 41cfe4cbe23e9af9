/**
 * What a task has on disk, for those who only look: of a copy, because LevelDB lets nobody in
 * beside the process that has it, and changes files when it opens them.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../src/clock.ts'
import { CorruptedError } from '../src/errors.ts'
import type { Checkpoint, StateSnapshot } from './contract.ts'
import { inspectTask } from './inspection.ts'
import { copyLevelDirectory } from './level-copy.ts'
import { TaskDatabase } from './task-database.ts'
import { WrittenState } from './written-state.ts'

export interface TaskCopy {
  /** Undefined: it has committed nothing. */
  readonly checkpoint: Checkpoint | undefined
  /** Of stores that have, or had, something on disk. */
  readonly storeNames: readonly string[]
  readonly diskBytes: number
  readonly snapshot: StateSnapshot
  close(): Promise<void>
}

/**
 * Copies the directory of a task to `to`, and opens that. Undefined: nothing is there yet. Rejects
 * with a CorruptedError if it is damaged.
 */
export async function openTaskCopy(
  from: string,
  to: string,
  task: string
): Promise<TaskCopy | undefined> {
  if (!existsSync(join(from, 'CURRENT'))) {
    const found = await inspectTask(from)
    if (found.kind === 'damaged') throw damaged(from, task, found.reason)
    return undefined
  }
  await copyLevelDirectory(from, to, ['COMMITTED'])
  const copied = await inspectTask(to)
  if (copied.kind === 'damaged') throw damaged(from, task, copied.reason)
  if (copied.kind !== 'sound') return undefined
  const { mark } = copied
  const database = await TaskDatabase.open(to, { task, clock: systemClock, create: false, mark })
  return {
    checkpoint: database.checkpoint,
    storeNames: database.storedNames,
    diskBytes: database.diskBytes,
    snapshot: new WrittenState(database),
    close: () => database.close(),
  }
}

function damaged(path: string, task: string, reason: string): CorruptedError {
  return new CorruptedError(
    'MILLRACE_STATE_CORRUPTED',
    `The state of task ${task} in ${path} is damaged: ${reason}. The next start sets it aside, ` +
      'and rebuilds it from its changelogs.'
  )
}
