/** Settings of a command: those of the environment, as `npm start` reads it, and flags over it. */
import { join } from 'node:path'
import type { Command } from 'commander'
import { type EngineConfig, readEngineConfig, shopApplicationId } from '../config.ts'
import { Environment, type Variables } from '../environment.ts'
import { ConfigError } from '../errors.ts'
import type { Terminal } from './terminal.ts'

/** Flags that all commands have which look at an application. */
export interface PlaceFlags {
  readonly brokers?: string
  readonly applicationId?: string
  readonly stateDir?: string
  readonly json?: boolean
}

/** Which flag takes the place of which variable. */
const flags = {
  brokers: ['--brokers', 'KAFKA_BROKERS'],
  applicationId: ['--application-id', 'APPLICATION_ID'],
  stateDir: ['--state-dir', 'STATE_DIR'],
  threads: ['--threads', 'THREADS'],
  guarantee: ['--guarantee', 'PROCESSING_GUARANTEE'],
  commitInterval: ['--commit-interval', 'COMMIT_INTERVAL'],
  httpPort: ['--http-port', 'HTTP_PORT'],
} as const

export type SettingFlags = { readonly [Name in keyof typeof flags]?: string }

export interface Settings extends EngineConfig {
  /** Of this application: `<stateDir>/<applicationId>`. */
  readonly directory: string
  /** Null: it listens to nobody. */
  readonly http: {
    readonly host: string
    readonly port: number
    readonly apiToken: string | null
  } | null
}

/** @param hasDefault the command is about the shop metrics unless it is told otherwise */
export function withPlace(command: Command, hasDefault = true): Command {
  const known = hasDefault ? 'APPLICATION_ID; without a module "shop-metrics"' : 'APPLICATION_ID'
  return command
    .option('-a, --application-id <id>', `of the application (${known})`)
    .option('-b, --brokers <list>', 'host:port,… (KAFKA_BROKERS; without: the embedded log)')
    .option('-d, --state-dir <directory>', 'where its state is kept (STATE_DIR; ".data")')
}

export function withJson(command: Command): Command {
  return command.option('--json', 'print JSON')
}

/**
 * Throws a ConfigError with one line per fault, each under the name of the flag or variable that
 * was given. Without a module the application is the one that this package brings along.
 */
export function readSettings(
  terminal: Terminal,
  given: SettingFlags,
  module: string | undefined
): Settings {
  const env = new Environment(overridden(terminal.env, given))
  const config = readEngineConfig(env, module === undefined ? shopApplicationId : '')
  if (config.applicationId === '') {
    env.fault('APPLICATION_ID', 'missing: say which application it is, or give --application-id')
  }
  const listens = env.optional('HTTP_PORT') !== undefined
  const http = {
    host: env.text('HTTP_HOST', '127.0.0.1'),
    port: env.integer('HTTP_PORT', 0, 0, 65_535),
    apiToken: env.secret('API_TOKEN') ?? null,
  }
  if (env.faults.length > 0) throw new ConfigError(env.faults.map((fault) => named(fault, given)))
  const directory = join(config.stateDir, config.applicationId)
  return { ...config, directory, http: listens ? http : null }
}

/** The environment as it would be if the flags were in it. */
export function overridden(env: Variables, given: SettingFlags): Variables {
  const over: Record<string, string | undefined> = { ...env }
  for (const name of names) {
    if (given[name] !== undefined) over[flags[name][1]] = given[name]
  }
  if (given.brokers !== undefined) over['BOOTSTRAP_SERVERS'] = undefined
  return over
}

const names = Object.keys(flags) as (keyof typeof flags)[]

function named(fault: string, given: SettingFlags): string {
  for (const name of names) {
    const [flag, variable] = flags[name]
    if (given[name] !== undefined && fault.startsWith(`${variable}:`)) {
      return fault.replace(variable, flag)
    }
  }
  return fault
}
