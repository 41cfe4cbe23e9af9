/** Errors on their way from a node, a queue or a state to the process: what, where, what next. */
import { FatalError } from '../errors.ts'
import { CommitFailure } from './commit.ts'
import type { StreamTask } from './stream-task.ts'
import { messageOf, NodeFailure } from './wiring.ts'

/** What really happened, below what says where. */
export function rootCause(error: unknown): unknown {
  let root = error
  while (root instanceof NodeFailure || root instanceof CommitFailure) root = root.cause
  return root
}

/** What was to be read is not there: deleted, or purged by whoever has read it. */
export function isOutOfRange(cause: unknown): boolean {
  return cause instanceof FatalError && cause.code === 'MILLRACE_OFFSET_OUT_OF_RANGE'
}

/** The end of the process, because a task cannot go on. */
export function taskFailure(task: StreamTask, error: unknown): FatalError {
  const cause = rootCause(error)
  if (!(error instanceof NodeFailure)) {
    return cause instanceof FatalError ? cause : fatal(`Task ${task.id}`, cause)
  }
  const at = task.coordinates
  const where = at === undefined ? '' : ` at ${at}`
  return fatal(`Node '${error.node}' of task ${task.id}${where}`, cause)
}

function fatal(where: string, cause: unknown): FatalError {
  return new FatalError(
    'MILLRACE_PROCESSING_FAILED',
    `${where} failed: ${messageOf(cause)}. Nothing of the open commit was stored: mend the ` +
      'topology or the record, and start again.',
    { cause }
  )
}
