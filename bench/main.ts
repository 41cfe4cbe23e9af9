/** One case, one run, one JSON line: `npm run bench -- --case count --records 1000000`. */
import { spawnSync } from 'node:child_process'
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
import { measureIdle } from './idle.ts'
import { type Figures, measureRestore, measureRun } from './measure.ts'
import { type BenchOptions, parseOptions } from './options.ts'
import { fetchRaw, measureRounds, produceRaw } from './raw.ts'

const distinctKeys = 10_000
const logger = createLogger({ level: 'warn' })

async function run(options: BenchOptions): Promise<readonly Figures[]> {
  if (options.name === 'raw-fetch' || options.name === 'raw-produce') return await runRaw(options)
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-'))
  const id = options.application ?? `millrace-${options.name}-${Date.now()}`
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
    if (options.application !== undefined) return [await measureRestore(app())]
    if (options.name === 'idle') return [await measureIdle(app(), options.seconds)]
    const whole = await measureRun(app(), input, options.records)
    if (options.name !== 'restore') return [whole]
    await rm(join(directory, 'state'), { recursive: true })
    return options.log === 'kafka' ? restoreElsewhere(id, input) : [await measureRestore(app())]
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** In a process of its own, which has done nothing before: it prints the line. */
function restoreElsewhere(id: string, input: string): readonly Figures[] {
  const [script = '', ...args] = process.argv.slice(1)
  const again = [...process.execArgv, script, ...args, '--application', id, '--topic', input]
  const { status } = spawnSync(process.execPath, again, { stdio: 'inherit' })
  if (status !== 0) throw new Error(`restoring in a process of its own ended with ${status}`)
  return []
}

/** The raw layer, without an application: a topic is filled, then read if that is the case. */
async function runRaw(options: BenchOptions): Promise<readonly Figures[]> {
  const { brokers, records, bytes, rounds, name } = options
  const id = `millrace-${name}-${Date.now()}`
  const log = await KafkaLog.connect({
    brokers,
    clientId: id,
    applicationId: id,
    instance: randomUUID(),
    logger,
  })
  try {
    const topic = options.topic ?? `${id}-records`
    const config = { 'retention.ms': '-1' }
    await log.prepare([{ name: topic, role: 'sink', partitions: 1, config, create: true }])
    const work = { brokers, topic, records, bytes, rounds }
    if (name === 'raw-produce') return await measureRounds(rounds, () => produceRaw(work))
    if (options.topic === undefined) await produceRaw(work)
    return await measureRounds(rounds, () => fetchRaw(log, work))
  } finally {
    await log.close()
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
    if (options.name === 'idle') return topic
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

function round(value: number): number {
  return Number(value.toFixed(3))
}

/** `cores`: how much of a core it takes. */
function idleLine({ log, partitions }: BenchOptions, figures: Figures): string {
  const { wallSeconds, cpuSeconds, rssMb } = figures
  const cores = round(cpuSeconds / wallSeconds)
  const cost = { wall_s: round(wallSeconds), cpu_s: round(cpuSeconds), cores }
  return JSON.stringify({
    ...{ peer: 'millrace', case: 'idle', log, p: partitions },
    ...cost,
    rss_mb: Math.round(rssMb),
  })
}

function line(options: BenchOptions, figures: Figures): string {
  const { records } = options
  if (options.name === 'idle') return idleLine(options, figures)
  return JSON.stringify({
    peer: 'millrace',
    case: options.name,
    guarantee: options.guarantee === 'exactly_once' ? 'eos' : 'alos',
    log: options.log,
    n: records,
    ...(options.name.startsWith('raw-') ? { bytes: options.bytes } : { p: options.partitions }),
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
  for (const figures of await run(options)) console.log(line(options, figures))
} catch (error) {
  console.error(error instanceof MillraceError || !(error instanceof Error) ? error : error.message)
  process.exitCode = 1
}
