/** `millrace run`: an application out of a module, until a signal ends it. */
import { systemClock } from '../clock.ts'
import { redactedEngine } from '../config.ts'
import { durationMs } from '../durations.ts'
import type { HttpServer } from '../http/server.ts'
import { kafkaSettings } from '../kafka/kafka-settings.ts'
import { createLogger, type Logger } from '../log.ts'
import { endOnSignals, failProcess, warnOfOpenPort } from '../process.ts'
import { StreamApp } from '../stream-app.ts'
import { importTopology, type TopologyModule } from '../threads/topology-module.ts'
import type { Topology } from '../topology/topology.ts'
import { packageVersion } from '../version.ts'
import { addCommand, type Host } from './command.ts'
import { UsageError } from './failures.ts'
import { readSettings, type SettingFlags, type Settings, withPlace } from './settings.ts'
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
    .option(
      '-p, --http-port <number>',
      'answers probes, /metrics, /api/status and /api/topology; 0: any that is free (HTTP_PORT; ' +
        'without: none)'
    )
    .action(async (path: string, flags: Flags) => {
      await run(host.terminal, path, flags)
    })
}

async function run(terminal: Terminal, path: string, flags: Flags): Promise<void> {
  const settings = readSettings(terminal, flags, path)
  const module = moduleOf(terminal, path, flags)
  if (module === undefined) throw new UsageError('run needs a module')
  const logger = createLogger({ level: settings.logLevel, pretty: terminal.isLive })
  const topology = await importTopology(module)
  const app = makeApp(topology, settings, { module, logger })
  const runner = new Runner(app, topology, settings, logger)
  const ending = endOnSignals(runner, logger)
  const told = { ...redactedEngine(settings), http: settings.http?.port ?? null }
  logger.info('Starting', { pid: process.pid, module: module.url, ...told })
  if (settings.http !== null) {
    warnOfOpenPort(settings.http.host, settings.http.apiToken, logger)
  }
  try {
    await runner.start()
    if (!ending.isUnderWay) {
      logger.info('Running', runner.url === undefined ? {} : { url: runner.url })
    }
    await app.done
  } catch (error) {
    failProcess(error, logger)
  }
}

function makeApp(
  topology: Topology,
  { applicationId, stateDir, guarantee, threads, kafka, commitInterval }: Settings,
  { module, logger }: { readonly module: TopologyModule; readonly logger: Logger }
): StreamApp {
  return new StreamApp(topology, {
    applicationId,
    stateDir,
    guarantee,
    threads,
    topologyModule: module,
    commitIntervalMs: durationMs(commitInterval),
    logger,
    ...(kafka === null ? {} : { kafka: kafkaSettings(kafka) }),
  })
}

/** The application, and HTTP in front of it: first to listen, last to close. */
class Runner {
  readonly #app: StreamApp
  readonly #topology: Topology
  readonly #settings: Settings
  readonly #logger: Logger
  #server: HttpServer | undefined

  constructor(app: StreamApp, topology: Topology, settings: Settings, logger: Logger) {
    this.#app = app
    this.#topology = topology
    this.#settings = settings
    this.#logger = logger
  }

  get url(): string | undefined {
    return this.#server?.url
  }

  async start(): Promise<void> {
    const { http } = this.#settings
    if (http !== null) this.#server = await this.#listen(http)
    await this.#app.start()
  }

  async close(): Promise<void> {
    await this.#app.close()
    await this.#server?.close()
  }

  async #listen({ host, port, apiToken }: NonNullable<Settings['http']>): Promise<HttpServer> {
    // Only who listens loads what that takes.
    const [{ createEngineApp }, { listen }, { Exposition }] = await Promise.all([
      import('../http/app.ts'),
      import('../http/server.ts'),
      import('../metrics/exposition.ts'),
    ])
    const snapshot = () => this.#app.snapshot()
    const { instruments } = this.#topology
    const exposition = new Exposition({ snapshot, instruments, version: packageVersion() })
    const http = createEngineApp({
      snapshot,
      reasons: () => snapshot().reasons,
      topology: this.#topology,
      exposition: () => exposition.render(),
      apiToken,
      clock: systemClock,
      logger: this.#logger,
    })
    return await listen(http, host, port)
  }
}
