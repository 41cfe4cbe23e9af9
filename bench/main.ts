/** One case, one run, one JSON line: `npm run bench -- --case count --records 1000000`. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MillraceError } from '../src/errors.ts'
import { StreamApp } from '../src/index.ts'
import { KafkaLog } from '../src/kafka/kafka-log.ts'
import { benchTopology, type DrawnCase } from './cases.ts'
import { checkRows, type Verdict } from './check.ts'
import { again } from './children.ts'
import { measureIdle } from './idle.ts'
import { lineOf } from './line.ts'
import { runLive } from './live.ts'
import { fillTopic, logger, openLog, withLog } from './log.ts'
import { type Figures, measureRestore, measureRun } from './measure.ts'
import { type BenchOptions, isLive, parseOptions, usage } from './options.ts'
import { fetchRaw, measureRounds, produceRaw } from './raw.ts'
import { runSoak } from './soak.ts'

const casesUrl = new URL('./cases.js', import.meta.url)

interface Outcome {
  readonly figures: Figures
  readonly verdict?: Verdict
}

async function main(options: BenchOptions): Promise<void> {
  const { name, step } = options
  if (name === 'raw-fetch' || name === 'raw-produce') {
    for (const figures of await runRaw(options)) console.log(lineOf(options, figures))
    return
  }
  if (isLive(name) && options.repeat === 1) {
    console.log(name === 'soak' ? await runSoak(options) : await runLive(options))
    return
  }
  const directory = await mkdtemp(join(tmpdir(), 'millrace-bench-'))
  try {
    if (step === 'fill') await fillGiven(options, directory)
    else if (step === 'check') console.log(JSON.stringify(await checkGiven(options, directory)))
    else if (needsProcesses(options)) await inProcesses(options)
    else await runHere(options, directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** A process that has filled a topic is no fresh one. */
function needsProcesses({ log, topic, repeat }: BenchOptions): boolean {
  return repeat > 1 || (log === 'kafka' && topic === undefined)
}

/** On Kafka the runs share their input; an embedded log is a process's own. */
async function inProcesses(options: BenchOptions): Promise<void> {
  const topic = options.topic ?? `millrace-${options.name}-${Date.now()}-in`
  const isShared = options.log === 'kafka' && !isLive(options.name)
  if (isShared && options.topic === undefined) await again(['--step', 'fill', '--topic', topic])
  const flags = ['--repeat', '1', ...(isShared ? ['--topic', topic] : [])]
  for (let run = 0; run < options.repeat; run++) await again(flags)
}

async function fillGiven(options: BenchOptions, directory: string): Promise<void> {
  const { topic } = options
  if (topic === undefined) throw new Error('--step fill takes --topic')
  await withLog(options, directory, `fill-${topic}`, (log) => fillTopic(log, topic, options))
}

async function checkGiven(options: BenchOptions, directory: string): Promise<Verdict | undefined> {
  const { topic: input, output } = options
  if (input === undefined || output === undefined) {
    throw new Error('--step check takes --topic and --output')
  }
  return await withLog(options, directory, `check-${output}`, (log) =>
    checkRows(log, options, { input, output }, 'kafka-streams')
  )
}

async function runHere(options: BenchOptions, directory: string): Promise<void> {
  const id = options.application ?? options.id ?? `millrace-${options.name}-${Date.now()}`
  const input = options.topic ?? `${id}-in`
  if (options.topic === undefined) {
    await withLog(options, directory, id, (log) => fillTopic(log, input, options))
  }
  const outcome = await runOn(options, directory, id, input)
  if (outcome === undefined) return
  const { figures, verdict } = outcome
  console.log(lineOf(options, figures, verdict))
  if (verdict === undefined || (verdict.right === verdict.due && verdict.faults.length === 0))
    return
  const { right, due, faults } = verdict
  throw new Error(`wrong results: ${right} of ${due} rows are right\n${faults.join('\n')}`)
}

async function runOn(
  options: BenchOptions,
  directory: string,
  id: string,
  input: string
): Promise<Outcome | undefined> {
  const output = `${id}-out`
  const drawn: DrawnCase = { options, input, output }
  const { brokers, threads } = options
  const app = (): StreamApp =>
    new StreamApp(benchTopology(options, input, output), {
      applicationId: id,
      stateDir: join(directory, 'state'),
      ...(threads > 1 ? { kafka: { brokers } } : { log: () => openLog(options, directory, id) }),
      threads,
      topologyModule: { url: casesUrl, name: 'drawCase', input: drawn },
      guarantee: options.guarantee,
      ...(options.commitMs === undefined ? {} : { commitIntervalMs: options.commitMs }),
      ...(options.caching ? {} : { cacheBytesMax: 0 }),
      logger,
    })
  if (options.application !== undefined) return { figures: await measureRestore(app()) }
  if (options.name === 'idle') return { figures: await measureIdle(app(), options.seconds) }
  const figures = await measureRun(app(), input, options.records)
  if (options.name === 'restore') {
    await rm(join(directory, 'state'), { recursive: true })
    if (options.log === 'embedded') return { figures: await measureRestore(app()) }
    await again(['--application', id, '--topic', input])
    return undefined
  }
  if (!options.checked) return { figures }
  const verdict = await withLog(options, directory, `${id}-check`, (log) =>
    checkRows(log, options, { input, output })
  )
  return verdict === undefined ? { figures } : { figures, verdict }
}

/** The raw layer, without an application: a topic is filled, then read if that is the case. */
async function runRaw(options: BenchOptions): Promise<readonly Figures[]> {
  const { brokers, records, bytes, rounds, name } = options
  const id = `millrace-${name}-${Date.now()}`
  const instance = randomUUID()
  const log = await KafkaLog.connect({
    ...{ brokers, clientId: id, applicationId: id, instance, logger },
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

try {
  const args = process.argv.slice(2)
  if (args.includes('--help')) console.log(usage)
  else await main(parseOptions(args))
} catch (error) {
  console.error(error instanceof MillraceError || !(error instanceof Error) ? error : error.message)
  process.exitCode = 1
}
