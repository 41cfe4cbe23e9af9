/**
 * What a task does about records that fail, by the policy of the source they came from.
 *
 *     cannot be read ──▶ decode ──┐
 *     a node throws ───▶ process ─┼─▶ skip, dead letter, retry from the last commit, or stop
 *     to bytes fails ──▶ produce ─┘
 *
 * Without a record at hand, in a punctuation and for what a flush hands on, the sternest word of
 * all sources of the task counts: there is nothing to bury or to come back to, so that it is skip
 * or stop.
 *
 * Invariants: a dead letter is part of the commit that moves past its record; an error of the
 * engine, or of an operator that flushes its own state, is never taken.
 */
import { assert } from '../assert.ts'
import type { ErrorAction, Retry } from '../error-policy.ts'
import { FatalError, MillraceError, RejectedRecordError } from '../errors.ts'
import type { Offset, TopicPartition } from '../ids.ts'
import type { RecordHeaders } from '../record.ts'
import { partitionForKey } from '../serde/murmur2.ts'
import type { ProcessorNodeSpec } from '../topology/topology.ts'
import type { OffsetCommit } from './ports.ts'
import type { RecordAtHand, TaskCore } from './task-context.ts'
import { messageOf, NodeFailure } from './wiring.ts'

export type FailureStep = 'decode' | 'process' | 'produce'

/** The record at hand is to be tried again, from the last commit on. */
export class RetryError extends MillraceError {
  readonly backoffMs: number

  constructor(backoffMs: number, cause: unknown) {
    super('MILLRACE_RECORD_RETRIED', `To be tried again: ${messageOf(cause)}`, { cause })
    this.backoffMs = backoffMs
  }
}

/** How often records have failed that no commit has moved past yet. */
export class Attempts {
  readonly #counts = new Map<string, TopicPartition & { offset: Offset; count: number }>()

  /** Counts one more; how many there were before. */
  add({ source, offset }: RecordAtHand): number {
    const { topic, partition } = source
    const place = `${topic}-${partition}@${offset}`
    const { count } = this.#counts.get(place) ?? { count: 0 }
    this.#counts.set(place, { topic, partition, offset, count: count + 1 })
    return count
  }

  /** What a commit has moved past needs no count any more. */
  forget(committed: readonly OffsetCommit[]): void {
    for (const [place, { topic, partition, offset }] of this.#counts) {
      const isPast = committed.some(
        (one) => one.topic === topic && one.partition === partition && one.offset > offset
      )
      if (isPast) this.#counts.delete(place)
    }
  }
}

const backoffMsMax = 60_000

interface Failure {
  readonly step: FailureStep
  readonly node: string
  readonly reason: string
  readonly cause: unknown
}

export class Failures {
  readonly #core: TaskCore
  readonly #attempts: Attempts

  constructor(core: TaskCore, attempts: Attempts) {
    this.#core = core
    this.#attempts = attempts
  }

  /** Whether the error ends with the record at hand, here. Throws a RetryError to try again. */
  takes(node: ProcessorNodeSpec, error: unknown): boolean {
    const { at } = this.#core.record
    if (!isOfRecord(error)) return false
    const step = node.operator === 'to' || node.operator === 'repartition' ? 'produce' : 'process'
    const reason = error instanceof RejectedRecordError ? error.reason : step
    if (at === undefined) return this.#takesAside({ step, node: node.name, reason, cause: error })
    const action = this.#actionOf(at, at.source.spec.errors?.[step] ?? 'stop', error)
    if (action === 'stop') return false
    this.#core.instruments.drop(reason, 1)
    this.#note(at, { step, node: node.name, reason, cause: error })
    if (action === 'dead-letter') this.#bury(at, { step, node: node.name, reason, cause: error })
    return true
  }

