import { setTimeout as turn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { FatalError, NotReadyError } from '../../src/errors.ts'
import { silentLogger } from '../../src/log.ts'
import type { SourceReader } from '../../src/runtime/ports.ts'
import type { MetricRow } from '../../src/views/metric-row.ts'
import { MetricsView, type MetricsViewOptions } from '../../src/views/metrics-view.ts'
import { MemoryLog } from '../support/memory-log.ts'
import { metricRow, rowRecord } from '../support/metric-rows.ts'

const topic = 'shop.metrics'
const minute = 60_000
const views: MetricsView[] = []

afterEach(() => {
  for (const view of views.splice(0)) view.close()
})

function open(log: MemoryLog, options: Partial<MetricsViewOptions> = {}): MetricsView {
  const clock = new ManualClock(1_000)
  const metrics = ['visitors_5m', 'revenue_24h']
  const view = new MetricsView({ log, topic, metrics, clock, logger: silentLogger, ...options })
  views.push(view)
  view.start()
  return view
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2_000 && !condition(); i++) await turn(1)
  expect(condition()).toBe(true)
}

function ends(rows: readonly MetricRow[]): readonly number[] {
  return rows.map(({ windowEnd }) => windowEnd)
}

async function write(log: MemoryLog, ...rows: readonly MetricRow[]): Promise<void> {
  await log.append(topic, rows.map(rowRecord))
}

