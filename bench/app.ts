/**
 * The application that live cases start, as the program in `bench/java` is one: it counts by key
 * until it is told to stop. Its settings are in the environment.
 */
import { createLogger, StreamApp } from '../src/index.ts'
import { benchTopology } from './cases.ts'
import { parseOptions } from './options.ts'

function setting(name: string): string | undefined {
  const value = process.env[name]
  return value === '' ? undefined : value
}

function needed(name: string): string {
  const value = setting(name)
  if (value === undefined) throw new Error(`${name} is not set`)
  return value
}

const brokers = needed('BROKERS')
const guarantee = needed('GUARANTEE')
const cache = setting('CACHE') ?? 'off'
const partitions = needed('PARTITIONS')
const flags = ['--guarantee', guarantee, '--cache', cache, '--partitions', partitions]
const options = parseOptions(['--case', 'count', '--brokers', brokers, ...flags])
const commit = setting('COMMIT')
const session = setting('SESSION')
const app = new StreamApp(benchTopology(options, needed('INPUT'), needed('OUTPUT')), {
  applicationId: needed('APP_ID'),
  stateDir: needed('STATE_DIR'),
  kafka: {
    brokers: options.brokers,
    ...(session === undefined ? {} : { group: { sessionMs: Number(session) } }),
  },
  guarantee: options.guarantee,
  ...(commit === undefined ? {} : { commitIntervalMs: Number(commit) }),
  ...(options.caching ? {} : { cacheBytesMax: 0 }),
  logger: createLogger({ level: 'warn' }),
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void app.close())
await app.start()
await app.done
