/**
 * The cases that look at an application from outside, at the pace of a clock: `startup`,
 * `rebalance`, `latency`, `live`. They run on Kafka, and run any application that counts by key.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { eventText, generator, keyChooser, sessionOf } from './events.ts'
import { cpuSecondsOf, Instances, kill, peakMbOf } from './instances.ts'
import { round } from './line.ts'
import type { BenchOptions } from './options.ts'
import { Outside } from './outside.ts'
import { Pace } from './pace.ts'

type Fields = Readonly<Record<string, unknown>>

/** What a case is run with. */
interface Stage {
  readonly options: BenchOptions
  readonly outside: Outside
  readonly instances: Instances
  readonly input: string
  readonly output: string
}

const settleMs = 2_000
const patienceMs = 120_000
const warmSecondsMax = 10
/** Before one is killed. */
const steadySeconds = 20

export async function runLive(options: BenchOptions): Promise<string> {
  const { name, brokers, partitions, guarantee, peer, command, commitMs } = options
  const id = options.id ?? `${peer}-${name}-${Date.now()}`
  const [input, output] = [`${id}-in`, `${id}-out`]
  const outside = await Outside.open(brokers)
  const short = guarantee === 'exactly_once' ? 'eos' : 'alos'
  const instances = new Instances(command, {
    ...{ BROKERS: brokers.join(','), APP_ID: id, INPUT: input, OUTPUT: output },
    ...{ GUARANTEE: short, PARTITIONS: String(partitions) },
    CACHE: name === 'live' && options.caching ? 'on' : 'off',
    COMMIT: commitMs === undefined ? '' : String(commitMs),
    SESSION: name === 'rebalance' ? String(options.sessionMs) : '',
  })
  try {
    await outside.makeTopics([input, output], partitions)
    const stage = { options, outside, instances, input, output }
    const figures = await cases[name]?.(stage)
    const how = { ...(commitMs === undefined ? {} : { commit_ms: commitMs }) }
    return JSON.stringify({ peer, case: name, guarantee: short, p: partitions, ...how, ...figures })
  } finally {
    await instances.stop()
    await outside.close()
  }
}

const cases: Readonly<Record<string, (stage: Stage) => Promise<Fields>>> = {
  startup,
  rebalance,
  latency: (stage) => steady(stage, true),
  live: (stage) => steady(stage, false),
}

/** From the start of the process to the result of a record that was sent meanwhile. */
async function startup({ outside, instances, input, output, options }: Stage): Promise<Fields> {
  const seen = firstRecord(outside, output, options.partitions)
  const from = performance.now()
  await instances.start()
  outside.put(0, 'first', eventText(Date.now(), 'first', generator(1), 0))
  outside.send(input)
  await until(instances, () => seen.count > 0)
  return { startup_s: round((performance.now() - from) / 1_000) }
}

/** Two instances, 100 records a second; one is killed: until each partition goes on. */
async function rebalance(stage: Stage): Promise<Fields> {
  const { outside, instances, input, output, options } = stage
  const { partitions, sessionMs } = options
  const latest = new Map<number, number>()
  outside.watch(output, partitions, (_, key) => {
    const [partition, sentAt] = key.split(':').map(Number)
    if (partition !== undefined && sentAt !== undefined) latest.set(partition, sentAt)
  })
  const victim = await instances.start()
  const other = await instances.start()
  const pace = new Pace(100, 10)
  let turn = 0
  const beat = pace.run(() => {
    const partition = turn++ % partitions
    const at = Date.now()
    outside.put(partition, `${partition}:${at}`, eventText(at, 'one', generator(1), 0))
    outside.send(input)
  })
  await until(instances, () => latest.size === partitions)
  await sleep(Math.min(options.seconds, steadySeconds) * 1_000)
  const killedAt = Date.now()
  await kill(victim)
  const back = new Map<number, number>()
  const isBack = (): boolean => {
    for (const [partition, sentAt] of latest) {
      if (sentAt > killedAt && !back.has(partition)) back.set(partition, Date.now() - killedAt)
    }
    return back.size === partitions
  }
  const untilMs = Date.now() + patienceMs
  while (!isBack() && Date.now() < untilMs && other.exitCode === null) await sleep(10)
  pace.stop()
  await beat
  if (back.size < partitions) throw new Error('not all partitions came back')
  const times = [...back.values()].sort((a, b) => a - b)
  return { session_ms: sessionMs, rebalance_s: Math.max(...times) / 1_000, by_partition_ms: times }
}

