/** What an application costs that has nothing to do: tasks that run, and no record. */
import { setTimeout as delay } from 'node:timers/promises'
import type { StreamApp } from '../src/index.ts'
import type { Figures } from './measure.ts'
import { pausesOf } from './pauses.ts'

const settleMs = 5_000

/** Starts the application, lets it settle, and watches it do nothing. */
export async function measureIdle(app: StreamApp, seconds: number): Promise<Figures> {
  await app.start()
  const isRunning = (): boolean => {
    const { state, tasks } = app.snapshot()
    return state === 'running' && tasks.length > 0 && tasks.every((t) => t.state === 'running')
  }
  const pause = pausesOf(app)
  while (!isRunning()) await pause(20)
  await delay(settleMs)
  const [cpu, from] = [process.cpuUsage(), performance.now()]
  await delay(seconds * 1_000)
  const used = process.cpuUsage(cpu)
  const wallSeconds = (performance.now() - from) / 1_000
  await app.close()
  return {
    wallSeconds,
    cpuSeconds: (used.user + used.system) / 1_000_000,
    rssMb: process.resourceUsage().maxRSS / 1_024,
    outRecords: 0,
    dropped: 0,
  }
}
