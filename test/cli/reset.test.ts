/** `millrace reset`: what it would do, and that an application begins anew when it is done. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import type { LagReport } from '../../src/cli/lag.ts'
import type { ResetPlan } from '../../src/cli/reset-steps.ts'
import { StreamApp } from '../../src/stream-app.ts'
import { command, json } from '../support/command.ts'
import { CountingApp, patience } from '../support/counting-app.ts'
import { makeTopic } from '../support/kafka-admin.ts'
import { sharedBroker } from '../support/shared-broker.ts'
import { topology } from './orders.ts'

type Answer = ResetPlan & { readonly executed: boolean }

const module = 'test/cli/orders.ts'

describe('millrace reset on brokers', () => {
  let brokers: readonly string[]
  beforeAll(async () => {
    brokers = await sharedBroker()
  })

  it('says what it would do, is refused while somebody runs it, and begins anew', async () => {
    const app = await CountingApp.open(brokers)
    const args = ['reset', '-b', brokers.join(), '-a', app.id, '-d', app.stateDir()]
    const running = await app.start()
    await app.sendKeys(['ann', 'bob', 'ann'])
    await app.untilCounts(running, { ann: 2, bob: 1 })
    const alike = `${app.id}-other-changelog`
    await makeTopic(app.cluster, alike)
    await vi.waitFor(async () => {
      const { offsets } = await json<Answer>(args)
      expect(offsets[0]?.from).toBeGreaterThanOrEqual(3)
    }, patience)
    const refused = await command([...args, '--execute'])
    expect([refused.status, refused.out]).toEqual([1, ''])
    expect(refused.err).toContain('MILLRACE_APPLICATION_ACTIVE')
    await running.close()

    const plan = await json<Answer>(args)
    expect(plan).toMatchObject({ executed: false, members: [], topics: [app.changelog] })
    expect(plan.others).toEqual([alike])
    expect(plan.offsets).toMatchObject([{ topic: app.input, partition: 0, to: 0, sets: false }])
    const said = await command(args)
    expect(said.out).toContain(`delete the topic ${app.changelog}`)
    expect(said.out).toContain('Nothing was done: --execute does it.')
    expect(existsSync(app.taskDir())).toBe(true)

    expect(await json<Answer>([...args, '--execute'])).toMatchObject({ executed: true })
    expect(existsSync(app.taskDir())).toBe(false)
    const again = await app.start()
    await app.sendKeys(['ann'])
    await app.untilCounts(again, { ann: 3, bob: 1 })
  })

  it('goes on from the end, from a date, or removes the state alone', async () => {
    const app = await CountingApp.open(brokers)
    const args = ['reset', '-b', brokers.join(), '-a', app.id, '-d', app.stateDir()]
    const running = await app.start()
    await app.sendKeys(['ann', 'bob'])
    await app.untilCounts(running, { ann: 1, bob: 1 })
    await running.close()
    await app.send([
      { timestamp: Date.now() + 60_000, key: Buffer.from('cid'), value: Buffer.from('v') },
    ])
    const later = new Date(Date.now() + 30_000).toISOString()
    const [entry] = (await json<Answer>([...args, '--to', later])).offsets
    expect(entry).toMatchObject({ topic: app.input, to: 2, sets: true })
    const only = await json<Answer>([...args, '--state-only', '--execute'])
    expect(only).toMatchObject({ forgets: false, topics: [], executed: true })
    const restored = await app.start()
    await app.sendKeys(['dan'])
    await app.untilCounts(restored, { ann: 1, bob: 1, cid: 1, dan: 1 })
    await restored.close()
    await json<Answer>([...args, '--to', 'latest', '--execute'])
    const again = await app.start()
    await app.sendKeys(['eve'])
    await app.untilCounts(again, { eve: 1 })
  })
})

describe('millrace reset on the embedded log', () => {
  let stateDir: string
  beforeEach(() => {
    stateDir = mkdtempSync(join(tmpdir(), 'millrace-reset-'))
    onTestFinished(() => rmSync(stateDir, { recursive: true, force: true }))
  })

  const args = (): string[] => ['reset', module, '-a', 'orders', '-d', stateDir]

  async function started(): Promise<StreamApp> {
    const app = new StreamApp(topology(), { applicationId: 'orders', stateDir })
    onTestFinished(() => app.close())
    await app.start()
    return app
  }

  async function send(app: StreamApp, timestamp: number): Promise<void> {
    const value = Buffer.from('{"customer":"ann"}')
    await app.log.append('orders', [{ timestamp, key: value, value }])
  }

  async function untilRead(committed: number): Promise<void> {
    await vi.waitFor(async () => {
      const found = await json<LagReport>(['lag', ...args().slice(1)])
      const [orders] = found.partitions
      expect([orders?.committed, found.lag]).toEqual([committed, 0])
    }, patience)
  }

  async function counted(): Promise<unknown> {
    const rows = ['inspect', 'by-customer', '-m', ...args().slice(1)]
    const found = await json<{ rows: readonly { value: unknown }[] }>(rows)
    return found.rows.map(({ value }) => value)
  }

  it('begins anew, and leaves the records of others where they are', async () => {
    const app = await started()
    await send(app, 1_000)
    await send(app, 2_000)
    await untilRead(2)
    const refused = await command([...args(), '--execute'])
    expect([refused.status, refused.err]).toEqual([1, expect.stringContaining('stop it first')])
    await app.close()
    const plan = await json<Answer>([...args(), '--execute'])
    expect(plan.topics).toEqual(['orders-by-customer-changelog', 'orders-by-customer-repartition'])
    const after = await json<LagReport>(['lag', ...args().slice(1)])
    expect(after.partitions.map(({ topic, lag }) => [topic, lag])).toEqual([['orders', 2]])
    const again = await started()
    await send(again, 3_000)
    await untilRead(3)
    await again.close()
    expect(await counted()).toEqual([{ n: 3 }])
  })

  it('goes on from a date', async () => {
    const app = await started()
    await send(app, Date.parse('2026-01-01T00:00:00Z'))
    await send(app, Date.parse('2026-03-01T00:00:00Z'))
    await untilRead(2)
    await app.close()
    const { out } = await command([...args(), '--to', '2026-02-01', '--execute'])
    expect(out).toContain('read orders-0 from 1 on (it was at 2)')
    const again = await started()
    await untilRead(2)
    await again.close()
    expect(await counted()).toEqual([{ n: 1 }])
  })

  it.each([
    [
      ['--to', 'yesterday'],
      2,
      "--to takes earliest, latest, a date or a duration, not 'yesterday'",
    ],
    [['-a', 'none'], 1, 'MILLRACE_LOG_ABSENT'],
  ])('says what is wrong with %s', async (more, status, message) => {
    const ended = await command([...args(), ...more])
    expect([ended.status, ended.err]).toEqual([status, expect.stringContaining(message)])
  })
})
