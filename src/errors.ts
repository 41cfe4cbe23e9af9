/**
 * Errors, one class per consequence. Each carries a stable code `MILLRACE_<NOUN>_<CONDITION>`, and
 * a message that says what happened, where, and what to do next. Codes outlive messages; a
 * TypeError without a code is a programmer's error.
 */

export interface ErrorOptions {
  readonly cause?: unknown
}

export class MillraceError extends Error {
  readonly code: string
  /** Whether the same call may succeed later without anybody's help. */
  readonly canRetry: boolean = false

  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
  }
}

/** The process cannot go on: it ends with status 1. */
export class FatalError extends MillraceError {}

/** Wrong settings, found before anything ran: the process ends with status 78. */
export class ConfigError extends MillraceError {
  /** One line per fault. */
  readonly faults: readonly string[]

  constructor(faults: readonly string[]) {
    super('MILLRACE_CONFIG_INVALID', faults.join('\n'))
    this.faults = faults
  }
}

/** Somebody else owns the tasks now: drop what is not committed, and join again. */
export class FencedError extends MillraceError {}

/** The commit did not happen, and nobody else took over: rewind to the last commit, and go on. */
export class AbortedError extends MillraceError {
  override readonly canRetry = true
}

/** Bytes on disk are not what was written: rebuild that task from its changelogs. */
export class CorruptedError extends MillraceError {}

/** The world is not ready (broker away, leader moving): the same call may succeed later. */
export class RetriableError extends MillraceError {
  override readonly canRetry = true
}

/**
 * Thrown by a serde that has to learn something first, such as a schema that is kept elsewhere. It
 * is asked again after `ready`; until then the record waits, and with it all that comes after it:
 * nothing is skipped. The message says what is missing, for whoever asks whether the application is
 * ready.
 */
export class NotReadyError extends RetriableError {
  /** Settles when it is worth asking again. */
  readonly ready: Promise<unknown>

  constructor(message: string, ready: Promise<unknown>, options: ErrorOptions = {}) {
    super('MILLRACE_SERDE_NOT_READY', message, options)
    this.ready = ready
  }
}

/** A topology that cannot be built, refused by `build()` or at start, never at the first record. */
export class TopologyError extends MillraceError {}

/**
 * Thrown by a serde to refuse a record at its source: counted under `reason`, logged once a minute,
 * and never part of stream time.
 */
export class RejectedRecordError extends MillraceError {
  readonly reason: string

  constructor(reason: string, options: ErrorOptions = {}) {
    super('MILLRACE_RECORD_REJECTED', `The record was rejected: ${reason}`, options)
    this.reason = reason
  }
}
