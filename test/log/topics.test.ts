/** Claims about topics that only the embedded log makes: it creates sources, adapts settings. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ManualClock } from '../../src/clock.ts'
import { EmbeddedLog } from '../../src/log/embedded-log.ts'
import type { TopicRequirement } from '../../src/runtime/ports.ts'
import { createTopic, textOf, textRecord } from '../support/log-port-tools.ts'

const memory = (): EmbeddedLog => EmbeddedLog.inMemory({ clock: new ManualClock(77) })

describe('topics of the embedded log', () => {
  it('are created when they are sources, with one partition', async () => {
    const log = memory()
    const source = { name: 'in', role: 'source', create: false } as const
    expect(await log.prepare([source])).toEqual(new Map([['in', 1]]))
    await log.append('in', [textRecord('a')])
  })

  it('are not created when they are written to and nobody said so', async () => {
    const log = memory()
    const sink = { name: 'out', role: 'sink', create: false } as const
    await expect(log.prepare([sink])).rejects.toMatchObject({ code: 'MILLRACE_TOPICS_UNFIT' })
    await expect(log.append('out', [textRecord('a')])).rejects.toThrow('Topic out')
    expect(() => log.read({ topic: 'out', partition: 0 }, 0)).toThrow('partition 0 of topic out')
    expect(await log.committed([{ topic: 'out', partition: 0 }])).toMatchObject([
      { offset: undefined },
    ])
  })

  it('are created once when several instances start at the same moment', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'millrace-log-')), 'log')
    const log = await EmbeddedLog.open({ path })
    const topics = (first: string): TopicRequirement[] =>
      [first, 'shared'].map((name) => ({ name, role: 'sink', partitions: 2, create: true }))
    await Promise.all([log.client().prepare(topics('a')), log.client().prepare(topics('b'))])
    await log.append('a', [textRecord('for a')])
    await log.append('b', [textRecord('for b')])
    await log.close()
    const again = await EmbeddedLog.open({ path })
    const described = again.inspect().topics()
    expect(described.map(({ name }) => name).sort()).toEqual(['a', 'b', 'shared'])
    for (const topic of ['a', 'b']) {
      const found = await again.inspect().records(topic)
      expect(found.map(({ value }) => textOf(value))).toEqual([`for ${topic}`])
    }
    await again.close()
    rmSync(join(path, '..'), { recursive: true, force: true })
  })

  it('take new settings from the application, but no other policy', async () => {
    const log = memory()
    const compact = { 'cleanup.policy': 'compact' }
    await createTopic(log, 'out', 1, { ...compact, 'delete.retention.ms': '1' })
    await createTopic(log, 'out', 1, { ...compact, 'min.compaction.lag.ms': '5' })
    expect(log.inspect().topics()[0]?.config).toEqual({
      ...compact,
      'delete.retention.ms': '1',
      'min.compaction.lag.ms': '5',
    })
    const other = createTopic(log, 'out', 1, { 'cleanup.policy': 'compact,delete' })
    await expect(other).rejects.toThrow(
      'expected cleanup.policy=compact,delete, found cleanup.policy=compact'
    )
  })

  it('give records the time of their arrival when they are told to', async () => {
    const log = memory()
    await createTopic(log, 'out', 1, { 'message.timestamp.type': 'LogAppendTime' })
    await log.append('out', [textRecord('a', { timestamp: 5 })])
    expect(log.inspect().recordsInMemory('out')).toMatchObject([{ timestamp: 77 }])
  })
})
