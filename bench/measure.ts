/** From start to everything committed and closed: wall clock, CPU of all threads, peak memory. */
import { cpus } from 'node:os'
import { performance } from 'node:perf_hooks'
import { resourceUsage } from 'node:process'
import type { AppSnapshot } from '../src/runtime/snapshot.ts'
import { pausesOf } from './pauses.ts'

/** The part of an application that is measured. */
export interface Measured {
  start(): Promise<void>
  close(): Promise<void>
  snapshot(): AppSnapshot
  readonly done: Promise<void>
}

export interface Figures {
  /** From when the first record was done to the end. */
  readonly wallSeconds: number
  /** From `start()` to the end, but for the time in which nothing was left but to watch. */
  readonly cpuSeconds: number
  readonly rssMb: number
  /** By the last commit before the end, those to topics of the application's own among them. */
  readonly outRecords: number
  readonly dropped: number
  /** From `start()` to when the first record was done. */
  readonly startSeconds?: number
  /** The part of the wall clock spent in `close()`. */
  readonly closeSeconds?: number
  /** CPU of everybody else on the machine meanwhile, the broker among them. */
  readonly otherSeconds?: number
}

/** Until there is something to measure. */
const startPollMs = 4
/** Looking is work, too: every 4 ms it took 4 % of the CPU of `shop`. */
const pollMs = 25
/** Longer than what follows from a commit takes, where commits are as quick as they should be. */
const quietMsMin = 400
/** Where they are not, the machine is busy: so many of them. */
const quietCommits = 10

/** Runs until all `records` of the topic are processed and their results are committed. */
export async function measureRun(app: Measured, topic: string, records: number): Promise<Figures> {
  const machine = machineSeconds()
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  await app.start()
  // Counters tell of commits only.
  const first = await until(app, (now) => positions(now, topic) > 0, startPollMs)
  await until(app, (now) => positions(now, topic) >= records && lag(now) === 0)
  const settled = await lastCommit(app, cpu)
  const before = app.snapshot()
  const [closingCpu, closingAt] = [process.cpuUsage(), performance.now()]
  await app.close()
  const closeMs = performance.now() - closingAt
  const cpuSeconds = settled.cpuSeconds + cpuSecondsSince(closingCpu)
  return {
    wallSeconds: (settled.at - first.at + closeMs) / 1_000,
    cpuSeconds,
    rssMb: resourceUsage().maxRSS / 1_024,
    outRecords: before.recordsOut,
    dropped: Object.values(before.dropped).reduce((sum, count) => sum + count, 0),
    startSeconds: (first.at - startedAt) / 1_000,
    closeSeconds: closeMs / 1_000,
    otherSeconds: Math.max(0, machineSeconds() - machine - cpuSeconds),
  }
}

function cpuSecondsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000_000
}

/** What all cores together have been busy for. */
function machineSeconds(): number {
  const ms = cpus().map(({ times: { user, nice, sys, irq } }) => user + nice + sys + irq)
  return ms.reduce((sum, one) => sum + one, 0) / 1_000
}

/**
 * Partial results travel on in commits of their own. When nothing has moved for a while, the answer
 * is when the last commit was seen, and the CPU up to then; of watching nothing counts.
 */
async function lastCommit(
  app: Measured,
  cpu: NodeJS.CpuUsage
): Promise<{ readonly at: number; readonly cpuSeconds: number }> {
  let commits = -1
  let settled = { at: performance.now(), cpuSeconds: cpuSecondsSince(cpu) }
  let quietMs = quietMsMin
  const pause = pausesOf(app)
  while (performance.now() - settled.at < quietMs) {
    const now = app.snapshot()
    if (now.commits.count !== commits || lag(now) > 0) {
      settled = { at: performance.now(), cpuSeconds: cpuSecondsSince(cpu) }
    }
    commits = now.commits.count
    const commitMs = (now.commits.seconds * 1_000) / Math.max(1, commits)
    quietMs = Math.max(quietMsMin, quietCommits * commitMs)
    await pause(pollMs)
  }
  return settled
}

/** From `start()` to every task running, with nothing but a restore to do. */
export async function measureRestore(app: Measured): Promise<Figures> {
  const [cpu, from] = [process.cpuUsage(), performance.now()]
  await app.start()
  const isThere = ({ tasks, state }: AppSnapshot): boolean =>
    state === 'running' && tasks.length > 0 && tasks.every((t) => t.state === 'running')
  const { at } = await until(app, isThere, startPollMs)
  const cpuSeconds = cpuSecondsSince(cpu)
  await app.close()
  return {
    wallSeconds: (at - from) / 1_000,
    cpuSeconds,
    rssMb: resourceUsage().maxRSS / 1_024,
    outRecords: 0,
    dropped: 0,
  }
}

async function until(
  app: Measured,
  holds: (snapshot: AppSnapshot) => boolean,
  everyMs = pollMs
): Promise<{ readonly at: number; readonly snapshot: AppSnapshot }> {
  const pause = pausesOf(app)
  for (;;) {
    const snapshot = app.snapshot()
    if (holds(snapshot)) return { at: performance.now(), snapshot }
    await pause(everyMs)
  }
}

/** How far the tasks here have read the topic. */
export function positions({ tasks }: AppSnapshot, topic: string): number {
  const mine = tasks.flatMap(({ partitions }) => partitions).filter((one) => one.topic === topic)
  return mine.reduce((sum, { position }) => sum + position, 0)
}

function lag({ tasks }: AppSnapshot): number {
  const lags = tasks.flatMap(({ partitions }) => partitions.map((one) => one.lag ?? 1))
  return lags.reduce((sum, one) => sum + one, 0)
}
