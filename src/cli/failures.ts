/** How commands end: a status for each kind of end, errors as people and programs read them. */
import { ConfigError, MillraceError } from '../errors.ts'
import { exitStatus } from '../process.ts'
import type { Terminal } from './terminal.ts'

/** What a command ends with; 130 and 143 are those of signals. */
export const status = { ...exitStatus, usage: 2, differs: 3 } as const

/** The command line itself is wrong. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

/** Tells what went wrong, on standard error; answers with the status. */
export function report(error: unknown, terminal: Terminal, isJson: boolean): number {
  const { code, messages, status } = described(error)
  if (isJson) {
    const [message = ''] = messages
    const faults = messages.length > 1 ? { faults: messages } : {}
    terminal.err(`${JSON.stringify({ error: { code, message, ...faults } })}\n`)
    return status
  }
  for (const message of messages) terminal.err(`error: ${message}\n`)
  if (code?.startsWith('MILLRACE_') && status === exitStatus.failed) terminal.err(`(${code})\n`)
  return status
}

interface Described {
  readonly code: string | null
  readonly messages: readonly string[]
  readonly status: number
}

function described(error: unknown): Described {
  if (error instanceof UsageError) {
    return { code: 'MILLRACE_USAGE', messages: [error.message], status: status.usage }
  }
  if (error instanceof ConfigError) {
    return { code: error.code, messages: error.faults, status: status.misconfigured }
  }
  if (error instanceof MillraceError) {
    return { code: error.code, messages: [error.message], status: status.failed }
  }
  if (isSystemError(error)) {
    // Such as a directory that is a file: the message says what and where.
    return { code: error.code, messages: [error.message], status: status.failed }
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { code: null, messages: [text], status: status.failed }
}

function isSystemError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'syscall' in error && 'code' in error
}
