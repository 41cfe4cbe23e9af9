/** Why a store cannot be read, each with a code and what to do. */
import { FatalError, type MillraceError, RetriableError, TopologyError } from '../errors.ts'
import type { TaskId } from '../ids.ts'
import type { Readable, ReadableKind } from '../processor/readable.ts'
import type { AppState } from './snapshot.ts'

/** What was asked for is with other instances, or with none at the moment. */
export class StoreElsewhereError extends RetriableError {
  /** The tasks that have it, wherever they run. */
  readonly tasks: readonly TaskId[]

  constructor(message: string, tasks: readonly TaskId[]) {
    super('MILLRACE_STORE_ELSEWHERE', message)
    this.tasks = tasks
  }
}

export function unknownStore(
  { name, kind }: Readable<ReadableKind, unknown, unknown>,
  found: ReadableKind | undefined
): TopologyError {
  const why =
    found === undefined
      ? 'the topology has none of that name whose rows can be read'
      : `the topology has a ${found} store of that name`
  return new TopologyError(
    'MILLRACE_STORE_UNKNOWN',
    `There is no ${kind} store '${name}': ${why}. Take a handle that was made with its builder.`
  )
}

export function notStarted(name: string): RetriableError {
  return new RetriableError(
    'MILLRACE_STORE_NOT_STARTED',
    `Store '${name}' cannot be read before the application has started and has its first tasks.`
  )
}

/** Only while the application runs. */
export function expectReadable(state: AppState, name: string): void {
  if (state === 'running' || state === 'rebalancing') return
  if (state === 'created' || state === 'starting') throw notStarted(name)
  throw new FatalError(
    'MILLRACE_STORE_CLOSED',
    `Store '${name}' cannot be read any more: the application is ${state}.`
  )
}

export function restoring(name: string, task: string): RetriableError {
  return new RetriableError(
    'MILLRACE_STORE_RESTORING',
    `Store '${name}' cannot be read yet: task ${task} is being restored. Try again when it runs.`
  )
}

/** @param partition of the key that was asked for; undefined: all of them */
export function elsewhere(
  name: string,
  tasks: readonly TaskId[],
  partition?: number
): StoreElsewhereError {
  const what =
    partition === undefined
      ? `No part of store '${name}' is on this instance`
      : `This key of store '${name}' is in partition ${partition}, which is not on this instance`
  const who = `Whichever instance runs task ${tasks.join(', ')} has it: ask the others`
  return new StoreElsewhereError(`${what}. ${who}.`, tasks)
}

export function moved(name: string, task: string, cause: unknown): MillraceError {
  return new RetriableError(
    'MILLRACE_STORE_MOVED',
    `Task ${task} left this instance while its part of store '${name}' was read. Try again.`,
    { cause }
  )
}
