import { describe, expect, it } from 'vitest'
import { createHttpApp } from '../../src/http/app.ts'
import { listen } from '../../src/http/server.ts'
import { Exposition } from '../../src/metrics/exposition.ts'
import type { AppSnapshot } from '../../src/runtime/snapshot.ts'
import { knownLabels } from '../../topologies/shop-metrics.ts'
import { FakeApplication, runningSnapshot } from '../support/http-ports.ts'
import { lint, prometheusPrograms, startPrometheus } from '../support/prometheus.ts'
import { shopTopology } from '../support/shop-topology.ts'

const programs = await prometheusPrograms()
const { instruments } = shopTopology

/** Every series that the topology declares has a value. */
function snapshot(): AppSnapshot {
  const gauges = instruments.filter(({ kind }) => kind === 'gauge')
  return runningSnapshot({
    gauges: gauges.map(({ name, labels }) => ({ name, labels, value: 3.12 })),
    dropped: { late: 1 },
  })
}

const exposition = new Exposition({ snapshot, instruments, knownLabels, version: '1' })

describe.skipIf(programs === undefined)('to the real Prometheus', () => {
  it('all names are in order but two of the seven fixed ones', async () => {
    if (programs === undefined) return
    const faults = await lint(programs, (await exposition.render()).body)
    const named = faults.map((fault) => fault.split(' ')[0] ?? '')
    expect([...new Set(named)].sort(), faults.join('\n')).toEqual(['orders_count', 'users_count'])
  })

  it('a scrape brings the numbers', async () => {
    if (programs === undefined) return
    const ports = new FakeApplication().ports({ exposition: () => exposition.render() })
    const server = await listen(createHttpApp(ports), '127.0.0.1', 0)
    const prometheus = await startPrometheus(programs, new URL(server.url).host)
    try {
      await expect
        .poll(async () => (await prometheus.query('conversion'))[0]?.value, { timeout: 30_000 })
        .toBe(3.12)
      const [up] = await prometheus.query('up')
      expect(up?.value).toBe(1)
      const orders = await prometheus.query('shop_window_orders{window="5m"}')
      expect(orders[0]?.value).toBe(3.12)
    } finally {
      await prometheus.stop()
      await server.close(0)
    }
  })
})