  /** Nothing is done on behalf of a record. */
  #takesAside(failure: Failure & { readonly step: 'process' | 'produce' }): boolean {
    const { planned, instruments } = this.#core
    const policies = planned.sources.map(({ spec }) => spec.errors?.[failure.step] ?? 'stop')
    const lasts = policies.map((policy) => (typeof policy === 'string' ? policy : policy.finally))
    if (lasts.includes('stop')) return false
    this.#core.changed()
    instruments.drop(failure.reason, 1)
    this.#note(undefined, failure)
    return true
  }

  /** A source has rejected the record that its reader is at. Throws to stop. */
  rejected(at: RecordAtHand, reason: string, cause: unknown): void {
    const { spec, node } = at.source
    const { instruments } = this.#core
    const failure: Failure = { step: 'decode', node: node.name, reason, cause }
    const action = spec.errors?.decode ?? 'skip'
    if (action === 'stop') throw rejectedForGood(at, reason, cause)
    this.#core.changed()
    instruments.drop(reason, 1)
    if (spec.rejections !== undefined) instruments.counter(spec.rejections).add(reason)
    this.#note(at, failure)
    if (action === 'dead-letter') this.#bury(at, failure)
  }

  #actionOf(at: RecordAtHand, action: ErrorAction | Retry, cause: unknown): ErrorAction {
    if (typeof action === 'string') return action
    const before = this.#attempts.add(at)
    if (before >= action.attempts) return action.finally
    throw new RetryError(Math.min(action.backoffMs * 2 ** before, backoffMsMax), cause)
  }

  #note(at: RecordAtHand | undefined, { node, reason, cause }: Failure): void {
    const { dropLog, planned } = this.#core
    dropLog.note(reason, 1, () => ({
      task: planned.id,
      node,
      ...(at === undefined ? {} : { record: placeOf(at) }),
      ...(cause === undefined ? {} : { error: messageOf(cause) }),
    }))
  }

  /** Bytes as they came, with what is known of the error in headers. */
  #bury(at: RecordAtHand, failure: Failure): void {
    const { plan, planned, outputs, clock } = this.#core
    const { source, raw } = at
    const topic = source.spec.errors?.deadLetters
    assert(topic !== undefined, 'a dead letter has a topic to go to')
    const partitions = plan.partitionCounts.get(topic) ?? 1
    const partition =
      raw.key === null ? planned.partition % partitions : partitionForKey(raw.key, partitions)
    const timestamp = raw.timestamp >= 0 ? raw.timestamp : clock.now()
    const headers = [...raw.headers, ...headersOf(at, failure)]
    outputs.append(topic, partition, timestamp, raw.key, raw.value, headers)
    this.#core.changed()
  }
}

function headersOf(at: RecordAtHand, { step, node, reason, cause }: Failure): RecordHeaders {
  const { topic, partition } = at.source
  const known = {
    step,
    node,
    reason,
    message: cause === undefined ? '' : messageOf(cause),
    topic,
    partition: String(partition),
    offset: String(at.offset),
  }
  return Object.entries(known).map(([name, text]) => [`millrace-error-${name}`, Buffer.from(text)])
}

function placeOf(at: RecordAtHand): string {
  const { topic, partition } = at.source
  return `${topic}-${partition}@${at.offset}`
}

/** Errors of the engine say by their class what must follow; it is not about one record. */
function isOfRecord(error: unknown): boolean {
  if (error instanceof NodeFailure) return false
  return !(error instanceof MillraceError) || error instanceof RejectedRecordError
}

function rejectedForGood(at: RecordAtHand, reason: string, cause: unknown): FatalError {
  const why = cause === undefined ? '' : `: ${messageOf(cause)}`
  return new FatalError(
    'MILLRACE_RECORD_REFUSED',
    `Record ${placeOf(at)} cannot be read (${reason}${why}), and its source is to stop then. ` +
      "Mend what writes it, or let the source skip: { errors: { decode: 'skip' } }.",
    cause === undefined ? {} : { cause }
  )
}
