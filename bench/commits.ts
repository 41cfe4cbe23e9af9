/**
 * How long a commit takes with transactions of either version: eight output partitions, a record
 * each, and the offsets of eight tasks. `node dist/bench/commits.js --brokers HOST:PORT`.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { taskId } from '../src/ids.ts'
import { Cluster } from '../src/kafka/cluster.ts'
import { KafkaLog } from '../src/kafka/kafka-log.ts'
import { createLogger } from '../src/log.ts'

const partitions = 8
const warmUp = 50
const rounds = 3

interface Options {
  readonly brokers: readonly string[]
  readonly commits: number
  readonly pauseMs: number
}

class FirstVersionCluster extends Cluster {
  override feature(): Promise<number> {
    return Promise.resolve(1)
  }
}

async function joined(options: Options, version: number, id: string): Promise<KafkaLog> {
  const logger = createLogger({ level: 'warn' })
  const connection = { brokers: options.brokers, clientId: id, logger }
  const cluster = version === 1 ? new FirstVersionCluster(connection) : new Cluster(connection)
  const log = await KafkaLog.connect({ ...connection, applicationId: id, instance: id }, cluster)
  const topics = ['in', 'out'].map((name) => `${id}-${name}`)
  const how = { role: 'sink', partitions, create: true } as const
  await log.prepare(topics.map((name) => ({ name, ...how })))
  const tasks = Array.from({ length: partitions }, (_, partition) => ({
    id: taskId(0, partition),
    sources: [{ topic: `${id}-in`, partition }],
  }))
  await new Promise<void>((resolve, reject) => {
    const onAssigned = async (): Promise<void> => resolve()
    const none = async (): Promise<void> => undefined
    const listener = { onAssigned, onRevoked: none, onLost: none }
    log.join({ tasks, held: () => [] }, listener).catch(reject)
  })
  for (let number = 1; number <= warmUp; number++) await commit(log, id, number)
  return log
}

async function commit(log: KafkaLog, id: string, number: number): Promise<void> {
  const batch = log.createBatch()
  const offsets = Array.from({ length: partitions }, (_, partition) => {
    batch.append(`${id}-out`, partition, Date.now(), null, Buffer.from(`${number}`))
    const at = { topic: `${id}-in`, partition, task: taskId(0, partition) }
    return { ...at, offset: number, metadata: `${number}` }
  })
  await log.commit({ batch, offsets, number })
}

/** The p50 and the p99 in milliseconds. */
async function measure(options: Options, version: number): Promise<readonly [number, number]> {
  const id = `commits-${version}-${randomUUID().slice(0, 8)}`
  const log = await joined(options, version, id)
  const times: number[] = []
  for (let number = warmUp + 1; number <= warmUp + options.commits; number++) {
    const startedAt = performance.now()
    await commit(log, id, number)
    times.push(performance.now() - startedAt)
    if (options.pauseMs > 0) await sleep(options.pauseMs)
  }
  await log.close()
  times.sort((left, right) => left - right)
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN
  return [at(0.5), at(0.99)]
}

function optionsOf(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      brokers: { type: 'string', default: process.env['KAFKA_BROKERS'] ?? '' },
      commits: { type: 'string', default: '400' },
      pause: { type: 'string', default: '20' },
    },
  })
  const brokers = values.brokers.split(',').filter((broker) => broker !== '')
  if (brokers.length === 0) throw new Error('--brokers: at least one')
  return { brokers, commits: Number(values.commits), pauseMs: Number(values.pause) }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((left, right) => left - right)
  return Number((sorted[Math.floor(sorted.length / 2)] ?? Number.NaN).toFixed(1))
}

// Interleaved, so that a busy stretch of the machine does not hit one of them alone.
const options = optionsOf(process.argv.slice(2))
const runs = new Map([1, 2].map((version) => [version, [] as (readonly [number, number])[]]))
for (let round = 0; round < rounds; round++) {
  for (const [version, all] of runs) all.push(await measure(options, version))
}
for (const [version, all] of runs) {
  const [p50, p99] = [median(all.map(([one]) => one)), median(all.map(([, one]) => one))]
  const { commits, pauseMs } = options
  console.log(
    JSON.stringify({ case: 'commit', version, commits, pauseMs, p50_ms: p50, p99_ms: p99 })
  )
}
