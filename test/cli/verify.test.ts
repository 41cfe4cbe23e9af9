/** `millrace verify`: sound states, states that somebody has changed, and damaged ones. */
import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { bytesOf } from '../../src/cli/store-rows.ts'
import type { VerifyReport } from '../../src/cli/verify.ts'
import { StreamApp } from '../../src/stream-app.ts'
import { openStateDirectory } from '../../state/index.ts'
import { command, json } from '../support/command.ts'
import { CountingApp, patience } from '../support/counting-app.ts'
import { sharedBroker } from '../support/shared-broker.ts'
import { topology } from './orders.ts'

const module = 'test/cli/orders.ts'

/** Changes what is on disk behind the changelog's back. */
async function tamper(
  directory: string,
  task: string,
  store: string,
  change: Readonly<Record<string, string | null>>
): Promise<void> {
  const state = await openStateDirectory(directory)
  const opened = await state.open(task)
  const entries = opened.store(bytesOf(store))
  for (const [key, value] of Object.entries(change)) {
    if (value === null) entries.delete(key)
    else entries.put(key, Buffer.from(value))
  }
  const { checkpoint } = opened
  if (checkpoint === undefined) throw new Error('there is a state to change')
  opened.seal()
  await opened.write(checkpoint)
  await state.close()
}

describe('millrace verify on brokers', () => {
  let brokers: readonly string[]
  beforeAll(async () => {
    brokers = await sharedBroker()
  })

  it('finds nothing beside a running application, and each change made by hand', async () => {
    const app = await CountingApp.open(brokers)
    const args = ['verify', '-b', brokers.join(), '-a', app.id, '-d', app.stateDir()]
    const running = await app.start()
    await app.sendKeys(['ann', 'bob', 'ann', 'cid'])
    await app.untilCounts(running, { ann: 2, bob: 1, cid: 1 })
    await vi.waitFor(async () => {
      const report = await json<VerifyReport>(args)
      expect(report).toMatchObject({ same: true, parts: [{ task: '0_0', store: 'counts' }] })
      expect(report.parts[0]?.keys).toBe(3)
    }, patience)
    await running.close()
    const directory = join(app.stateDir(), app.id)
    await tamper(directory, '0_0', 'counts', { ann: '[7]', bob: null, dan: '[1]' })
    const report = await json<VerifyReport>(args, { status: 3 })
    expect(report.same).toBe(false)
    expect(report.parts[0]).toMatchObject({ keys: 4, differences: 3, expired: 0 })
    const [ann, bob, dan] = report.parts[0]?.first ?? []
    expect(ann).toMatchObject({ key: 'ann', stored: [7] })
    expect(bob).toMatchObject({ key: 'bob', stored: null })
    expect(dan).toEqual({ key: 'dan', stored: [1], changelog: null })
    const { status, out } = await command([...args, '--first', '1'])
    expect(status).toBe(3)
    expect(out).toContain('0_0 counts ann\n  on disk    [7]\n  changelog  ')
    expect(out).not.toContain('counts bob')
    expect(out).toContain(`The state of ${app.id} is not what its changelogs say.`)
  })
})

describe('millrace verify on the embedded log', () => {
  it('compares the state with the log beside it, and names damaged tasks', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'millrace-verify-'))
    onTestFinished(() => rmSync(stateDir, { recursive: true, force: true }))
    const app = new StreamApp(topology(), { applicationId: 'orders', stateDir })
    onTestFinished(() => app.close())
    await app.start()
    const value = Buffer.from('{"customer":"ann"}')
    await app.log.append('orders', [{ timestamp: 1, key: value, value }])
    const args = ['verify', '-a', 'orders', '-d', stateDir]
    await vi.waitFor(async () => {
      const { same, parts } = await json<VerifyReport>(args)
      expect([same, parts.map(({ store, keys }) => `${store} ${keys}`)]).toEqual([
        true,
        ['by-customer 1'],
      ])
    }, patience)
    await app.close()
    expect((await command([...args, '--json', '--first', 'x'])).status).toBe(2)
    const live = await command(['verify', module, ...args.slice(1)], { isTerminal: true })
    expect([live.status, live.out]).toEqual([
      0,
      expect.stringContaining('The state of orders is what its changelogs say.'),
    ])
    const task = join(stateDir, 'orders/tasks/1_0')
    const manifest = readdirSync(task).find((file) => file.startsWith('MANIFEST-')) ?? ''
    truncateSync(join(task, manifest), 8)
    const report = await json<VerifyReport>(args, { status: 3 })
    expect(report).toMatchObject({ same: false, parts: [], damaged: [{ task: '1_0' }] })
  })

  it('needs to know what the stores are', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'millrace-verify-'))
    onTestFinished(() => rmSync(stateDir, { recursive: true, force: true }))
    const { status, err } = await command(['verify', '-a', 'other', '-d', stateDir])
    expect([status, err]).toEqual([2, expect.stringContaining('name the module')])
  })
})
