/** What `npm run bench -- …` takes; every fault is reported at once. */
import { parseArgs } from 'node:util'
import { type Duration, parseDuration } from '../src/durations.ts'
import type { Peer } from './recount.ts'
import { type EventShape, shapeFlags, shapeOf, shapeUsage } from './shape.ts'

export const caseNames = [
  'pass',
  'count',
  'wcount',
  'wcount-final',
  'wcount-suppress',
  'hop',
  'hop-final',
  'hop-all',
  'hop-all-final',
  'hop-shard-final',
  'shop',
  'shop-app',
  'restore',
  'raw-fetch',
  'raw-produce',
  'idle',
  'startup',
  'rebalance',
  'latency',
  'live',
  'soak',
] as const
export type CaseName = (typeof caseNames)[number]

/** Those that look at applications from outside, at the pace of a clock. */
const onBrokers: readonly CaseName[] = ['startup', 'rebalance', 'latency', 'live', 'soak']

/** Instead of a measured run: filling a topic for one, or judging what one has put out. */
export type BenchStep = 'run' | 'fill' | 'check'

export interface BenchOptions {
  readonly name: CaseName
  readonly step: BenchStep
  readonly log: 'embedded' | 'kafka'
  readonly brokers: readonly string[]
  readonly records: number
  readonly partitions: number
  /** That run tasks; more than one takes brokers. */
  readonly threads: number
  readonly guarantee: 'exactly_once' | 'at_least_once'
  /** Default: the application's own. */
  readonly commitMs: number | undefined
  readonly shape: EventShape
  /** A topic that is already filled (in the loader's form); otherwise one is made. */
  readonly topic: string | undefined
  /** What was put out, for `check`. */
  readonly output: string | undefined
  /** Of the application, the name that its topics begin with. Default: a new one. */
  readonly id: string | undefined
  /** For `restore`: an application whose changelog is filled already; with its `topic`. */
  readonly application: string | undefined
  /** Off: every update goes out and to the changelog. */
  readonly caching: boolean
  /** Leave values that nobody reads undecoded. The peers parse all of them, and so do we else. */
  readonly lazy: boolean
  /** Compare the results with a recount of the input. */
  readonly checked: boolean
  /** Of the hopping cases. */
  readonly window: Duration
  readonly advance: Duration
  /** How often the shop's conversion is put out. */
  readonly refresh: Duration
  /** More settings of the output topic. */
  readonly outputConfig: Readonly<Record<string, string>>
  /** Processes of their own, one after the other. */
  readonly repeat: number
  /** Of a value. */
  readonly bytes: number
  /** Counted rounds of the raw cases, in one process. */
  readonly rounds: number
  /** How long the idle, latency and live cases watch. */
  readonly seconds: number
  /** Records a second of the latency and live cases. */
  readonly rate: number
  /** Of the members of the rebalance case. */
  readonly sessionMs: number
  /** How long a soak goes on, and with which case's topology. */
  readonly minutes: number
  readonly work: CaseName
  /** Whose application the live cases start, and how; empty: ours. */
  readonly peer: Peer
  readonly command: readonly string[]
}

export const usage = `usage: npm run bench -- --case NAME [--records N] [--partitions P]
  [--threads T] [--repeat R] [--guarantee eos|alos] [--commit MS] [--log kafka|embedded]
  [--brokers LIST]
  [--topic EXISTING] [--application EXISTING] [--cache on|off] [--lazy] [--check on|off]
  ${shapeUsage}
  [--window 24h] [--advance 30m] [--refresh 5m] [--rounds R] [--seconds S]
  [--rate R] [--session MS] [--minutes M] [--work CASE]
cases: ${caseNames.join(' ')}`

const flags = {
  case: { type: 'string' },
  step: { type: 'string', default: 'run' },
  records: { type: 'string', default: '1000000' },
  partitions: { type: 'string', default: '1' },
  threads: { type: 'string', default: '1' },
  guarantee: { type: 'string', default: 'eos' },
  commit: { type: 'string' },
  log: { type: 'string' },
  brokers: { type: 'string', default: process.env['KAFKA_BROKERS'] ?? '' },
  topic: { type: 'string' },
  output: { type: 'string' },
  id: { type: 'string' },
  application: { type: 'string' },
  cache: { type: 'string', default: 'on' },
  lazy: { type: 'boolean', default: false },
  check: { type: 'string', default: 'on' },
  window: { type: 'string', default: '24h' },
  advance: { type: 'string', default: '30m' },
  refresh: { type: 'string', default: '5m' },
  repeat: { type: 'string', default: '1' },
  bytes: { type: 'string', default: '100' },
  rounds: { type: 'string', default: '3' },
  seconds: { type: 'string', default: '60' },
  rate: { type: 'string', default: '5000' },
  session: { type: 'string', default: '6000' },
  minutes: { type: 'string', default: '10' },
  work: { type: 'string', default: 'shop-app' },
  peer: { type: 'string', default: 'millrace' },
  command: { type: 'string', default: '[]' },
  ...shapeFlags,
} as const

