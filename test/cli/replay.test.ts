/** `millrace replay`: dead letters go back once, on brokers and on the embedded log. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { ReplayReport } from '../../src/cli/replay.ts'
import { EmbeddedLog } from '../../src/log/embedded-log.ts'
import type { AppendRecord } from '../../src/runtime/ports.ts'
import { command, json } from '../support/command.ts'
import { CountingApp } from '../support/counting-app.ts'
import { makeTopic } from '../support/kafka-admin.ts'
import { readAll } from '../support/kafka-tools.ts'
import { sharedBroker } from '../support/shared-broker.ts'

/** As a task buries them. */
function letter(topic: string, partition: number, value: string, reason = 'decode'): AppendRecord {
  const known = { step: reason, reason, message: `no ${value}`, topic, partition, offset: 7 }
  const headers = Object.entries(known).map(
    ([name, text]) => [`millrace-error-${name}`, Buffer.from(String(text))] as const
  )
  const own = ['trace', Buffer.from('t1')] as const
  return { timestamp: 1_000, key: null, value: Buffer.from(value), headers: [own, ...headers] }
}

describe('millrace replay on brokers', () => {
  let brokers: readonly string[]
  beforeAll(async () => {
    brokers = await sharedBroker()
  })

  it('counts first, sends each back once to its partition, and goes on where it was', async () => {
    const app = await CountingApp.open(brokers, { partitions: 2 })
    const dead = `${app.id}-dead`
    await makeTopic(app.cluster, dead, 2)
    const log = await app.connect(`${app.id}-writer`, { guarantee: 'at_least_once' })
    onTestFinished(() => log.close())
    const bury = (records: readonly AppendRecord[]): Promise<void> => log.append(dead, records)
    await bury([
      { ...letter(app.input, 0, 'one'), partition: 0 },
      { ...letter(app.input, 1, 'two', 'process'), partition: 0 },
      { ...letter(app.input, 1, 'three'), partition: 1 },
    ])
    const args = ['replay', dead, '-a', app.id, '-b', brokers.join(), '-d', app.stateDir()]
    const plan = await json<ReplayReport>(args)
    expect(plan).toMatchObject({ deadLetters: dead, executed: false, records: 3, unknown: 0 })
    expect(plan.groups).toEqual([
      { topic: app.input, reason: 'decode', records: 2, message: 'no one' },
      { topic: app.input, reason: 'process', records: 1, message: 'no two' },
    ])
    const values = async (partition: number): Promise<readonly string[]> =>
      (await readAll(app.cluster, app.input, partition)).map(({ value }) => value)
    expect([await values(0), await values(1)]).toEqual([[], []])

    const sent = await json<ReplayReport>([...args, '--execute'])
    expect(sent).toMatchObject({ executed: true, records: 3 })
    const both = async (): Promise<unknown> => [await values(0), (await values(1)).toSorted()]
    expect(await both()).toEqual([['one'], ['three', 'two']])
    expect(await json<ReplayReport>([...args, '--execute'])).toMatchObject({ records: 0 })
    await bury([{ ...letter(app.input, 0, 'four'), partition: 1 }])
    const { out } = await command([...args, '--execute'])
    expect(out).toContain(`${dead}: 1 record sent back.`)
    expect(await both()).toEqual([
      ['one', 'four'],
      ['three', 'two'],
    ])
  })

  it('names topics that are not there', async () => {
    const app = await CountingApp.open(brokers)
    const args = ['replay', `${app.id}-none`, '-a', app.id, '-b', brokers.join()]
    const { status, err } = await command(args)
    expect([status, err]).toEqual([1, expect.stringContaining(`${app.id}-none`)])
  })
})

describe('millrace replay on the embedded log', () => {
  it('sends back what tells where it came from, with its own headers', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'millrace-replay-'))
    onTestFinished(() => rmSync(stateDir, { recursive: true, force: true }))
    const path = join(stateDir, 'orders/log')
    const before = await EmbeddedLog.open({ path })
    await before.prepare(
      ['orders', 'dead'].map((name) => ({ name, role: 'sink', create: true, partitions: 1 }))
    )
    const stranger = { timestamp: 1, key: null, value: Buffer.from('?') }
    await before.append('dead', [letter('orders', 3, 'one'), stranger])
    const args = ['replay', 'dead', '-a', 'orders', '-d', stateDir]
    const locked = await command([...args, '--execute', '--pass-unknown'])
    expect([locked.status, locked.err]).toEqual([1, expect.stringContaining('MILLRACE_LOG_LOCKED')])
    expect(await json<ReplayReport>(args)).toMatchObject({ records: 1, unknown: 1 })
    await before.close()
    const refused = await command([...args, '--execute'])
    expect([refused.status, refused.out]).toEqual([1, ''])
    expect(refused.err).toContain('MILLRACE_DEAD_LETTER_UNKNOWN')
    const sent = await command([...args, '--execute', '--pass-unknown'])
    expect(sent.out).toContain('dead: 1 record sent back; 1 do not tell where they came from.')
    expect(await json<ReplayReport>(args)).toMatchObject({ records: 0, unknown: 0 })
    const after = await EmbeddedLog.open({ path })
    const records = await after.inspect().records('orders')
    await after.close()
    expect(records.map(({ value }) => String(value))).toEqual(['one'])
    expect(records[0]?.timestamp).toBe(1_000)
    expect(records[0]?.headers.map(([name, text]) => `${name}=${text}`)).toEqual([
      'trace=t1',
      'millrace-replays=1',
    ])
  })

  it('says so where there is no such topic', async () => {
    const brokers = (await sharedBroker()).join()
    const onBrokers = await command(['replay', 'no.such', '-a', 'orders', '-b', brokers])
    expect(onBrokers.status).toBe(1)
    expect(onBrokers.err).toBe('error: There is no topic no.such.\n(MILLRACE_TOPIC_MISSING)\n')
    const stateDir = mkdtempSync(join(tmpdir(), 'millrace-replay-'))
    onTestFinished(() => rmSync(stateDir, { recursive: true, force: true }))
    const log = await EmbeddedLog.open({ path: join(stateDir, 'orders', 'log'), group: 'orders' })
    await log.close()
    expect(await command(['replay', 'no.such', '-a', 'orders', '-d', stateDir])).toEqual(onBrokers)
  })

  it('says so where there is nothing to send', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'millrace-replay-'))
    onTestFinished(() => rmSync(stateDir, { recursive: true, force: true }))
    const args = ['replay', 'dead', '-a', 'orders', '-d', stateDir]
    const { status, err } = await command(args)
    expect([status, err]).toEqual([1, expect.stringContaining('MILLRACE_LOG_ABSENT')])
  })
})
