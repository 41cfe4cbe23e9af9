/**
 * One run: a world, feeds, and round after round of faults; then all that came out is compared with
 * what went in.
 *
 *     feeds ──▶ proxies ──▶ brokers ◀── proxies ◀── instances
 *                             ▲ past the proxies: the watch and the judge
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ForeignRecord, readCommitted } from '../../support/foreign-client.ts'
import { compare, isGood, type Verdict } from './compare.ts'
import { judgeCounts } from './counts.ts'
import { judgeEcho } from './echo.ts'
import { lanesOf } from './lanes.ts'
import { judgeMemory, type MemorySample } from './memory.ts'
import {
  faultsOf,
  followsMemory,
  printAgain,
  printReport,
  type RoundReport,
  type RunReport,
} from './report.ts'
import { judgeRunning } from './running.ts'
import { describeFault, type Fault, makeSchedule, type Round, seconds } from './schedule.ts'
import { judgeShop } from './shop.ts'
import { openWorld, type World } from './world.ts'

export interface RunOptions {
  readonly seed: number
  readonly minutes: number
  /** Of each instance, that run tasks. Default 1. */
  readonly threads?: number
  readonly print: (line: string) => void
}

const setting = {
  brokers: 3,
  partitions: 4,
  instances: { payments: 3, shop: 2 },
  /** The shop's is the default. */
  sessionMs: { payments: 6_000, shop: 10_000 },
} as const
/** How long to go on looking when a bound is broken: late, or never? */
const patienceMs = 90_000
const startMsMax = 120_000
/** For what is left at the end; on the wall, so there is room for a busy machine. */
const drainMsMax = 180_000
const memoryEveryMs = 5_000

/** The directory of the logs is removed if all is right. */
export async function runChaos(options: RunOptions): Promise<RunReport> {
  const { seed, minutes, threads = 1, print } = options
  const fromMs = performance.now()
  const say = (line: string): void => print(`${seconds(performance.now() - fromMs)}  ${line}`)
  const directory = mkdtempSync(join(tmpdir(), `millrace-chaos-${seed}-`))
  const schedule = makeSchedule({ seed, minutes, ...setting })
  for (const { number, faults } of schedule) {
    print(`round ${number}`)
    for (const fault of faults) print(`  ${describeFault(fault)}`)
  }
  const world = await openWorld({ seed, minutes, threads, directory, ...setting, boundMs })
  const memory = new Map<string, MemorySample[]>()
  let isRight = false
  const sampling = setInterval(() => sampleMemory(world, memory), memoryEveryMs)
  try {
    const start = await world.watch.recovered(startMsMax)
    say(`all instances run after ${seconds(start.ms)}`)
    const rounds = await runRounds(schedule, minutes, world, say)
    const undrained = await drain(world, say)
    const verdicts = await judge(world)
    const report: RunReport = {
      seed,
      minutes,
      threads,
      directory,
      rounds,
      undrained,
      verdicts,
      memory: followsMemory(minutes)
        ? [...memory].map(([name, all]) => judgeMemory(name, all))
        : [],
      ...troubles(world),
    }
    printReport(report, print)
    isRight = faultsOf(report).length === 0
    if (!isRight) world.stage.keepLogs(directory)
    return report
  } catch (error) {
    world.stage.keepLogs(directory)
    print(`the run itself failed: ${String(error)}`)
    printAgain({ seed, minutes, threads, directory }, print)
    throw error
  } finally {
    clearInterval(sampling)
    await world.close()
    // Not before: until it ends, an instance writes its log there.
    if (isRight) rmSync(directory, { recursive: true, force: true })
  }
}

/** After a fault: the session has to time out, and then there are ten seconds. */
function boundMs(name: string): number {
  const app = name.startsWith('payments') ? 'payments' : 'shop'
  return setting.sessionMs[app] + 10_000
}

async function runRounds(
  schedule: readonly Round[],
  minutes: number,
  world: World,
  say: (line: string) => void
): Promise<readonly RoundReport[]> {
  const reports: RoundReport[] = []
  const untilMs = performance.now() + minutes * 60_000
  for (const { number, faults, calmMs } of schedule) {
    if (performance.now() > untilMs) break
    say(`round ${number}`)
    const kinds: string[] = []
    const running = faults.map(async (fault) => {
      await sleep(fault.at)
      say(`  ${describeFault(fault).trim()}`)
      const note = await perform(fault, world)
      kinds.push(fault.kind)
      say(`  ${fault.kind} is over${note}`)
    })
    await Promise.all(running)
    const recovery = await world.watch.recovered(patienceMs)
    say(`  all is well after ${seconds(recovery.ms)}, ${recovery.slowest} last`)
    for (const line of recovery.complaints) say(`  ${line}`)
    reports.push({ number, kinds, recovery })
    await sleep(calmMs)
  }
  return reports
}

