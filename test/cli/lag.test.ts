/** `millrace lag`: on brokers and on the embedded log, beside a running application and without. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { LagReport } from '../../src/cli/lag.ts'
import { StreamApp } from '../../src/stream-app.ts'
import { command, json } from '../support/command.ts'
import { CountingApp, patience } from '../support/counting-app.ts'
import { sharedBroker } from '../support/shared-broker.ts'
import { topology } from './orders.ts'

const orders = 'test/cli/orders.ts'

describe('millrace lag on brokers', () => {
  let brokers: readonly string[]
  beforeAll(async () => {
    brokers = await sharedBroker()
  })

  it('counts what is not committed, by task, while the application runs and after', async () => {
    const app = await CountingApp.open(brokers, { partitions: 2 })
    const args = ['lag', '-b', brokers.join(), '-a', app.id, '-d', app.stateDir()]
    const running = await app.start()
    await app.sendKeys(['a', 'b', 'a'], 0)
    await app.sendKeys(['c'], 1)
    await app.untilCounts(running, { a: 2, b: 1, c: 1 })
    await vi.waitFor(async () => {
      expect((await json<LagReport>(args)).lag).toBe(0)
    }, patience)
    const during = await json<LagReport>(args)
    expect(during).toMatchObject({ applicationId: app.id, log: 'kafka' })
    expect(during.members).toHaveLength(1)
    expect(during.partitions.map(({ task, topic, partition }) => [task, topic, partition])).toEqual(
      [
        ['0_0', app.input, 0],
        ['0_1', app.input, 1],
      ]
    )
    expect(during.partitions[0]?.watermark).toMatch(/^\d{4}-\d\d-\d\dT/)
    await running.close()
    await app.sendKeys(['a', 'a', 'b'], 1)
    const after = await json<LagReport>(args)
    expect(after.members).toEqual([])
    expect(after.partitions.map(({ lag }) => lag)).toEqual([0, 3])
    expect((await command([...args, '--fail-above', '2'])).status).toBe(3)
    expect((await command([...args, '--fail-above', '3'])).status).toBe(0)
  })

  it('knows no tasks without a topology, and refuses one that nothing is known of', async () => {
    const app = await CountingApp.open(brokers)
    const args = ['lag', '-b', brokers.join(), '-a', app.id, '-d', app.stateDir('elsewhere')]
    const unknown = await command([...args, '--fail-above', '10'])
    expect([unknown.status, unknown.out]).toEqual([1, ''])
    expect(unknown.err).toContain(`Nothing is known of ${app.id} on ${brokers.join(', ')}`)
    expect(unknown.err).toContain('MILLRACE_APPLICATION_UNKNOWN')
    const running = await app.start()
    await app.sendKeys(['a'])
    await app.untilCounts(running, { a: 1 })
    await running.close()
    const { partitions } = await json<LagReport>(args)
    expect(partitions).toEqual([expect.objectContaining({ task: null, topic: app.input, lag: 0 })])
  })

  it('says which broker does not answer', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const timer = setInterval(() => vi.advanceTimersByTime(5_000), 20)
    onTestFinished(() => {
      clearInterval(timer)
      vi.useRealTimers()
    })
    const args = ['lag', '-b', '127.0.0.1:1', '-a', 'none']
    const { status, err } = await command(args)
    expect([status, err]).toEqual([1, expect.stringContaining('127.0.0.1:1')])
    expect(err).toContain('MILLRACE_KAFKA_UNREACHABLE')
    expect(err).not.toContain('Waiting')
  })

  it('says on a terminal that it waits for a broker', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
    const timer = setInterval(() => vi.advanceTimersByTime(500), 5)
    onTestFinished(() => {
      clearInterval(timer)
      vi.useRealTimers()
    })
    const args = ['lag', '-b', '127.0.0.1:1', '-a', 'none']
    const { status, err } = await command(args, { isTerminal: true })
    expect(status).toBe(1)
    expect(err.startsWith('\r\u001b[KWaiting for 127.0.0.1:1 …')).toBe(true)
    expect(err).toContain('…\r\u001b[Kerror: ')
  })
})

describe('millrace lag on the embedded log', () => {
  let stateDir: string
  beforeAll(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'millrace-lag-'))
  })
  afterAll(() => rmSync(stateDir, { recursive: true, force: true }))

  it('reads a copy of the log beside the application that writes it', async () => {
    const app = new StreamApp(topology(), { applicationId: 'orders', stateDir })
    onTestFinished(() => app.close())
    await app.start()
    const value = Buffer.from('{"customer":"ann"}')
    const records = Array.from({ length: 5 }, () => ({ timestamp: 1, key: value, value }))
    await app.log.append('orders', records)
    const args = ['lag', orders, '-a', 'orders', '-d', stateDir]
    await vi.waitFor(async () => {
      const { partitions, lag } = await json<LagReport>(args)
      expect([partitions[0]?.committed, lag]).toEqual([5, 0])
    }, patience)
    const found = await json<LagReport>(args)
    expect(found).toMatchObject({ log: 'embedded', members: [`process ${process.pid}`] })
    expect(found.partitions.map(({ task, topic }) => [task, topic])).toEqual([
      ['0_0', 'orders'],
      ['1_0', 'orders-by-customer-repartition'],
    ])
    await app.close()
    const { status, out } = await command(args)
    expect(status).toBe(0)
    expect(out).toMatch(/^TASK {2}TOPIC +PARTITION +COMMITTED +END +LAG +WATERMARK\n/)
    expect(out).toContain('0_0   orders')
    expect(out).toContain('orders on the embedded log: 0 records behind. Run by nobody.')
    expect(readdirSync(join(stateDir, 'orders')).filter((name) => name.startsWith('.'))).toEqual([])
  })
})
