/**
 * An application at full load for some minutes: whether its memory grows, how long its event loop
 * is held up, how late its heartbeats are. The input never ends, and is deleted behind it.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { StreamApp } from '../src/index.ts'
import { Cluster } from '../src/kafka/cluster.ts'
import { KafkaLog } from '../src/kafka/kafka-log.ts'
import { MemberThreads } from '../src/kafka/member-threads.ts'
import { benchTopology } from './cases.ts'
import type { FeedPlan } from './feed.ts'
import { round } from './line.ts'
import { logger } from './log.ts'
import { positions } from './measure.ts'
import type { BenchOptions } from './options.ts'
import { Outside } from './outside.ts'
import { pausesOf } from './pauses.ts'

/** How far ahead of the application its input is. */
const aheadRecords = 300_000
const stepMs = 10_000
const pollMs = 100
const mebibyte = 1_048_576
/** Event time flies, and passes today: windows close all the time. */
const eventStepMs = 20
const bounded = {
  'retention.ms': '-1',
  'retention.bytes': '268435456',
  'segment.bytes': '67108864',
  'message.timestamp.after.max.ms': '9223372036854775807',
}
const feeder = fileURLToPath(new URL('./feed.js', import.meta.url))

export interface Point {
  readonly seconds: number
  readonly rssMb: number
  /** The least of the heap that was in use since the point before: what collecting left. */
  readonly heapMb: number
}

export async function runSoak(options: BenchOptions): Promise<string> {
  const { work, minutes, partitions, brokers, guarantee } = options
  const id = options.id ?? `millrace-soak-${Date.now()}`
  const input = `${id}-in`
  const outside = await Outside.open(brokers)
  await outside.makeTopics([input], partitions, bounded).finally(() => outside.close())
  const directory = await mkdtemp(join(tmpdir(), 'millrace-soak-'))
  const beats = new Beats()
  const topology = benchTopology(
    { ...options, name: work, outputConfig: bounded },
    input,
    `${id}-out`
  )
  const app = new StreamApp(topology, {
    applicationId: id,
    stateDir: directory,
    log: () => logWith(beats, options, id),
    guarantee,
    ...(options.commitMs === undefined ? {} : { commitIntervalMs: options.commitMs }),
    ...(options.caching ? {} : { cacheBytesMax: 0 }),
    logger,
  })
  const shape = { ...options.shape, stepMs: eventStepMs }
  const child = fork(feeder, [JSON.stringify({ brokers, topic: input, shape } satisfies FeedPlan)])
  process.once('exit', () => child.kill('SIGKILL'))
  try {
    await app.start()
    const figures = await watch({ app, child, beats, input, minutes })
    await app.close()
    const how = { guarantee: guarantee === 'exactly_once' ? 'eos' : 'alos', p: partitions }
    return JSON.stringify({ peer: 'millrace', case: 'soak', work, ...how, minutes, ...figures })
  } finally {
    const exit = once(child, 'exit')
    if (child.exitCode === null && child.kill('SIGKILL')) await exit
    await rm(directory, { recursive: true, force: true })
  }
}

interface Watched {
  readonly app: StreamApp
  readonly child: ChildProcess
  readonly beats: Beats
  readonly input: string
  readonly minutes: number
}

async function watch({ app, child, beats, input, minutes }: Watched) {
  const loop = monitorEventLoopDelay({ resolution: 5 })
  loop.enable()
  const points: Point[] = []
  const [cpu, from] = [process.cpuUsage(), performance.now()]
  const seconds = (): number => (performance.now() - from) / 1_000
  const pause = pausesOf(app)
  while (seconds() < minutes * 60) {
    const stepEnd = performance.now() + stepMs
    let heapBytes = Number.POSITIVE_INFINITY
    while (performance.now() < stepEnd && seconds() < minutes * 60) {
      if (child.exitCode !== null) throw new Error(`the feeder ended with ${child.exitCode}`)
      if (child.connected) child.send(positions(app.snapshot(), input) + aheadRecords)
      await pause(pollMs)
      const { heapUsed, external } = process.memoryUsage()
      heapBytes = Math.min(heapBytes, heapUsed + external)
    }
    const [rssMb, heapMb] = [process.memoryUsage.rss() / mebibyte, heapBytes / mebibyte]
    points.push({ seconds: seconds(), rssMb, heapMb })
    console.error(progress(positions(app.snapshot(), input), points, beats))
  }
  const used = process.cpuUsage(cpu)
  const snapshot = app.snapshot()
  const [records, { dropped }] = [positions(snapshot, input), snapshot]
  loop.disable()
  const wallSeconds = seconds()
  return {
    ...{ records, rps: Math.round(records / wallSeconds) },
    cpu_us_per_rec: round((used.user + used.system) / records),
    rss_mb: Math.round(Math.max(...points.map(({ rssMb }) => rssMb))),
    rss_slope_mb_per_hour: hourly(points, ({ rssMb }) => rssMb),
    heap_slope_mb_per_hour: hourly(points, ({ heapMb }) => heapMb),
    loop_p50_ms: round(loop.percentile(50) / 1e6),
    loop_p99_ms: round(loop.percentile(99) / 1e6),
    loop_max_ms: round(loop.max / 1e6),
    heartbeats: beats.count,
    heartbeat_late_max_ms: Math.round(beats.lateMaxMs),
    dropped: Object.values(dropped).reduce((sum, count) => sum + count, 0),
  }
}

function progress(records: number, points: readonly Point[], { lateMaxMs }: Beats): string {
  const { seconds = 0, rssMb = 0, heapMb = 0 } = points.at(-1) ?? {}
  const memory = `${rssMb.toFixed(0)} MB, ${heapMb.toFixed(1)} of them in use`
  const late = `heartbeats at most ${Math.round(lateMaxMs)} ms late`
  return `${seconds.toFixed(0)} s: ${records} records, ${memory}, ${late}`
}

/** Over the second half, in MB. */
function hourly(points: readonly Point[], of: (point: Point) => number): number {
  return round(slope(points.slice(Math.floor(points.length / 2)), of) * 3_600)
}

/** Of the line of least squares, in MB a second; 0 with less than two points. */
export function slope(points: readonly Point[], of: (point: Point) => number): number {
  const mean = (some: (point: Point) => number): number =>
    points.reduce((sum, point) => sum + some(point), 0) / points.length
  const [x, y] = [mean((point) => point.seconds), mean(of)]
  let above = 0
  let below = 0
  for (const point of points) {
    above += (point.seconds - x) * (of(point) - y)
    below += (point.seconds - x) ** 2
  }
  return below === 0 ? 0 : above / below
}

/** Answers to heartbeats, as the main thread hears of them: what it holds up counts as late. */
class Beats {
  count = 0
  lateMaxMs = 0
  #last: number | undefined

  heard(everyMs: number): void {
    const now = performance.now()
    if (this.#last !== undefined) {
      this.lateMaxMs = Math.max(this.lateMaxMs, now - this.#last - everyMs)
    }
    this.#last = now
    this.count++
  }
}

async function logWith(beats: Beats, options: BenchOptions, id: string): Promise<KafkaLog> {
  const { brokers, guarantee } = options
  const connection = { brokers, clientId: id, logger }
  const settings = { ...connection, applicationId: id, instance: id, guarantee }
  const threads = new MemberThreads(settings)
  return await KafkaLog.connect(settings, new Cluster(connection), (member, events) => {
    const onHeartbeat: typeof events.onHeartbeat = (...answer) => {
      beats.heard(member.heartbeatMs)
      events.onHeartbeat(...answer)
    }
    return threads.open(member, { ...events, onHeartbeat })
  })
}
