/** Errors on their way between threads, where they would lose their class, code and cause. */
import {
  AbortedError,
  ConfigError,
  CorruptedError,
  FatalError,
  FencedError,
  MillraceError,
  RetriableError,
  TopologyError,
} from '../errors.ts'

export interface PlainError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly code?: string
  /** Of wrong settings. */
  readonly faults?: readonly string[]
  readonly cause?: PlainError
}

const classes = [
  AbortedError,
  CorruptedError,
  FatalError,
  FencedError,
  MillraceError,
  RetriableError,
  TopologyError,
] as const

export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof Error)) {
    return { name: 'Error', message: String(error), stack: undefined }
  }
  const { name, message, stack, cause } = error
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  const faults = error instanceof ConfigError ? { faults: error.faults } : {}
  const why = cause === undefined || cause === null ? {} : { cause: toPlainError(cause) }
  return { name, message, stack, ...code, ...faults, ...why }
}

/** An error of ours comes back as what it was; any other with its name, code and stack. */
export function fromPlainError(plain: PlainError): Error {
  const error = revive(plain)
  if (plain.stack !== undefined) error.stack = plain.stack
  return error
}

function revive({ name, message, code, faults, cause }: PlainError): Error {
  if (faults !== undefined) return new ConfigError(faults)
  const options = cause === undefined ? {} : { cause: fromPlainError(cause) }
  const Found = classes.find((one) => one.name === name)
  if (Found !== undefined && code !== undefined) return new Found(code, message, options)
  return Object.assign(new Error(message, options), { name }, code === undefined ? {} : { code })
}
