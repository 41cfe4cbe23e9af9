/** `millrace demo`: the shop metrics with an invented shop, on a log that goes with the process. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../config.ts'
import type { Variables } from '../environment.ts'
import { ConfigError } from '../errors.ts'
import { addCommand, type Host } from './command.ts'
import type { Terminal } from './terminal.ts'

interface Flags {
  readonly port?: string
  readonly stateDir?: string
}

export function addDemo(host: Host): void {
  const command = addCommand(host, 'demo', {
    summary: 'run the shop metrics with an invented shop',
    description:
      'Runs the application that this package brings along, with the traffic of an invented ' +
      'shop: 48 hours at once, then as time goes by. No broker is needed, or asked, and what it ' +
      'keeps goes with the process, unless it is given a directory. The page is where the line ' +
      '"Running" says.',
    examples: [
      { does: 'until Ctrl-C; open http://127.0.0.1:8013', line: 'millrace demo' },
      {
        does: 'on any port that is free, with a state that is there next time',
        line: 'millrace demo --port 0 --state-dir demo-state',
      },
    ],
  })
  command
    .option('-p, --port <number>', 'where HTTP answers; 0: any that is free (HTTP_PORT; 8013)')
    .option('-d, --state-dir <directory>', 'that stays (one that goes with the process)')
    .action(async (flags: Flags) => await demo(host.terminal, flags))
}

async function demo({ env }: Terminal, { port, stateDir }: Flags): Promise<void> {
  const directory = stateDir ?? mkdtempSync(join(tmpdir(), 'millrace-demo-'))
  if (stateDir === undefined) {
    process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  }
  const variables = {
    ...env,
    KAFKA_BROKERS: undefined,
    BOOTSTRAP_SERVERS: undefined,
    THREADS: undefined,
    EVENTS_FORMAT: undefined,
    DEMO_TRAFFIC: 'on',
    STATE_DIR: directory,
    ...(port === undefined ? {} : { HTTP_PORT: port }),
  }
  // Faults are told as other commands tell them; what comes later is told in the log.
  check(variables, port)
  // Only who runs it loads it.
  const { runShop } = await import('../shop-process.ts')
  await runShop(variables)
}

function check(variables: Variables, port: string | undefined): void {
  try {
    readConfig(variables)
  } catch (error) {
    if (!(error instanceof ConfigError) || port === undefined) throw error
    throw new ConfigError(error.faults.map((fault) => fault.replace(/^HTTP_PORT:/, '--port:')))
  }
}
