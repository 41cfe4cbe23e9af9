/** What a command sees of the process that it runs in; tests give it another. */
import type { Variables } from '../environment.ts'

export interface Terminal {
  readonly env: Variables
  /** What paths on the command line are relative to. */
  readonly directory: string
  /** To standard output: results, and nothing else. */
  readonly out: (text: string) => void
  /** To standard error: progress, remarks and errors. */
  readonly err: (text: string) => void
  /** Whether standard output is a terminal that shows colours. */
  readonly isColoured: boolean
  /** Whether standard error is a terminal, on which a line can be written again. */
  readonly isLive: boolean
  /** Standard input, for commands that read it. */
  readonly input: () => AsyncIterable<Uint8Array>
}

export function processTerminal(): Terminal {
  const { env, stdout, stderr, stdin } = process
  // Whoever reads may have seen enough: `millrace inspect orders | head`.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
  return {
    env,
    directory: process.cwd(),
    out: (text) => stdout.write(text),
    err: (text) => stderr.write(text),
    // https://no-color.org: set, and not empty.
    isColoured: stdout.isTTY === true && !env['NO_COLOR'],
    isLive: stderr.isTTY === true,
    input: () => stdin,
  }
}
