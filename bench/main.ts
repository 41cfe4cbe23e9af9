/** One case, one run, one JSON line: `npm run bench -- --case count --records 1000000`. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MillraceError } from '../src/errors.ts'
import { StreamApp } from '../src/index.ts'
import { KafkaLog } from '../src/kafka/kafka-log.ts'
import { EmbeddedLog } from '../src/log/embedded-log.ts'
import { createLogger } from '../src/log.ts'
import type { Log } from '../src/runtime/ports.ts'
import { benchTopology } from './cases.ts'
import { fill } from './events.ts'
import { type Figures, measureRestore, measureRun } from './measure.ts'
import { type BenchOptions, parseOptions } from './options.ts'

const distinctKeys = 10_000
const logger = createLogger({ level: 'warn' })

async function run(options: BenchOptions): Promise<Figures> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-'))
  const id = `millrace-${options.name}-${Date.now()}`
  try {
    const input = await prepareInput(options, directory, id)
    const app = (): StreamApp =>
      new StreamApp(benchTopology(options, input, `${id}-out`), {
        applicationId: id,
        stateDir: join(directory, 'state'),
        log: () => openLog(options, directory, id),
        guarantee: options.guarantee,
        ...(options.caching ? {} : { cacheBytesMax: 0 }),
        logger,
      })
    if (options.name !== 'restore') return await measureRun(app(), input, options.records)
    await measureRun(app(), input, options.records)
    await rm(join(directory, 'state'), { recursive: true })
    return await measureRestore(app())
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** The topic to read: the given one, or a new one that is filled first. */
async function prepareInput(options: BenchOptions, directory: string, id: string): Promise<string> {
  if (options.topic !== undefined) return options.topic
  const topic = `${id}-in`
  const log = await openLog(options, directory, id)
  try {
    const config = { 'retention.ms': '-1' }
    const { partitions, records } = options
    await log.prepare([{ name: topic, role: 'sink', partitions, config, create: true }])
    const unique = options.name === 'restore'
    await fill(log, topic, { records, partitions, unique, keys: unique ? records : distinctKeys })
  } finally {
    await log.close()
  }
  return topic
}

function openLog(options: BenchOptions, directory: string, id: string): Promise<Log> {
  const { brokers, guarantee } = options
  if (options.log === 'embedded') {
    return EmbeddedLog.open({ path: join(directory, 'log'), group: id, logger })
  }
  return KafkaLog.connect({
    brokers,
    clientId: id,
    applicationId: id,
    instance: randomUUID(),
    guarantee,
    logger,
  })
}

function line(options: BenchOptions, figures: Figures): string {
  const { records } = options
  const round = (value: number, digits = 3): number => Number(value.toFixed(digits))
  return JSON.stringify({
    peer: 'millrace',
    case: options.name,
    guarantee: options.guarantee === 'exactly_once' ? 'eos' : 'alos',
    log: options.log,
    n: records,
    p: options.partitions,
    ...(options.caching ? {} : { cache: 'off' }),
    ...(options.lazy ? { lazy: true } : {}),
    wall_s: round(figures.wallSeconds),
    rps: Math.round(records / figures.wallSeconds),
    cpu_s: round(figures.cpuSeconds),
    cpu_us_per_rec: round((figures.cpuSeconds * 1e6) / records),
    rss_mb: Math.round(figures.rssMb),
    out_records: figures.outRecords,
    dropped: figures.dropped,
  })
}

try {
  const options = parseOptions(process.argv.slice(2))
  console.log(line(options, await run(options)))
} catch (error) {
  console.error(error instanceof MillraceError || !(error instanceof Error) ? error : error.message)
  process.exitCode = 1
}
