/**
 * What happens to a record that cannot be read, handled or written. Said for one source, for a
 * topology or for an application; the nearest word counts.
 */
import { type Duration, durationMs } from './durations.ts'
import { TopologyError } from './errors.ts'

/**
 * `'skip'`: it is counted and logged, and the rest goes on without it. `'dead-letter'`: it is also
 * written to the topic for dead letters, in the same commit. `'stop'`: the application ends with an
 * error that names it.
 */
export type ErrorAction = 'skip' | 'dead-letter' | 'stop'

/** What `retry` makes. */
export interface Retry {
  readonly kind: 'retry'
  readonly attempts: number
  readonly backoffMs: number
  readonly finally: ErrorAction
}

export interface RetryOptions {
  /** How long to wait before the first; doubled for each one after, up to a minute. Default 1 s. */
  readonly backoff?: Duration
  /** What to do when all have failed. Default `'stop'`. */
  readonly finally?: ErrorAction
}

/** The topic for dead letters: what `topic()` makes fits. Keys and values go there as they came. */
export interface DeadLetterTopic {
  readonly name: string
  readonly partitions: number | undefined
  readonly config: Readonly<Record<string, string>>
  readonly create: boolean
}

export interface ErrorOptions {
  /** Bytes that a serde refuses, and what else a source rejects. Default `'skip'`. */
  readonly decode?: ErrorAction
  /**
   * An error thrown by an operator or one of its functions: the record ends at that operator, what
   * others did with it stays. In punctuations: skipped unless a source of the task says `'stop'`.
   * Default `'stop'`.
   */
  readonly process?: ErrorAction | Retry
  /** An error thrown where a record becomes bytes for a topic. Default `'stop'`. */
  readonly produce?: ErrorAction | Retry
  readonly deadLetters?: DeadLetterTopic
}

/** The same, as a source carries it. */
export interface ErrorPolicy extends Omit<ErrorOptions, 'deadLetters'> {
  /** Name of the topic. */
  readonly deadLetters?: string
}

/**
 * `retry(3, { backoff: '500ms', finally: 'dead-letter' })`: the whole process goes back to its last
 * commit, waits, and comes to the record again, so that nothing counts twice.
 */
export function retry(attempts: number, options: RetryOptions = {}): Retry {
  if (!Number.isSafeInteger(attempts) || attempts < 1) {
    throw new TopologyError(
      'MILLRACE_RETRY_INVALID',
      `A record cannot be tried ${attempts} times more: give a whole number from 1 on.`
    )
  }
  const backoffMs = durationMs(options.backoff ?? '1s')
  return Object.freeze({ kind: 'retry', attempts, backoffMs, finally: options.finally ?? 'stop' })
}

/** What a source of these options carries. */
export function policyOf({ deadLetters, ...actions }: ErrorOptions): ErrorPolicy {
  return Object.freeze({ ...actions, ...(deadLetters && { deadLetters: deadLetters.name }) })
}

/** Whether anything in it asks for the topic of dead letters. */
export function asksForDeadLetters({ decode, process, produce }: ErrorPolicy): boolean {
  return [decode, process, produce].some(
    (action) => (typeof action === 'object' ? action.finally : action) === 'dead-letter'
  )
}