/** At a rate: what it costs, and with `timed`, how long each record takes. */
async function steady(stage: Stage, timed: boolean): Promise<Fields> {
  const { outside, instances, input, output, options } = stage
  const { rate, seconds, partitions, shape } = options
  const times = new Times()
  const marks = new Set<string>()
  if (timed) outside.watch(input, partitions, (_, key, __, at) => times.sent(key, at))
  outside.watch(output, partitions, (_, key, value, at) => {
    if (key.startsWith('mark')) marks.add(key)
    else if (timed) times.came(key, Number(value), at, Date.now())
  })
  const mark = (name: string): void => {
    for (let partition = 0; partition < partitions; partition++) {
      const key = `mark-${name}-${partition}`
      outside.put(partition, key, eventText(Date.now(), key, generator(1), 0))
    }
    outside.send(input)
  }
  const app = await instances.start()
  mark('first')
  await until(instances, () => marks.size === partitions)
  await sleep(settleMs)
  const random = generator(shape.seed)
  const choose = keyChooser(shape, random)
  const pace = new Pace(rate)
  let index = 0
  const put = (): void => {
    const id = choose(index++)
    const key = sessionOf(id)
    outside.put(id % partitions, key, eventText(Date.now(), key, random, shape.bytes))
  }
  const warmSeconds = Math.min(warmSecondsMax, seconds / 3)
  const beat = pace.run(put, () => outside.send(input))
  await sleep(warmSeconds * 1_000)
  times.begin(Date.now())
  const [cpu, fromIndex, from] = [cpuSecondsOf(app), index, performance.now()]
  await sleep((seconds - warmSeconds) * 1_000)
  const used = cpuSecondsOf(app) - cpu
  const wallSeconds = (performance.now() - from) / 1_000
  const sent = index - fromIndex
  pace.stop()
  await beat
  const endAt = performance.now()
  mark('last')
  await until(instances, () => marks.size === 2 * partitions)
  const behindMs = Math.round(performance.now() - endAt)
  return {
    ...{ rate, sent_per_s: Math.round(sent / wallSeconds), seconds },
    ...(timed ? times.figures() : {}),
    behind_ms: behindMs,
    app_cores: round(used / wallSeconds),
    cpu_us_per_rec: round((used * 1e6) / sent),
    rss_mb: Math.round(peakMbOf(app)),
  }
}

/**
 * Of each record when the broker took it, when it took its result, and when that was seen. The
 * result says the how many-th of its key it is.
 */
class Times {
  readonly #sent = new Map<string, number[]>()
  readonly #append: number[] = []
  readonly #visible: number[] = []
  readonly #early: (readonly [key: string, count: number, at: number, seen: number])[] = []
  #fromMs = Number.POSITIVE_INFINITY

  begin(fromMs: number): void {
    this.#fromMs = fromMs
  }

  sent(key: string, at: number): void {
    const all = this.#sent.get(key)
    if (all === undefined) this.#sent.set(key, [at])
    else all.push(at)
  }

  came(key: string, count: number, at: number, seen: number): void {
    if (this.#take(key, count, at, seen)) return
    // Its record has not been read yet.
    this.#early.push([key, count, at, seen])
  }

  figures(): Fields {
    for (const one of this.#early) this.#take(...one)
    const of = (name: string, values: readonly number[]): Fields => {
      const sorted = Float64Array.from(values).sort()
      const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? -1
      return { [`${name}_p50_ms`]: at(0.5), [`${name}_p99_ms`]: at(0.99) }
    }
    const measured = this.#append.length
    return { measured, ...of('append', this.#append), ...of('visible', this.#visible) }
  }

  #take(key: string, count: number, at: number, seen: number): boolean {
    const sentAt = this.#sent.get(key)?.[count - 1]
    if (sentAt === undefined) return false
    if (sentAt < this.#fromMs) return true
    this.#append.push(at - sentAt)
    this.#visible.push(seen - sentAt)
    return true
  }
}

function firstRecord(outside: Outside, topic: string, partitions: number): { count: number } {
  const seen = { count: 0 }
  outside.watch(topic, partitions, () => {
    seen.count++
  })
  return seen
}

async function until(instances: Instances, holds: () => boolean): Promise<void> {
  const end = performance.now() + patienceMs
  while (!holds()) {
    instances.expectAlive()
    if (performance.now() > end) throw new Error('nothing came out for two minutes')
    await sleep(2)
  }
}
