/** The command line as a value: what is typed in, what comes out, and the status. */
import { Command, CommanderError } from 'commander'
import { packageVersion } from '../version.ts'
import type { Host } from './command.ts'
import { addDashboards } from './dashboards.ts'
import { addDemo } from './demo.ts'
import { addDescribe } from './describe.ts'
import { report, status, UsageError } from './failures.ts'
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
  const isJson = args.includes('--json')
  const program = makeProgram(terminal, isJson)
  const end = (code: number): void => void (ended = code)
  for (const add of commands) add({ program, terminal, end })
  try {
    if (args.length === 0) program.outputHelp()
    else await program.parseAsync(spoken(args, program), { from: 'user' })
    return ended
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(error, terminal, isJson)
    if (error.exitCode === 0) return status.ok
    return isJson ? report(misuse(error), terminal, isJson) : status.usage
  }
}

/** `help lagg` is told what `lagg` is told, and not what there is in all. */
function spoken(args: readonly string[], { commands }: Command): readonly string[] {
  const [first, name] = args
  const isKnown = name === undefined || commands.some((one) => one.name() === name)
  return first === 'help' && !isKnown ? args.slice(1) : args
}

/** What commander has to say, in one line. */
function misuse({ message }: CommanderError): UsageError {
  return new UsageError(message.replace(/^error: /, '').replaceAll('\n', ' '))
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

/** @param isJson errors are told elsewhere */
function makeProgram(terminal: Terminal, isJson: boolean): Command {
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
      writeErr: isJson ? () => {} : terminal.err,
      getOutHelpWidth: () => helpColumns,
      getErrHelpWidth: () => helpColumns,
      getOutHasColors: () => isColoured,
      getErrHasColors: () => false,
    })
}