async function perform(fault: Fault, { stage, instances }: World): Promise<string> {
  switch (fault.kind) {
    case 'kill':
    case 'restart':
    case 'suspend':
      await instances.suffer(fault)
      return ''
    case 'kill-broker':
    case 'suspend-broker':
      await stage.broker(fault)
      return ''
    case 'move-leaders':
      return `: ${await stage.leaders(fault)}`
    default:
      await stage.network(fault)
      return ''
  }
}

/** What is not done at the end; empty: all is. */
async function drain(world: World, say: (line: string) => void): Promise<readonly string[]> {
  const { feeds, shop, watch } = world
  await Promise.all([feeds.payments.stop(), feeds.shop.stop(shop.closing)])
  say('the feeds have stopped')
  const untilMs = performance.now() + drainMsMax
  for (;;) {
    const left = await watch.drained()
    if (left.length === 0 || performance.now() > untilMs) {
      say('all input is committed')
      return left
    }
    await sleep(500)
  }
}

async function judge(world: World): Promise<readonly Verdict[]> {
  const { ids, stage, feeds, shop } = world
  const read = (topic: string): Promise<ForeignRecord[]> =>
    readCommitted(stage.direct.join(), topic)
  const input = await read(`${ids.payments}.in`)
  const events = await read(`${ids.shop}.events`)
  const untilGood = async (
    topic: string,
    judgeIt: (output: readonly ForeignRecord[]) => Verdict
  ): Promise<Verdict> => {
    // What went through a repartition topic may still be on its way.
    const untilMs = performance.now() + drainMsMax
    for (;;) {
      const verdict = judgeIt(await read(topic))
      const isLate = isGood({ ...verdict, missing: 0 }) && verdict.missing > 0
      if (!isLate || performance.now() > untilMs) return verdict
      await sleep(1_000)
    }
  }
  return [
    acknowledged('input of payments', feeds.payments.acknowledged, input),
    acknowledged('input of shop', feeds.shop.acknowledged, events),
    await untilGood(`${ids.payments}.echo`, (output) => judgeEcho(input, output)),
    await untilGood(`${ids.payments}.running`, (output) => judgeRunning(input, output)),
    await untilGood(`${ids.payments}.counts`, (output) => judgeCounts(input, output)),
    await untilGood(`${ids.shop}.metrics`, (output) => judgeShop(events, output, shop.until)),
  ]
}

/** Whether the input is what was acknowledged: otherwise the rest would prove nothing. */
function acknowledged(
  name: string,
  sent: readonly string[],
  stored: readonly ForeignRecord[]
): Verdict {
  const counts = new Map<string, number>()
  // Equal events are told apart by their number.
  const rowOf = (partition: number, value: string) => {
    const n = (counts.get(value) ?? 0) + 1
    counts.set(value, n)
    return { lane: String(partition), id: `${value} ${n}`, text: '' }
  }
  const found = lanesOf(stored, 'in', ({ partition, value }) => rowOf(partition, value))
  counts.clear()
  const partitions = new Map(stored.map(({ partition, value }) => [value, partition]))
  const expected = sent.map((value, offset) => {
    const partition = partitions.get(value) ?? -1
    return { partition, offset, value, timestamp: 0, key: '' }
  })
  const wanted = lanesOf(expected, 'sent', ({ partition, value }) => rowOf(partition, value))
  return compare(name, wanted, found)
}

function sampleMemory({ instances }: World, memory: Map<string, MemorySample[]>): void {
  for (const instance of instances.all.filter(({ index }) => index === 0)) {
    const mb = instance.residentMb()
    if (mb === undefined) continue
    const samples = memory.get(instance.name) ?? []
    memory.set(instance.name, [...samples, { at: performance.now(), mb }])
  }
}

function troubles({ instances }: World) {
  return {
    wipes: instances.all.flatMap(({ name, wipes }) => wipes.map((line) => `${name}: ${line}`)),
    ends: instances.all
      .filter(({ ends }) => ends > 0)
      .map(({ name, ends }) => `${name} ended by itself ${ends} times`),
  }
}
