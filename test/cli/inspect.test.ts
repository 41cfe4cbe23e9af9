/** `millrace inspect`: stores and rows on disk, beside a running application and without. */
import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { StoredPart } from '../../src/cli/inspect.ts'
import { StreamApp } from '../../src/stream-app.ts'
import { command, json } from '../support/command.ts'
import { patience } from '../support/counting-app.ts'
import { windowsAndSessions } from './orders.ts'

const module = 'test/cli/orders.ts'

interface Rows {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  readonly more: boolean
}

describe('millrace inspect', () => {
  let stateDir: string
  let app: StreamApp
  const place = (): readonly string[] => ['-a', 'orders', '-d', stateDir]
  const typed = (): readonly string[] => ['-m', module, '-e', 'windowsAndSessions', ...place()]

  beforeAll(async () => {
    stateDir = mkdtempSync(join(tmpdir(), 'millrace-inspect-'))
    app = new StreamApp(windowsAndSessions(), { applicationId: 'orders', stateDir })
    await app.start()
    const records = ['ann', 'bob', 'ann'].map((customer, index) => ({
      timestamp: 60_000 + index,
      key: Buffer.from(customer),
      value: Buffer.from('{}'),
    }))
    await app.log.append('orders', records)
  })

  afterAll(async () => {
    await app.close()
    rmSync(stateDir, { recursive: true, force: true })
  })

  it('lists tasks and stores beside the application that writes them', async () => {
    await vi.waitFor(async () => {
      const { parts } = await json<{ parts: readonly StoredPart[] }>(['inspect', ...place()])
      const stores = parts.map(({ task, store }) => `${task} ${store}`)
      expect(stores.sort()).toEqual(['0_0 by-customer', '0_0 by-minute', '0_0 by-session'])
      expect(parts.every(({ commit, damage }) => (commit ?? 0) > 0 && damage === null)).toBe(true)
    }, patience)
    const { out } = await command(['inspect', ...place()])
    expect(out).toMatch(/^TASK {2}STORE +COMMIT +CHANGELOG +DISK\n0_0 {3}by-/)
  })

  it('reads typed rows: of keys, of windows, of sessions', async () => {
    await vi.waitFor(async () => {
      const { rows } = await json<Rows>(['inspect', 'by-customer', ...typed()])
      expect(rows).toEqual([
        { task: '0_0', key: 'ann', value: 2, timestamp: 60_002 },
        { task: '0_0', key: 'bob', value: 1, timestamp: 60_001 },
      ])
    }, patience)
    const ann = await json<Rows>(['inspect', 'by-customer', 'ann', ...typed()])
    expect(ann.rows.map(({ value }) => value)).toEqual([2])
    const window = { start: 60_000, end: 120_000 }
    const minutes = await json<Rows>(['inspect', 'by-minute', 'ann', ...typed()])
    expect(minutes.rows).toMatchObject([{ key: 'ann', window, value: { n: 2 } }])
    const sessions = await command(['inspect', 'by-session', ...typed()])
    expect(sessions.out).toContain('[1970-01-01T00:01:00.000Z, 1970-01-01T00:01:00.002Z)')
    expect(sessions.out).toContain('2 rows\n')
  })

  it('reads bytes without the topology, and tells of what it leaves out', async () => {
    const raw = await json<Rows>(['inspect', 'by-customer', '--limit', '1', ...place()])
    expect(raw).toMatchObject({ rows: [{ key: 'ann' }], more: true })
    const bob = await json<Rows>(['inspect', 'by-customer', 'bob', ...place()])
    expect([bob.rows.length, bob.more]).toEqual([1, false])
    const { out } = await command(['inspect', 'by-customer', '--limit', '1', ...place()])
    expect(out).toContain('1 row; there are more (--limit)')
  })

  it.each([
    [['no-such-store'], 2, "no task keeps a store 'no-such-store' here; there are: by-"],
    [['by-customer', '--limit', '0'], 2, "--limit takes a number of rows from 1 on, not '0'"],
    [['by-customer', '-m', 'nowhere.js'], 2, 'there is no module nowhere.js'],
    [['-a', 'another'], 1, 'MILLRACE_STATE_ABSENT'],
  ])('says what is wrong with %s', async (args, status, message) => {
    const ended = await command(['inspect', ...place(), ...args])
    expect([ended.status, ended.out, ended.err]).toEqual([
      status,
      '',
      expect.stringContaining(message),
    ])
  })

  it('says which task is damaged, and leaves it as it is', async () => {
    await app.close()
    const task = join(stateDir, 'orders/tasks/0_0')
    const name = readdirSync(task).find((file) => file.startsWith('MANIFEST-')) ?? ''
    truncateSync(join(task, name), 8)
    const before = readdirSync(task).sort()
    const { out, status } = await command(['inspect', ...place()])
    expect([status, out]).toEqual([0, expect.stringContaining('is damaged: MANIFEST-')])
    const { parts } = await json<{ parts: readonly StoredPart[] }>(['inspect', ...place()])
    expect(parts.map(({ store }) => store)).toEqual([null])
    expect(readdirSync(task).sort()).toEqual(before)
    expect(readdirSync(join(stateDir, 'orders')).filter((file) => /^\./.test(file))).toEqual([])
  })
})
