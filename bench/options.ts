/** What `npm run bench -- …` takes; every fault is reported at once. */
import { parseArgs } from 'node:util'

export const caseNames = [
  'pass',
  'count',
  'wcount-final',
  'hop-all-final',
  'shop',
  'shop-pair',
  'restore',
  'raw-fetch',
  'raw-produce',
  'idle',
] as const
export type CaseName = (typeof caseNames)[number]

export interface BenchOptions {
  readonly name: CaseName
  readonly log: 'embedded' | 'kafka'
  readonly brokers: readonly string[]
  readonly records: number
  readonly partitions: number
  readonly guarantee: 'exactly_once' | 'at_least_once'
  /** A topic that is already filled (in the loader's form); otherwise one is made. */
  readonly topic: string | undefined
  /** For `restore`: an application whose changelog is filled already; with its `topic`. */
  readonly application: string | undefined
  /** Off: every update goes out and to the changelog. */
  readonly caching: boolean
  /** Leave values that nobody reads undecoded. The peers parse all of them, and so do we else. */
  readonly lazy: boolean
  /** Of a value, in the raw cases. */
  readonly bytes: number
  /** Counted rounds of the raw cases, in one process. */
  readonly rounds: number
  /** How long the idle case watches. */
  readonly seconds: number
}

export const usage = `usage: npm run bench -- --case NAME [--records N] [--partitions P]
  [--guarantee eos|alos] [--log kafka|embedded] [--brokers LIST] [--topic EXISTING]
  [--application EXISTING]
  [--cache on|off] [--lazy] [--bytes B] [--rounds R] [--seconds S]
cases: ${caseNames.join(' ')}`

export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      case: { type: 'string' },
      records: { type: 'string', default: '1000000' },
      partitions: { type: 'string', default: '1' },
      guarantee: { type: 'string', default: 'eos' },
      log: { type: 'string' },
      brokers: { type: 'string', default: process.env['KAFKA_BROKERS'] ?? '' },
      topic: { type: 'string' },
      application: { type: 'string' },
      cache: { type: 'string', default: 'on' },
      lazy: { type: 'boolean', default: false },
      bytes: { type: 'string', default: '100' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '60' },
    },
  })
  const brokers = values.brokers.split(',').filter((broker) => broker !== '')
  const name = caseNames.find((known) => known === values.case)
  const guarantee = guarantees.get(values.guarantee)
  const log = values.log ?? (brokers.length > 0 ? 'kafka' : 'embedded')
  const faults = [
    name === undefined ? `--case: expected one of ${caseNames.join(', ')}, got ${values.case}` : '',
    guarantee === undefined ? `--guarantee: expected eos or alos, got ${values.guarantee}` : '',
    log === 'kafka' && brokers.length === 0 ? '--brokers: Kafka needs at least one' : '',
    log === 'embedded' && name?.startsWith('raw-') ? `--case: ${name} takes --brokers` : '',
    log !== 'kafka' && log !== 'embedded' ? `--log: expected kafka or embedded, got ${log}` : '',
  ].filter((fault) => fault !== '')
  if (faults.length > 0 || name === undefined || guarantee === undefined) {
    throw new Error(`${faults.join('\n')}\n${usage}`)
  }
  return {
    name,
    log: log === 'kafka' ? 'kafka' : 'embedded',
    brokers,
    records: whole('--records', values.records),
    partitions: whole('--partitions', values.partitions),
    guarantee,
    topic: values.topic,
    application: values.application,
    caching: values.cache !== 'off',
    lazy: values.lazy,
    bytes: whole('--bytes', values.bytes),
    rounds: whole('--rounds', values.rounds),
    seconds: whole('--seconds', values.seconds),
  }
}

const guarantees: ReadonlyMap<string, BenchOptions['guarantee']> = new Map([
  ['eos', 'exactly_once'],
  ['exactly_once', 'exactly_once'],
  ['alos', 'at_least_once'],
  ['at_least_once', 'at_least_once'],
])

function whole(name: string, text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new Error(`${name}: expected a whole number above 0, got ${text}\n${usage}`)
}
