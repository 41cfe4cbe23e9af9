/**
 * Both sides at the same cases: one broker, each topic filled once, every run in a fresh process,
 * in turns, so that a busy stretch of the machine does not hit one of them alone.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type BenchOptions, type CaseName, caseNames, isLive, parseOptions } from '../options.ts'
import { shapeArgs } from '../shape.ts'
import { type BenchBroker, openBroker } from './broker.ts'
import { streamsCommand } from './java.ts'
import { type Cell, cellsOf, wholeMatrix } from './matrix.ts'
import { type Fields, millrace, runToEnd } from './process.ts'
import { liveTable, type Pair, pairsTable, sideOf } from './table.ts'

type Peer = 'millrace' | 'kafka-streams'

interface Comparison {
  readonly cells: readonly Cell[]
  readonly repeat: number
  readonly peers: readonly Peer[]
  readonly brokers: string
  readonly heap: string
  /** More arguments of the Java program. */
  readonly java: readonly string[]
}

export const usage = `usage: npm run bench -- compare --case all|NAME,… [--repeat 3]
  [--guarantee eos,alos] [--partitions 1,4] [--cache on,off] [--bytes 100,1024] [--records N]
  [--keys N] [--zipf S] [--hot SHARE] [--unique] [--disorder SHARE:SPAN] [--seed N]
  [--commit MS] [--rate R] [--seconds S]
  [--lazy]   millrace leaves undecoded what nobody reads; Kafka Streams always decodes
  [--peers millrace,kafka-streams] [--brokers LIST] [--heap 2g]
  [--retention MS] [--emit MS] [--threads N]   of Kafka Streams: its window stores, how often it
  looks for closed windows, its threads; 48 h, its own second, 1 or 2 for more partitions`

const same = ['keys', 'zipf', 'hot', 'disorder', 'seed', 'commit', 'rate', 'seconds'] as const

export async function compare(args: readonly string[]): Promise<boolean> {
  const comparison = comparisonOf(args)
  const { cells, peers, heap } = comparison
  const java = peers.includes('kafka-streams') ? await streamsCommand(heap) : []
  const broker = await openBroker(comparison.brokers)
  const runner = new Runner(comparison, broker, java)
  try {
    const pairs: Pair[] = []
    for (const cell of cells) pairs.push(await runner.pair(cell))
    const isTimed = ({ name }: Pair): boolean => isLive(name)
    const batch = pairs.filter((pair) => !isTimed(pair))
    if (batch.length > 0) console.log(`\n${pairsTable(batch)}`)
    if (batch.length < pairs.length) console.log(`\n${liveTable(pairs.filter(isTimed))}`)
  } finally {
    await broker.close()
  }
  return runner.failures === 0
}

/** Throws an Error that lists every fault of the flags. */
export function comparisonOf(args: readonly string[]): Comparison {
  const { values } = parseArgs({
    args: [...args],
    options: {
      case: { type: 'string', default: '' },
      repeat: { type: 'string', default: '3' },
      guarantee: { type: 'string', default: 'eos' },
      partitions: { type: 'string', default: '1' },
      cache: { type: 'string', default: 'on' },
      bytes: { type: 'string', default: '100' },
      records: { type: 'string' },
      ...{ keys: { type: 'string' }, zipf: { type: 'string' }, hot: { type: 'string' } },
      ...{ unique: { type: 'boolean', default: false }, lazy: { type: 'boolean', default: false } },
      ...{ disorder: { type: 'string' }, seed: { type: 'string' }, commit: { type: 'string' } },
      ...{ rate: { type: 'string' }, seconds: { type: 'string' } },
      peers: { type: 'string', default: 'millrace,kafka-streams' },
      brokers: { type: 'string', default: process.env['KAFKA_BROKERS'] ?? '' },
      heap: { type: 'string', default: '2g' },
      retention: { type: 'string', default: '172800000' },
      ...{ emit: { type: 'string' }, threads: { type: 'string' } },
    } as const,
  })
  const list = (text: string): readonly string[] => text.split(',').filter((one) => one !== '')
  const cells =
    values.case === 'all'
      ? wholeMatrix(values.records)
      : cellsOf({
          cases: list(values.case).map(caseOf),
          guarantees: list(values.guarantee),
          partitions: list(values.partitions),
          caches: list(values.cache),
          bytes: list(values.bytes),
          records: values.records,
          others: [
            ...same.flatMap((name) => {
              const value = values[name]
              return value === undefined ? [] : [`--${name}`, value]
            }),
            ...(values.unique ? ['--unique'] : []),
            ...(values.lazy ? ['--lazy'] : []),
          ],
        })
  const repeat = Number(values.repeat)
  const peers = list(values.peers).filter(isPeer)
  if (cells.length === 0 || peers.length === 0 || !(repeat >= 1)) throw new Error(usage)
  // A fault in the flags should be told before anything is started.
  for (const { flags } of cells) parseOptions([...flags, '--brokers', 'any:1'])
  const { emit, threads, retention } = values
  return {
    ...{ cells, repeat, peers, brokers: values.brokers, heap: values.heap },
    java: [
      `retention=${retention}`,
      ...(emit === undefined ? [] : [`emit=${emit}`]),
      ...(threads === undefined ? [] : [`threads=${threads}`]),
    ],
  }
}

