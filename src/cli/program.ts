/** The command line as a value: what is typed in, what comes out, and the status. */
import { Command, CommanderError } from 'commander'
import { packageVersion } from '../version.ts'
import type { Host } from './command.ts'
import { addDashboards } from './dashboards.ts'
import { addDemo } from './demo.ts'
import { addDescribe } from './describe.ts'
import { report, status } from './failures.ts'
import { addIngest } from './ingest.ts'
import { addInspect } from './inspect.ts'
import { addLag } from './lag.ts'
import { addReplay } from './replay.ts'
import { addReset } from './reset.ts'
import { addRun } from './run.ts'
import type { Terminal } from './terminal.ts'
import { addVerify } from './verify.ts'

/** So that help reads the same everywhere. */
const helpColumns = 96

const about = `
Settings come from the environment, as \`npm start\` reads them (KAFKA_BROKERS, KAFKA_TLS_*,
KAFKA_SASL_*, APPLICATION_ID, STATE_DIR, …); flags take their place.

Status: 0 done, 1 failed, 2 wrong usage, 3 the answer is no (see the command), 78 wrong settings,
130 or 143 ended by a signal.`

/** Runs one command; answers with the status that the process is to end with. */
export async function runProgram(
  args: readonly string[],
  terminal: Terminal,
  commands: readonly ((host: Host) => void)[] = all
): Promise<number> {
  let ended: number = status.ok
  const program = makeProgram(terminal)
  const end = (code: number): void => void (ended = code)
  for (const add of commands) add({ program, terminal, end })
  try {
    if (args.length === 0) program.outputHelp()
    else await program.parseAsync(args, { from: 'user' })
    return ended
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(error, terminal, args.includes('--json'))
    return error.exitCode === 0 ? status.ok : status.usage
  }
}

const all = [
  addRun,
  addDemo,
  addDescribe,
  addLag,
  addInspect,
  addVerify,
  addReset,
  addReplay,
  addIngest,
  addDashboards,
] as const

function makeProgram(terminal: Terminal): Command {
  const { isColoured } = terminal
  return new Command('millrace')
    .description('Stateful stream processing on Apache Kafka, and on a log of its own.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .addHelpText('after', about)
    .showSuggestionAfterError()
    .showHelpAfterError('(--help says what there is)')
    .exitOverride()
    .configureOutput({
      writeOut: terminal.out,
      writeErr: terminal.err,
      getOutHelpWidth: () => helpColumns,
      getErrHelpWidth: () => helpColumns,
      getOutHasColors: () => isColoured,
      getErrHasColors: () => false,
    })
}
