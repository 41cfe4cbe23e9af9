/** The process of the command `millrace`. */
import { runProgram } from './program.ts'
import { processTerminal } from './terminal.ts'

export async function runCommand(): Promise<void> {
  const status = await runProgram(process.argv.slice(2), processTerminal())
  // Not `exit`: what was printed last may still be on its way into a pipe.
  process.exitCode = status
}
