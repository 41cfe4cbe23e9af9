import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../src/clock.ts'
import { type Config, readConfig } from '../src/config.ts'
import { EmbeddedLog } from '../src/log/embedded-log.ts'
import { silentLogger } from '../src/log.ts'
import { ShopApp } from '../src/shop-app.ts'
import { gauges, newestEnds, postEvents, streamedRows } from './support/api-client.ts'
import { lint, prometheusPrograms } from './support/prometheus.ts'

const hour = 3_600_000
const programs = await prometheusPrograms()

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-shop-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

function configure(stateDir: string, more: Readonly<Record<string, string>> = {}): Config {
  const quick = { IDLE_AFTER: '200ms', DEMO_TRAFFIC: 'off', HTTP_PORT: '0' }
  return readConfig({ STATE_DIR: stateDir, ...quick, ...more })
}

async function start(config: Config, log?: EmbeddedLog) {
  const app = new ShopApp(config, { logger: silentLogger, ...(log && { log }) })
  await app.start()
  onTestFinished(() => app.close())
  const url = app.url ?? ''
  await until(async () => (await fetch(`${url}/readyz`)).status === 200, 'ready')
  return { app, url }
}

async function until(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 3_000; i++) {
    if (await condition()) return
    await sleep(10)
  }
  throw new Error(`never: ${what}`)
}

async function get(url: string): Promise<unknown> {
  const response = await fetch(url)
  expect(response.status, url).toBe(200)
  return await response.json()
}

/** A visitor who looks and one who buys, a day ago. */
function events() {
  const timestamp = Math.floor(Date.now() / hour) * hour - 24 * hour
  const order = { timestamp, sessionId: 'b', eventType: 'checkout_click', total_price: '184.90' }
  return [{ timestamp, sessionId: 'a', eventType: 'pageView' }, order]
}