describe('the view of the metrics', () => {
  it('has caught up with an empty topic once it was answered', async () => {
    const view = open(new MemoryLog())
    expect(view.caughtUp).toBe(false)
    await until(() => view.caughtUp)
    expect(view.latest('visitors_5m')).toBeUndefined()
  })

  it('reads rows of another form, and shows none after one that it cannot read yet', async () => {
    const log = new MemoryLog()
    const before = metricRow('visitors_5m', minute)
    const framed = metricRow('visitors_5m', 2 * minute)
    const after = metricRow('visitors_5m', 3 * minute)
    await write(log, before)
    await log.append(topic, [{ ...rowRecord(framed), value: Uint8Array.of(0, 7) }])
    await log.append(topic, [{ ...rowRecord(framed), value: Uint8Array.of(0, 8) }])
    await write(log, after)
    let tell = (): void => {}
    const told = new Promise<void>((resolve) => (tell = resolve))
    let isKnown = false
    const readFramed = ([, id]: Uint8Array): unknown => {
      if (id === 8) throw new TypeError('no row')
      if (!isKnown) throw new NotReadyError('no schema', told)
      return framed
    }
    const view = open(log, { readFramed })
    await until(() => view.waitsFor !== undefined)
    expect(view.waitsFor).toBe('no schema')
    expect(ends(view.range('visitors_5m', 0, 9 * minute, 10))).toEqual([minute])
    expect(view.caughtUp).toBe(false)
    isKnown = true
    tell()
    await until(() => view.caughtUp)
    expect(view.range('visitors_5m', 0, 9 * minute, 10)).toEqual([before, framed, after])
    expect(view.waitsFor).toBeUndefined()
  })

  it('keeps the rows of each metric in order of their window', async () => {
    const log = new MemoryLog()
    const at = (end: number): MetricRow => metricRow('visitors_5m', end)
    await write(
      log,
      at(3 * minute),
      at(minute),
      metricRow('revenue_24h', 9 * minute),
      at(2 * minute)
    )
    const view = open(log)
    await until(() => view.caughtUp)
    expect(ends(view.range('visitors_5m', 0, Infinity, 10))).toEqual([
      minute,
      2 * minute,
      3 * minute,
    ])
    expect(ends(view.range('visitors_5m', minute, 3 * minute, 10))).toEqual([minute, 2 * minute])
    expect(ends(view.range('visitors_5m', minute + 1, Infinity, 1))).toEqual([2 * minute])
    expect(view.latest('visitors_5m')?.row.windowEnd).toBe(3 * minute)
    expect(view.latest('revenue_24h')?.updatedAt).toBe(1_000)
    expect(view.range('other', 0, Infinity, 10)).toEqual([])
  })

  it('tells listeners of what is new, not of what was there, nor of the same again', async () => {
    const log = new MemoryLog()
    await write(log, metricRow('visitors_5m', minute))
    const view = open(log)
    const heard: MetricRow[] = []
    const stop = view.subscribe(({ row }) => heard.push(row))
    await until(() => view.caughtUp)
    expect(heard).toEqual([])
    await write(log, metricRow('visitors_5m', minute), metricRow('visitors_5m', 2 * minute))
    await until(() => heard.length > 0)
    expect(ends(heard)).toEqual([2 * minute])
    await write(log, metricRow('visitors_5m', minute, { value: 7, revision: 1 }))
    await until(() => heard.length > 1)
    expect(view.range('visitors_5m', minute, minute + 1, 1)[0]?.revision).toBe(1)
    stop()
    await write(log, metricRow('visitors_5m', 3 * minute))
    await until(() => view.latest('visitors_5m')?.row.windowEnd === 3 * minute)
    expect(heard).toHaveLength(2)
  })

  it('shows what each refresh of a sum has brought, beside the rows of the topic', async () => {
    const log = new MemoryLog()
    const half = 30 * minute
    const sums = [
      { name: 'revenue_30m', of: 'revenue_24h', sizeMs: 48 * half, refreshMs: half },
    ] as const
    const row = (end: number, amount: string) => {
      const money = { amount, currency: 'EUR', denominator: 1 }
      return metricRow('revenue_24h', end, { ...money, firstEventAt: 99 * half })
    }
    await write(log, row(100 * half, '1.00'), row(101 * half, '1.50'))
    const view = open(log, { sums })
    await until(() => view.caughtUp)
    await write(log, row(102 * half, '4.00'), row(104 * half, '5.00'))
    await until(() => view.latest('revenue_24h')?.row.windowEnd === 104 * half)
    const parts = view.range('revenue_30m', 0, Infinity, 10)
    expect(parts.map(({ amount }) => amount)).toEqual(['1.00', '0.50', '2.50'])
    expect(view.since(0).every((seen) => seen.row.metric === 'revenue_24h')).toBe(true)
  })

  it('has the place of each row in the topic, which is that of its newest record', async () => {
    const log = new MemoryLog()
    const [first, second] = [metricRow('visitors_5m', minute), metricRow('visitors_5m', 0)]
    await write(log, metricRow('somebody_elses', 0), first, metricRow('revenue_24h', 0), second)
    const view = open(log)
    await until(() => view.caughtUp)
    expect(view.end).toBe(4)
    const places = (from: number) => view.since(from).map(({ offset }) => offset)
    expect([places(0), places(2), places(4)]).toEqual([[1, 2, 3], [2, 3], []])
    await write(log, first)
    await until(() => view.end === 5)
    expect(places(0)).toEqual([2, 3, 4])
  })

  it('passes over what is no row, and forgets a row that is deleted', async () => {
    const log = new MemoryLog()
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
    const raw = (value: Uint8Array | null, key = 'x') => {
      return log.append(topic, [{ timestamp: 0, key: bytes(key), value }])
    }
    await write(log, metricRow('visitors_5m', minute), metricRow('visitors_5m', 2 * minute))
    for (const text of ['', '{', 'null', '[]', '{"metric":"visitors_5m"}', '"visitors_5m"']) {
      await raw(bytes(text))
    }
    await raw(bytes(JSON.stringify({ ...metricRow('visitors_5m', 0), value: '7' })))
    await raw(bytes(JSON.stringify(metricRow('somebody_elses', 0))))
    await raw(null)
    await raw(null, `visitors_5m|${new Date(minute).toISOString()}`)
    const view = open(log)
    await until(() => view.caughtUp)
    expect(ends(view.range('visitors_5m', 0, Infinity, 10))).toEqual([2 * minute])
  })

  it('keeps the newest days, seen from the newest row', async () => {
    const log = new MemoryLog()
    const rows = Array.from({ length: 5_000 }, (_, i) => metricRow('visitors_5m', i * minute))
    await write(log, ...rows)
    const view = open(log, { keepMs: 1_000 * minute })
    await until(() => view.caughtUp)
    const kept = view.range('visitors_5m', 0, Infinity, 10_000)
    expect(kept.length).toBeGreaterThanOrEqual(1_000)
    expect(kept.length).toBeLessThanOrEqual(1_101)
    expect(kept.at(-1)?.windowEnd).toBe(4_999 * minute)
    await write(log, metricRow('visitors_5m', minute), metricRow('revenue_24h', minute))
    await until(() => view.latest('revenue_24h') !== undefined)
    expect(view.range('visitors_5m', 0, 2 * minute, 10)).toEqual([])
  })

  it('reads the topic again when its reader fails, and goes on showing its rows', async () => {
    const log = new MemoryLog()
    await write(log, metricRow('visitors_5m', minute))
    const opened: SourceReader[] = []
    let wake = (): void => {}
    const read: MemoryLog['read'] = (partition, from, options) => {
      wake = () => options?.onData?.()
      const reader = log.read(partition, from, options)
      opened.push(reader)
      return reader
    }
    const view = open(log, { log: { read }, retryMs: 5 })
    await until(() => view.caughtUp)
    const [first] = opened
    if (first === undefined) throw new Error('nothing was opened')
    first.advance = () => {
      throw new FatalError('MILLRACE_OFFSET_LOST', 'gone')
    }
    wake()
    expect(view.latest('visitors_5m')?.row.windowEnd).toBe(minute)
    await write(log, metricRow('visitors_5m', 2 * minute))
    await until(() => view.latest('visitors_5m')?.row.windowEnd === 2 * minute)
    expect(log.readers).toBe(1)
  })
})
