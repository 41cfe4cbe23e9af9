/** The process's own log lines: one JSON object a line on stderr, or plain text on a terminal. */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

const order: Readonly<Record<LogLevel, number>> = {
  debug: 0,
  info: 1,
  warn: 2,
  error: 3,
  silent: 4,
}

export type LogFields = Readonly<Record<string, unknown>>

export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** The same log with these fields on every line. */
  with(fields: LogFields): Logger
}

export interface LoggerOptions {
  readonly level: LogLevel
  readonly write?: (line: string) => void
  /** Readable lines instead of JSON: for a person at a terminal. */
  readonly pretty?: boolean
}

export function createLogger(options: LoggerOptions, bound: LogFields = {}): Logger {
  const write = options.write ?? ((line: string) => process.stderr.write(line))
  const line = (level: LogLevel, message: string, fields: LogFields = {}): void => {
    if (order[level] < order[options.level]) return
    write(`${format(options.pretty === true, level, message, { ...bound, ...fields })}\n`)
  }
  return {
    debug: (message, fields) => line('debug', message, fields),
    info: (message, fields) => line('info', message, fields),
    warn: (message, fields) => line('warn', message, fields),
    error: (message, fields) => line('error', message, fields),
    with: (fields) => createLogger(options, { ...bound, ...fields }),
  }
}

export const silentLogger: Logger = createLogger({ level: 'silent' })

function format(pretty: boolean, level: LogLevel, msg: string, fields: LogFields): string {
  const time = new Date().toISOString()
  if (!pretty) return JSON.stringify({ time, level, msg, ...fields }, plain)
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${text(value)}`)
  return [time.slice(11, 19), level.padEnd(5), msg, ...rest].join(' ')
}

function text(value: unknown): string {
  if (value instanceof Error) return value.message
  return typeof value === 'string' ? value : JSON.stringify(value, plain)
}

function plain(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (!(value instanceof Error)) return value
  const { message, stack, cause } = value
  return {
    message,
    stack,
    ...('code' in value ? { code: value.code } : {}),
    ...(cause ? { cause } : {}),
  }
}