describe('the application', () => {
  it('is ready on an empty log, and has no rows then', async () => {
    const { url } = await start(configure(await directory()))
    expect(await get(`${url}/api/metrics`)).toEqual({ results: [] })
    expect((await fetch(`${url}/api/conversion`)).status).toBe(503)
  })

  it('turns events into rows, numbers and gauges, and still has them after a restart', async () => {
    const config = configure(await directory())
    const first = await start(config)
    expect(await postEvents(first.url, events())).toBe(2)
    const caughtUp = async (url: string): Promise<boolean> => {
      const ends = await newestEnds(url)
      return ends.size === 5 && Math.min(...ends.values()) > Date.now() - 2 * hour
    }
    await until(() => caughtUp(first.url), 'caught up')
    const path = '/api/windows/conversion_1h?limit=2'
    const before = await get(`${first.url}${path}`)
    expect(before).toMatchObject({ results: [{ value: 0.5, numerator: 1, denominator: 2 }, {}] })
    const parts = { results: [{ amount: '184.90', denominator: 1 }, { amount: '0.00' }] }
    expect(await get(`${first.url}/api/windows/revenue_30m?limit=2`)).toMatchObject(parts)
    const streamed = await streamedRows(first.url, '0', 200)
    await first.app.close()
    await first.app.done

    const { url } = await start(config)
    expect(await get(`${url}${path}`)).toEqual(before)
    expect(await streamedRows(url, streamed[99]?.id ?? '', 100)).toEqual(streamed.slice(100))
    expect(await get(`${url}/api/conversion`)).toMatchObject({ conversion: null, sessions: 0 })
    const shown = await gauges(url)
    for (const name of ['users_count', 'orders_count', 'conversion']) {
      expect(shown.get(name), name).toBe(0)
    }
    expect(shown.get('last_message_time')).toBe(events()[0]?.timestamp)
    const topology = await (await fetch(`${url}/api/topology?format=text`)).text()
    expect(topology).toContain('shop.events')
    expect(await get(`${url}/api/status`)).toMatchObject({ ready: true, state: 'running' })
  })

  it('shows all fixed names from the first row on, before the first of a long window', async () => {
    const timing = { IDLE_AFTER: 'off', WINDOW_GRACE: '0s', CONVERSION_REFRESH: '30m' }
    const { url } = await start(configure(await directory(), timing))
    const [event] = events()
    if (event === undefined) throw new Error('no event')
    await postEvents(url, [event, { ...event, timestamp: event.timestamp + hour / 10 }])
    await until(async () => (await gauges(url)).has('last_window_end'), 'the first row')
    await until(async () => (await newestEnds(url)).size === 2, 'its rows')
    const shown = await gauges(url)
    const fixed = ['users_count', 'orders_count', 'conversion', 'aov', 'tov']
    expect(fixed.map((name) => shown.get(name))).toEqual([1, 0, 0, 0, 0])
    expect(shown.get('last_message_time')).toBe(event.timestamp + hour / 10)
    expect(shown.has('shop_conversion_ratio')).toBe(false)
  })

  it('shows Prometheus nothing to complain of but two of the fixed names', async ({ skip }) => {
    if (programs === undefined) return skip('no promtool')
    const { url } = await start(configure(await directory()))
    await postEvents(url, events())
    await until(async () => (await gauges(url)).has('tov'), 'tov')
    const faults = await lint(programs, await (await fetch(`${url}/metrics`)).text())
    const names = new Set(faults.map((fault) => fault.split(' ')[0]))
    expect([...names].sort(), faults.join('\n')).toEqual(['orders_count', 'users_count'])
  })

  it('fills its windows by itself with demo traffic', async () => {
    const demo = { DEMO_TRAFFIC: 'on', IDLE_AFTER: '1m' }
    const { url } = await start(configure(await directory(), demo))
    const recent = async (): Promise<boolean> => {
      const ends = await newestEnds(url)
      return (ends.get('visitors_5m') ?? 0) > Date.now() - 12 * 60_000 && ends.size === 5
    }
    await until(recent, 'recent rows')
    const shown = await gauges(url)
    expect(shown.get('users_count')).toBeGreaterThanOrEqual(5)
    expect(shown.get('conversion')).toBeGreaterThan(0)
    expect(shown.get('aov')).toBeGreaterThan(0)
    expect(shown.get('millrace_dropped_records_total{reason="late"}')).toBe(0)
  })

  it('is not ready while nothing that comes can be decoded, and says why', async () => {
    const log = EmbeddedLog.inMemory({ clock: systemClock })
    onTestFinished(() => log.close())
    const { url } = await start(configure(await directory()), log)
    const value = Uint8Array.of(0, 0, 0, 0, 7, 2, 4)
    const records = Array.from({ length: 30 }, () => ({ timestamp: 0, key: null, value }))
    await log.append('shop.events', records)
    await until(async () => (await fetch(`${url}/readyz`)).status === 503, 'not ready')
    const answer = (await (await fetch(`${url}/readyz`)).json()) as { reasons: readonly string[] }
    expect(answer.reasons.join()).toContain('EVENTS_FORMAT')
    const [event] = events()
    const good = new TextEncoder().encode(JSON.stringify(event))
    await log.append('shop.events', [{ timestamp: 0, key: null, value: good }])
    await until(async () => (await fetch(`${url}/readyz`)).status === 200, 'ready again')
  })

  it('opens nothing when its port is taken', async () => {
    const stateDir = await directory()
    const { url } = await start(configure(await directory()))
    const taken = configure(stateDir, { HTTP_PORT: new URL(url).port })
    const second = new ShopApp(taken, { logger: silentLogger })
    await expect(second.start()).rejects.toMatchObject({ code: 'MILLRACE_HTTP_UNBOUND' })
    await start(configure(stateDir))
  })

  it('leaves HTTP again when the state directory is in use', async () => {
    const stateDir = await directory()
    await start(configure(stateDir))
    const second = new ShopApp(configure(stateDir), { logger: silentLogger })
    await expect(second.start()).rejects.toThrow(stateDir)
    await expect(fetch(`${second.url}/livez`)).rejects.toThrow()
  })
})
