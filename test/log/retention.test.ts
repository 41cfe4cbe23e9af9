/** Claims: what is old goes, what tasks have still to read stays, and the space comes back. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { EmbeddedLog } from '../../src/log/embedded-log.ts'
import {
  bytes,
  commitOne,
  createTopic,
  Member,
  Reading,
  tasksOver,
  textOf,
  textRecord,
} from '../support/log-port-tools.ts'

const dayMs = 86_400_000
const start = 1_700_000_000_000
let home: string
let clock: ManualClock

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'millrace-log-'))
  clock = new ManualClock(start)
})

afterEach(() => rmSync(home, { recursive: true, force: true }))

const open = (): Promise<EmbeddedLog> => EmbeddedLog.open({ path: join(home, 'log'), clock })

async function append(log: EmbeddedLog, topic: string, ...timestamps: number[]): Promise<void> {
  for (const timestamp of timestamps) {
    await log.append(topic, [textRecord(`${timestamp - start}`, { timestamp })])
  }
}

async function left(log: EmbeddedLog, topic: string): Promise<unknown> {
  return (await log.inspect().records(topic)).map(({ value }) => textOf(value))
}

async function joinTask(log: EmbeddedLog, topic: string): Promise<void> {
  await new Member().join(log, tasksOver(topic, 1))
  await log.balanced()
}

describe('retention by time', () => {
  it('removes from the start what is older than retention.ms, by default 7 days', async () => {
    const log = await open()
    await createTopic(log, 'week', 1)
    await createTopic(log, 'ever', 1, { 'retention.ms': '-1' })
    await createTopic(log, 'day', 1, { 'retention.ms': String(dayMs) })
    for (const topic of ['week', 'ever', 'day']) {
      await append(log, topic, start, start + 1, start + 3 * dayMs, start + 2)
    }
    clock.advance(7 * dayMs + 1)
    await log.maintain()
    expect(await left(log, 'week')).toEqual(['1', `${3 * dayMs}`, '2'])
    expect(await left(log, 'ever')).toHaveLength(4)
    expect(await left(log, 'day')).toEqual([])
    const reading = new Reading(log, { topic: 'week', partition: 0 }, 'earliest')
    expect((await reading.take(1))[0]?.offset).toBe(1)
    expect(reading.reader.answer).toMatchObject({ logStart: 1, highWatermark: 4 })
    await log.close()
    const again = await open()
    expect(await left(again, 'week')).toHaveLength(3)
    await append(again, 'day', clock.now())
    expect((await again.inspect().records('day'))[0]?.offset).toBe(4)
    await again.close()
  })

  it('keeps what the group has not committed, and everything before it has joined', async () => {
    const log = await open()
    await log.prepare([{ name: 'in', role: 'source', create: false }])
    await append(log, 'in', start, start + 1, start + 2)
    clock.advance(30 * dayMs)
    await log.maintain()
    expect(await left(log, 'in')).toHaveLength(3)
    await joinTask(log, 'in')
    await log.maintain()
    expect(await left(log, 'in')).toHaveLength(3)
    await commitOne(log, 'in', 2)
    await log.maintain()
    expect(await left(log, 'in')).toEqual(['2'])
    await log.close()
  })

  it('does not wait for an application of another name that has gone', async () => {
    const before = await EmbeddedLog.open({ path: join(home, 'log'), clock, group: 'old' })
    await before.prepare([{ name: 'in', role: 'source', create: false }])
    await append(before, 'in', start, start + 1)
    await joinTask(before, 'in')
    await commitOne(before, 'in', 1)
    await before.close()
    clock.advance(30 * dayMs)
    const log = await EmbeddedLog.open({ path: join(home, 'log'), clock, group: 'new' })
    await joinTask(log, 'in')
    await commitOne(log, 'in', 2)
    await log.maintain()
    expect(await left(log, 'in')).toEqual([])
    await log.close()
  })

  it('works together with compaction', async () => {
    const log = await open()
    await createTopic(log, 'rows', 1, { 'cleanup.policy': 'delete, compact' })
    const row = (key: string, timestamp: number) =>
      log.append('rows', [{ timestamp, key: bytes(key), value: bytes(`${timestamp - start}`) }])
    await row('a', start)
    clock.advance(6 * dayMs)
    for (const key of ['b', 'c', 'b']) await row(key, clock.now())
    clock.advance(2 * dayMs)
    await log.maintain({ compact: true })
    const records = await log.inspect().records('rows')
    expect(records.map(({ offset, key }) => [offset, textOf(key)])).toEqual([
      [2, 'c'],
      [3, 'b'],
    ])
    await log.close()
  })
})

describe('retention by size', () => {
  it('keeps about retention.bytes of the newest', async () => {
    const log = await open()
    await createTopic(log, 'small', 1, { 'retention.bytes': '50000' })
    const value = Buffer.alloc(10_000)
    for (let i = 0; i < 20; i++) await log.append('small', [textRecord('', { timestamp: start })])
    for (let i = 0; i < 10; i++) {
      await log.append('small', [{ ...textRecord('', { timestamp: start }), value }])
    }
    await log.maintain()
    const [first] = await log.inspect().records('small')
    expect(first?.offset).toBe(26)
    expect(log.inspect().topics()[0]?.partitions[0]?.bytes).toBeLessThanOrEqual(50_000)
    await log.close()
  })
})

describe('a purge', () => {
  it('moves the log start, also into a chunk, deletes what lies before, and lasts', async () => {
    const log = await open()
    await createTopic(log, 'repartition', 1, { 'retention.ms': '-1' })
    const at = { topic: 'repartition', partition: 0 }
    const value = Buffer.alloc(30_000)
    for (let i = 0; i < 40; i++) {
      await log.append(
        'repartition',
        [0, 1, 2].map((n) => ({ ...textRecord(`${n}`), value }))
      )
    }
    const reading = new Reading(log, at, 61)
    await reading.take(1)
    await log.purge([{ ...at, before: 61 }])
    expect(reading.reader.answer?.logStart).toBe(61)
    await log.maintain()
    const [described] = log.inspect().topics()
    expect(described?.partitions[0]).toMatchObject({ logStart: 61, end: 120 })
    expect(described?.partitions[0]?.bytes).toBeLessThan(61 * 30_500)
    expect((await reading.take(58)).at(-1)?.offset).toBe(119)
    await log.close()
    const again = await open()
    const earliest = new Reading(again, at, 'earliest')
    expect((await earliest.take(59)).map(({ offset }) => offset)).toEqual(
      Array.from({ length: 59 }, (_, i) => 61 + i)
    )
    await again.purge([{ ...at, before: 1_000 }])
    await again.maintain()
    expect(again.inspect().topics()[0]?.partitions[0]).toMatchObject({
      logStart: 120,
      end: 120,
      bytes: 0,
    })
    await again.close()
    const last = await open()
    await last.append('repartition', [textRecord('next')])
    expect((await last.inspect().records('repartition'))[0]?.offset).toBe(120)
    await last.close()
  })

  it('overtakes a reader that lags behind, which then says so', async () => {
    const log = EmbeddedLog.inMemory({ clock })
    await createTopic(log, 'repartition', 1)
    const at = { topic: 'repartition', partition: 0 }
    await append(log, 'repartition', 1, 2, 3)
    const reading = new Reading(log, at, 0)
    await reading.take(1)
    await log.purge([{ ...at, before: 2 }])
    await expect(reading.take(1)).rejects.toMatchObject({ code: 'MILLRACE_OFFSET_OUT_OF_RANGE' })
  })
})
