/**
 * Claim: on the embedded log, `kill -9` at any moment loses, doubles and changes nothing. Every row
 * from the first event to 25 hours after the last equals an independent recount.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { allRows, gauges, newestEnds, postEvents } from '../support/api-client.ts'
import { AppProcess, freePort } from '../support/app-process.ts'
import { isLong } from '../support/lengths.ts'
import { Random, seedOfRun } from '../support/random.ts'
import { type RawEvent, shopEvents } from '../support/shop-events.ts'
import { differences, metrics, metricWindows, recount } from '../support/shop-recount.ts'

const minute = 60_000
const hour = 60 * minute
const count = isLong ? 20_000 : 4_000
const stateDir = mkdtempSync(join(tmpdir(), 'millrace-embedded-'))
let app: AppProcess | undefined

afterEach(async () => {
  await app?.kill()
  rmSync(stateDir, { recursive: true, force: true })
})

describe('the application on the embedded log', () => {
  it(`keeps every row exact over kills and silence, for ${count} events`, async () => {
    const seed = seedOfRun()
    console.log(`seed ${seed}: SEED=${seed} npm test -- test/system/embedded.test.ts`)
    const random = new Random(seed)
    const now = Date.now()
    const from = now - 58 * hour
    const to = now - 26 * hour
    const options = { seed, count, from, to, disorderMs: 25_000, sessions: count / 10 }
    const events = shopEvents(options)
    const until = to + 25 * hour
    app = await start()

    const chunks = cut(events, 40)
    const kills = new Set([random.below(20), 20 + random.below(20)])
    for (const [i, chunk] of chunks.entries()) {
      expect(await postEvents(app.url, chunk)).toBe(chunk.length)
      if (kills.has(i)) await restart(app, random.below(300))
    }
    await caughtUp(app, until)
    await compare(app, events, until)
    const silent = await gauges(app.url)
    expect(silent.get('users_count')).toBe(0)
    expect(silent.get('orders_count')).toBe(0)

    await restart(app, 0)
    await caughtUp(app, until)
    await compare(app, events, until)
    const stopped = await app.stop()
    expect(stopped.status).toBe(0)
    expect(stopped.ms).toBeLessThan(10_000)
  })
})

async function start(): Promise<AppProcess> {
  const port = await freePort()
  const started = new AppProcess({
    STATE_DIR: stateDir,
    HTTP_PORT: String(port),
    DEMO_TRAFFIC: 'off',
    IDLE_AFTER: '8s',
  })
  started.start()
  await started.ready()
  return started
}

async function restart(running: AppProcess, afterMs: number): Promise<void> {
  await sleep(afterMs)
  await running.kill()
  running.start()
  await running.ready()
}

/** Until every metric has a row for its last window end up to `until`. */
async function caughtUp(running: AppProcess, until: number): Promise<void> {
  const deadline = Date.now() + 90_000
  const wanted = metrics.map((metric) => [metric, floor(until, metricWindows[metric][1])] as const)
  for (;;) {
    const ends = await newestEnds(running.url)
    if (wanted.every(([metric, end]) => (ends.get(metric) ?? 0) >= end)) return
    if (Date.now() > deadline) throw new Error(`not caught up:\n${running.output.slice(-4_000)}`)
    await sleep(100)
  }
}

async function compare(
  running: AppProcess,
  events: readonly RawEvent[],
  until: number
): Promise<void> {
  const expected = recount(events, until)
  for (const metric of metrics) {
    const rows = await allRows(running.url, metric, 0)
    const actual = rows.filter((row) => row.windowEnd <= until)
    expect(differences(expected.get(metric) ?? [], actual), metric).toEqual([])
  }
}

function cut<T>(items: readonly T[], pieces: number): readonly T[][] {
  const size = Math.ceil(items.length / pieces)
  return Array.from({ length: pieces }, (_, i) => items.slice(i * size, (i + 1) * size))
}

function floor(time: number, step: number): number {
  return Math.floor(time / step) * step
}
