/** The log of a thread: its lines are written by the main thread, with its number on each. */
import type { LogFields, Logger } from '../log.ts'
import { fromPlainError, type PlainError, toPlainError } from './plain-error.ts'

export type LineLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogLine {
  readonly level: LineLevel
  readonly message: string
  readonly fields: LogFields
  /** Of the fields, those that are errors. */
  readonly errors: Readonly<Record<string, PlainError>>
}

export class ThreadLogger implements Logger {
  readonly #tell: (line: LogLine) => void
  readonly #bound: LogFields

  constructor(tell: (line: LogLine) => void, bound: LogFields = {}) {
    this.#tell = tell
    this.#bound = bound
  }

  debug(message: string, fields?: LogFields): void {
    this.#line('debug', message, fields)
  }

  info(message: string, fields?: LogFields): void {
    this.#line('info', message, fields)
  }

  warn(message: string, fields?: LogFields): void {
    this.#line('warn', message, fields)
  }

  error(message: string, fields?: LogFields): void {
    this.#line('error', message, fields)
  }

  with(fields: LogFields): Logger {
    return new ThreadLogger(this.#tell, { ...this.#bound, ...fields })
  }

  #line(level: LineLevel, message: string, given: LogFields = {}): void {
    const fields: Record<string, unknown> = {}
    const errors: Record<string, PlainError> = {}
    for (const [name, value] of Object.entries({ ...this.#bound, ...given })) {
      if (value instanceof Error) errors[name] = toPlainError(value)
      else fields[name] = typeof value === 'function' ? String(value) : value
    }
    this.#tell({ level, message, fields, errors })
  }
}

/** In the main thread. */
export function writeLine(logger: Logger, { level, message, fields, errors }: LogLine): void {
  const revived = Object.entries(errors).map(([name, plain]) => [name, fromPlainError(plain)])
  logger[level](message, { ...fields, ...Object.fromEntries(revived) })
}
