import { describe, expect, it } from 'vitest'
import { Exposition, type Instrument } from '../../src/metrics/exposition.ts'
import type { AppSnapshot } from '../../src/runtime/snapshot.ts'
import { runningSnapshot } from '../support/http-ports.ts'

const gauge = { kind: 'gauge', help: 'A number', labels: {}, label: undefined } as const
const instruments: readonly Instrument[] = [
  { kind: 'gauge', name: 'conversion', help: 'Percent', labels: {}, label: undefined },
  { kind: 'gauge', name: 'sessions', help: 'Sessions', labels: { window: '5m' }, label: undefined },
  { kind: 'gauge', name: 'sessions', help: 'Sessions', labels: { window: '1h' }, label: undefined },
  { kind: 'counter', name: 'rejected_total', help: 'Rejected', labels: {}, label: 'reason' },
  { kind: 'counter', name: 'inexact_total', help: 'Inexact', labels: {}, label: undefined },
]

async function scrape(changes: Partial<AppSnapshot> = {}): Promise<readonly string[]> {
  const snapshot = (): AppSnapshot => runningSnapshot(changes)
  const knownLabels = { rejected_total: ['decode', 'late'] }
  const { body } = await new Exposition({
    snapshot,
    instruments,
    knownLabels,
    version: '1',
  }).render()
  return body.split('\n')
}

function series(lines: readonly string[], name: string): readonly string[] {
  return lines.filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
}

describe('what Prometheus reads', () => {
  it('is the text format 0.0.4', async () => {
    const exposition = new Exposition({ snapshot: runningSnapshot, instruments, version: '1' })
    expect((await exposition.render()).contentType).toBe('text/plain; version=0.0.4; charset=utf-8')
  })

  it('shows a gauge while the application has its value, and not otherwise', async () => {
    expect(series(await scrape(), 'conversion')).toEqual([])
    const gauges = [
      { name: 'conversion', labels: {}, value: 3.12 },
      { name: 'sessions', labels: { window: '1h' }, value: 993 },
    ]
    const lines = await scrape({ gauges })
    expect(series(lines, 'conversion')).toEqual(['conversion 3.12'])
    expect(series(lines, 'sessions')).toEqual(['sessions{window="1h"} 993'])
  })

  it('shows gauges that belong together from the first of them on', async () => {
    const together = ['conversion', 'users']
    const declared = [...instruments, { ...gauge, name: 'users' }, { ...gauge, name: 'newest' }]
    const newest = { name: 'newest', labels: {}, value: 7 }
    let gauges = [newest]
    const snapshot = (): AppSnapshot => runningSnapshot({ gauges })
    const exposition = new Exposition({ snapshot, instruments: declared, together, version: '1' })
    const shown = async (): Promise<readonly string[]> => {
      const lines = (await exposition.render()).body.split('\n')
      return ['newest', 'users', 'conversion'].flatMap((name) => series(lines, name))
    }
    expect(await shown()).toEqual(['newest 7'])
    gauges = [newest, { name: 'users', labels: {}, value: 3 }]
    expect(await shown()).toEqual(['newest 7', 'users 3', 'conversion 0'])
    gauges = [...gauges, { name: 'conversion', labels: {}, value: 3.12 }]
    expect(await shown()).toEqual(['newest 7', 'users 3', 'conversion 3.12'])
  })

  it('drops a gauge again that the application has lost', async () => {
    let gauges = [{ name: 'conversion', labels: {}, value: 3.12 }]
    const snapshot = (): AppSnapshot => runningSnapshot({ gauges })
    const exposition = new Exposition({ snapshot, instruments, version: '1' })
    expect((await exposition.render()).body).toContain('\nconversion 3.12\n')
    gauges = []
    expect((await exposition.render()).body).not.toMatch(/^conversion/m)
  })

  it('shows counters from the start, and never twice what was counted once', async () => {
    const lines = await scrape()
    expect(series(lines, 'inexact_total')).toEqual(['inexact_total 0'])
    expect(series(lines, 'rejected_total')).toEqual([
      'rejected_total{reason="decode"} 0',
      'rejected_total{reason="late"} 0',
    ])
    const labels = { reason: 'future' }
    const counters = [{ name: 'rejected_total', labels, value: 3 }]
    const snapshot = (): AppSnapshot => runningSnapshot({ counters })
    const exposition = new Exposition({ snapshot, instruments, version: '1' })
    await exposition.render()
    expect((await exposition.render()).body).toContain('rejected_total{reason="future"} 3')
  })

  it('shows what the engine does, by task and partition', async () => {
    const [task] = runningSnapshot().tasks
    if (task === undefined) throw new Error('no task')
    const restore = [{ store: 'sums', position: 3, end: 10 }]
    const tasks = [{ ...task, state: 'restoring' as const, restore }]
    const lines = await scrape({ tasks, dropped: { late: 4, decode: 1 } })
    for (const line of [
      'millrace_records_in_total 7',
      'millrace_records_out_total 3',
      'millrace_dropped_records_total{reason="late"} 4',
      'millrace_dropped_records_total{reason="decode"} 1',
      'millrace_commits_total 2',
      'millrace_commit_seconds_total 0.1',
      'millrace_restore_seconds_total 0.2',
      'millrace_restored_records_total 3',
      'millrace_rebalances_total 1',
      'millrace_log_up 1',
      'millrace_state{state="running"} 1',
      'millrace_state{state="failed"} 0',
      'millrace_tasks{state="restoring"} 1',
      'millrace_tasks{state="running"} 0',
      'millrace_state_bytes{task="0_0"} 100',
      'millrace_lag_records{task="0_0",topic="shop.events",partition="0"} 2',
      'millrace_watermark_timestamp_seconds{task="0_0",topic="shop.events",partition="0"} 1',
      'millrace_restore_remaining_records{task="0_0",store="sums"} 7',
      'millrace_build_info{version="1"} 1',
    ]) {
      expect(lines).toContain(line)
    }
    expect(lines.some((line) => line.startsWith('nodejs_heap_size_used_bytes'))).toBe(true)
  })

  it('writes what is no number as the format has it', async () => {
    const exposition = new Exposition({ snapshot: runningSnapshot, instruments, version: '1' })
    await exposition.render()
    // Nothing was measured since: a mean of nothing.
    const lines = (await exposition.render()).body.split('\n')
    expect(series(lines, 'nodejs_eventloop_lag_mean_seconds')).toEqual([
      'nodejs_eventloop_lag_mean_seconds NaN',
    ])
  })
})