type Values = ReturnType<typeof parseArgs<{ options: typeof flags }>>['values']

export function isLive(name: CaseName): boolean {
  return onBrokers.includes(name)
}

/** Throws an Error that lists every fault. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({ args: [...args], options: flags })
  const faults: string[] = []
  const options = optionsOf(values, faults)
  if (faults.length > 0) throw new Error(`${faults.join('\n')}\n${usage}`)
  return options
}

function optionsOf(values: Values, faults: string[]): BenchOptions {
  const whole = wholes(faults)
  const brokers = values.brokers.split(',').filter((broker) => broker !== '')
  const name = oneOf('--case', values.case, caseNames, faults)
  const log = oneOf('--log', values.log ?? defaultLog(brokers), ['kafka', 'embedded'], faults)
  if (log === 'kafka' && brokers.length === 0) faults.push('--brokers: Kafka needs at least one')
  const needsBrokers = name.startsWith('raw-') || onBrokers.includes(name)
  if (log === 'embedded' && needsBrokers) faults.push(`--case: ${name} takes --brokers`)
  if (values.application !== undefined && values.topic === undefined) {
    faults.push('--application: takes the --topic that it has read, too')
  }
  const records = whole('--records', values.records)
  const partitions = whole('--partitions', values.partitions)
  if (name === 'rebalance' && partitions < 2) {
    faults.push('--partitions: rebalance takes 2 or more, or the one that is killed may have none')
  }
  const threads = whole('--threads', values.threads)
  const bytes = whole('--bytes', values.bytes)
  // Restoring wants as many rows as there are records.
  const unique = values.unique || name === 'restore'
  return {
    ...{ name, log, brokers, records, partitions, threads, bytes },
    step: oneOf('--step', values.step, ['run', 'fill', 'check'], faults),
    guarantee: guaranteeOf(values.guarantee, faults),
    commitMs: values.commit === undefined ? undefined : whole('--commit', values.commit),
    shape: shapeOf({ ...values, unique }, { records, partitions, bytes }, faults),
    topic: values.topic,
    output: values.output,
    id: values.id,
    application: values.application,
    caching: oneOf('--cache', values.cache, ['on', 'off'], faults) === 'on',
    lazy: values.lazy,
    checked: oneOf('--check', values.check, ['on', 'off'], faults) === 'on',
    window: span('--window', values.window, faults),
    advance: span('--advance', values.advance, faults),
    refresh: span('--refresh', values.refresh, faults),
    outputConfig: {},
    repeat: whole('--repeat', values.repeat),
    rounds: whole('--rounds', values.rounds),
    seconds: whole('--seconds', values.seconds),
    rate: whole('--rate', values.rate),
    sessionMs: whole('--session', values.session),
    minutes: whole('--minutes', values.minutes),
    work: oneOf('--work', values.work, caseNames, faults),
    peer: oneOf('--peer', values.peer, ['millrace', 'kafka-streams'], faults),
    command: JSON.parse(values.command) as readonly string[],
  }
}

function defaultLog(brokers: readonly string[]): string {
  return brokers.length > 0 ? 'kafka' : 'embedded'
}

const guarantees: ReadonlyMap<string, BenchOptions['guarantee']> = new Map([
  ['eos', 'exactly_once'],
  ['exactly_once', 'exactly_once'],
  ['alos', 'at_least_once'],
  ['at_least_once', 'at_least_once'],
])

function guaranteeOf(text: string, faults: string[]): BenchOptions['guarantee'] {
  const guarantee = guarantees.get(text)
  if (guarantee === undefined) faults.push(`--guarantee: expected eos or alos, got ${text}`)
  return guarantee ?? 'exactly_once'
}

export function oneOf<const T extends string>(
  flag: string,
  text: string | undefined,
  known: readonly [T, ...T[]],
  faults: string[]
): T {
  const found = known.find((one) => one === text)
  if (found === undefined) faults.push(`${flag}: expected one of ${known.join(', ')}, got ${text}`)
  return found ?? known[0]
}

function span(flag: string, text: string, faults: string[]): Duration {
  if (parseDuration(text) === undefined) faults.push(`${flag}: expected such as 30m, got ${text}`)
  return text as Duration
}

/** Reads whole numbers above 0. */
export function wholes(faults: string[]): (flag: string, text: string) => number {
  return (flag, text) => {
    const value = Number(text)
    if (Number.isSafeInteger(value) && value > 0) return value
    faults.push(`${flag}: expected a whole number above 0, got ${text}`)
    return 1
  }
}
