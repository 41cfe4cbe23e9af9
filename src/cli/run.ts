/** `millrace run`: an application out of a module, until a signal ends it. */
import { redactedEngine } from '../config.ts'
import { durationMs } from '../durations.ts'
import { kafkaSettings } from '../kafka/kafka-settings.ts'
import { createLogger } from '../log.ts'
import { endOnSignals, failProcess } from '../process.ts'
import { StreamApp } from '../stream-app.ts'
import { importTopology } from '../threads/topology-module.ts'
import { addCommand, type Host } from './command.ts'
import { UsageError } from './failures.ts'
import { readSettings, type SettingFlags, withPlace } from './settings.ts'
import type { Terminal } from './terminal.ts'
import { type ModuleFlags, moduleOf, withModule } from './topology.ts'

type Flags = ModuleFlags & SettingFlags

export function addRun(host: Host): void {
  const command = addCommand(host, 'run <module>', {
    summary: 'run an application out of a module',
    description:
      'Runs the topology that a module builds, on the embedded log or on brokers, until SIGTERM ' +
      'or SIGINT: then it commits, leaves the group and ends. A second signal ends it at once. ' +
      'Log lines go to standard error.',
    examples: [
      { does: 'on the embedded log in .data', line: 'millrace run orders.js -a orders' },
      {
        does: 'on brokers, in four threads',
        line: 'millrace run orders.js -a orders -b localhost:9092 --threads 4',
      },
      {
        does: 'another export, and what it is given',
        line: 'millrace run orders.js -a orders --export build --input \'{"currency":"EUR"}\'',
      },
    ],
  })
  withModule(command)
  withPlace(command, false)
  command
    .option('-t, --threads <number>', 'that run tasks, beside brokers (THREADS; 1)')
    .option(
      '--guarantee <which>',
      'exactly_once or at_least_once (PROCESSING_GUARANTEE; the first)'
    )
    .option('--commit-interval <duration>', 'from one commit to the next (COMMIT_INTERVAL; 100ms)')
    .action(async (path: string, flags: Flags) => {
      await run(host.terminal, path, flags)
    })
}

async function run(terminal: Terminal, path: string, flags: Flags): Promise<void> {
  const settings = readSettings(terminal, flags, path)
  const module = moduleOf(terminal, path, flags)
  if (module === undefined) throw new UsageError('run needs a module')
  const logger = createLogger({ level: settings.logLevel, pretty: terminal.isLive })
  const { applicationId, stateDir, guarantee, threads, kafka, directory: _, ...rest } = settings
  const app = new StreamApp(await importTopology(module), {
    applicationId,
    stateDir,
    guarantee,
    threads,
    topologyModule: module,
    commitIntervalMs: durationMs(rest.commitInterval),
    logger,
    ...(kafka === null ? {} : { kafka: kafkaSettings(kafka) }),
  })
  const ending = endOnSignals(app, logger)
  logger.info('Starting', { pid: process.pid, module: module.url, ...redactedEngine(settings) })
  try {
    await app.start()
    if (!ending.isUnderWay) logger.info('Running')
    await app.done
  } catch (error) {
    failProcess(error, logger)
  }
}