function caseOf(name: string): CaseName {
  const found = caseNames.find((known) => known === name)
  if (found === undefined) throw new Error(`--case: no case ${name}\n${usage}`)
  return found
}

function isPeer(name: string): name is Peer {
  return name === 'millrace' || name === 'kafka-streams'
}

class Runner {
  readonly #comparison: Comparison
  readonly #broker: BenchBroker
  readonly #java: readonly string[]
  /** The topics that are filled, by what is in them. */
  readonly #topics = new Map<string, string>()
  /** Of the one side whose every row must be right. */
  failures = 0
  #runs = 0

  constructor(comparison: Comparison, broker: BenchBroker, java: readonly string[]) {
    this.#comparison = comparison
    this.#broker = broker
    this.#java = java
  }

  async pair(cell: Cell): Promise<Pair> {
    const lines: Record<Peer, Fields[]> = { millrace: [], 'kafka-streams': [] }
    const { repeat, peers } = this.#comparison
    const flags = [...cell.flags, '--brokers', this.#broker.addresses]
    const topic = isLive(cell.name) ? undefined : await this.#fill(flags)
    for (let round = 0; round < repeat; round++) {
      const turn = round % 2 === 0 ? peers : [...peers].reverse()
      for (const peer of turn) {
        const id = `bench-${peer}-${cell.name}-${process.pid}-${this.#runs++}`
        const line = await this.#run(peer, topic, flags, id)
        if (line !== undefined) lines[peer].push(line)
        if (line !== undefined) console.log(JSON.stringify(line))
        await this.#broker.forget(id)
      }
    }
    return { ...cell, ours: sideOf(lines.millrace), theirs: sideOf(lines['kafka-streams']) }
  }

  async #run(
    peer: Peer,
    topic: string | undefined,
    flags: readonly string[],
    id: string
  ): Promise<Fields | undefined> {
    const isOurs = peer === 'millrace'
    if (topic !== undefined) {
      return isOurs ? await this.#ours(flags, topic, id) : await this.#theirs(flags, topic, id)
    }
    const command = isOurs ? [] : ['--command', JSON.stringify([...this.#java, 'app'])]
    const { line, ok } = await millrace([...flags, '--id', id, '--peer', peer, ...command])
    if (isOurs && !ok) this.failures++
    return line
  }

  async #ours(flags: readonly string[], topic: string, id: string): Promise<Fields | undefined> {
    const { line, ok } = await millrace([...flags, '--topic', topic, '--id', id])
    if (!ok) this.failures++
    return line
  }

  async #theirs(flags: readonly string[], topic: string, id: string): Promise<Fields | undefined> {
    const options = parseOptions(flags)
    const state = await mkdtemp(join(tmpdir(), 'millrace-bench-java-'))
    try {
      const given = javaArgs(options, topic, id, state, this.#comparison.java)
      const ran = await runToEnd([...this.#java, 'run', ...given])
      if (!ran.ok || ran.line === undefined) {
        console.error(`Kafka Streams failed at ${flags.join(' ')}`)
        return undefined
      }
      if (options.name === 'restore') {
        await rm(state, { recursive: true, force: true })
        return (await runToEnd([...this.#java, 'restore', ...given])).line
      }
      const check = ['--step', 'check', '--topic', topic, '--output', `${id}-out`]
      const { line: verdict } = await millrace([...flags, ...check])
      if (verdict === undefined) return ran.line
      return { ...ran.line, rows_due: verdict['due'], rows_right: verdict['right'] }
    } finally {
      await rm(state, { recursive: true, force: true })
    }
  }

  async #fill(flags: readonly string[]): Promise<string> {
    const shape = shapeArgs(parseOptions(flags).shape)
    const key = shape.join(' ')
    const filled = this.#topics.get(key)
    if (filled !== undefined) return filled
    const topic = `bench-in-${process.pid}-${this.#topics.size}`
    const brokers = ['--brokers', this.#broker.addresses]
    const fill = ['--case', 'pass', ...shape, '--step', 'fill', '--topic', topic, ...brokers]
    const { ok } = await millrace(fill)
    if (!ok) throw new Error(`filling a topic failed: ${key}`)
    this.#topics.set(key, topic)
    return topic
  }
}

function javaArgs(
  options: BenchOptions,
  topic: string,
  id: string,
  state: string,
  others: readonly string[]
): readonly string[] {
  const { name, brokers, records, partitions, guarantee, caching, commitMs } = options
  return [
    ...[`case=${name}`, `brokers=${brokers.join(',')}`, `topic=${topic}`, `app=${id}`],
    ...[`state=${state}`, `records=${records}`, `partitions=${partitions}`],
    `guarantee=${guarantee === 'exactly_once' ? 'eos' : 'alos'}`,
    ...(caching ? [] : ['cache=off']),
    ...(commitMs === undefined ? [] : [`commit=${commitMs}`]),
    ...(partitions === 1 ? [] : ['threads=2']),
    ...others,
  ]
}
