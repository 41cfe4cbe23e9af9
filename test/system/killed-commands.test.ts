/**
 * Claim: `millrace reset` and `millrace replay` may be killed at any request, and are done again:
 * a reset leaves nothing half, a replay sends each dead letter back exactly once.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { ReplayReport } from '../../src/cli/replay.ts'
import type { AppendRecord } from '../../src/runtime/ports.ts'
import { binary, json } from '../support/command.ts'
import { CountingApp, patience } from '../support/counting-app.ts'
import { boundsOf, makeTopic } from '../support/kafka-admin.ts'
import { isFull, isLong } from '../support/lengths.ts'
import { Random, seedOfRun } from '../support/random.ts'
import { sharedBroker } from '../support/shared-broker.ts'

const killer = fileURLToPath(new URL('../support/kill-at-write.mjs', import.meta.url))
let brokers: readonly string[]

beforeAll(async () => {
  brokers = await sharedBroker()
})

interface Ended {
  readonly isKilled: boolean
  readonly told: string
}

/** The command, killed at its nth request to a broker unless it needs fewer. */
function killed(args: readonly string[], at: number, side: 'before' | 'behind'): Promise<Ended> {
  const env = {
    PATH: process.env['PATH'] ?? '',
    KILL_AT: `${at} ${side}`,
    NODE_OPTIONS: `--import=${killer}`,
  }
  return new Promise((resolve) => {
    execFile(process.execPath, [binary, ...args], { env }, (error, out, err) => {
      resolve({ isKilled: error?.signal === 'SIGKILL', told: `${out}${err}` })
    })
  })
}

/** Kills it later and later until it comes to its end; how often it was killed. */
async function killedOnTheWay(args: readonly string[], steps: Iterable<number>): Promise<number> {
  const random = new Random(seedOfRun())
  let kills = 0
  for (const at of steps) {
    const { isKilled, told } = await killed(args, at, random.chance(0.5) ? 'before' : 'behind')
    if (!isKilled) {
      expect(told).not.toContain('error')
      return kills
    }
    kills++
  }
  return kills
}

function* every(step: number, from: number): Iterable<number> {
  for (let at = from; at < 200; at += step) yield at
}

describe('commands that are killed', () => {
  it('reset an application when they are run again', async () => {
    const app = await CountingApp.open(brokers)
    const args = ['reset', '-b', brokers.join(), '-a', app.id, '-d', app.stateDir()]
    const running = await app.start()
    await app.sendKeys(['ann', 'bob', 'ann'])
    await app.untilCounts(running, { ann: 2, bob: 1 })
    await running.close()
    const whole = [...args, '--to', 'latest', '--execute']
    const kills = await killedOnTheWay(whole, every(isFull ? 1 : isLong ? 3 : 7, 3))
    expect(kills).toBeGreaterThan(1)
    expect(existsSync(app.taskDir())).toBe(false)
    const { topics } = await app.cluster.metadata([app.changelog])
    expect(topics[0]?.partitions).toEqual([])
    const again = await app.start()
    await app.sendKeys(['ann'])
    await app.untilCounts(again, { ann: 1 })
  }, 300_000)

  it('replay each dead letter once when they are run again', async () => {
    const app = await CountingApp.open(brokers)
    const dead = `${app.id}-dead`
    await makeTopic(app.cluster, dead, 2)
    const log = await app.connect(`${app.id}-writer`, { guarantee: 'at_least_once' })
    onTestFinished(() => log.close())
    const letters = Array.from({ length: 40 }, (_, i) => letter(app.input, i % 2, String(i)))
    await log.append(dead, letters)
    const args = ['replay', dead, '-a', app.id, '-b', brokers.join(), '-d', app.stateDir()]
    const steps = isFull ? every(2, 5) : isLong ? [25, 40] : [40]
    const kills = await killedOnTheWay([...args, '--execute'], steps)
    expect(kills).toBeGreaterThan(0)
    await vi.waitFor(async () => {
      expect(await json<ReplayReport>([...args, '--execute'])).toMatchObject({ executed: true })
      expect(await json<ReplayReport>(args)).toMatchObject({ records: 0 })
    }, patience)
    expect((await valuesOf(app)).toSorted()).toEqual(
      letters.map(({ value }) => String(value)).toSorted()
    )
  }, 600_000)
})

/** What a reader of committed records sees of the input. */
async function valuesOf(app: CountingApp): Promise<readonly string[]> {
  const log = await app.connect(`${app.id}-reader`, { guarantee: 'at_least_once' })
  onTestFinished(() => log.close())
  const { end } = await boundsOf(app.cluster, app.input, 0)
  const values: string[] = []
  await log.restore({ topic: app.input, partition: 0 }, 'earliest', {
    signal: new AbortController().signal,
    apply: ({ value }) => void values.push(String(value)),
    flush: () => {},
    onBounds: () => {},
    onProgress: (position) => void expect(position).toBeLessThanOrEqual(end),
  })
  return values
}

/** As a task buries them. */
function letter(topic: string, partition: number, value: string): AppendRecord {
  const known = { step: 'decode', reason: 'decode', message: 'no', topic, partition: 0, offset: 7 }
  const headers = Object.entries(known).map(
    ([name, text]) => [`millrace-error-${name}`, Buffer.from(String(text))] as const
  )
  return { partition, timestamp: 1_000, key: null, value: Buffer.from(value), headers }
}
