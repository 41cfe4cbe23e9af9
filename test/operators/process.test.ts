/** Processors of one's own: stores, schedules, and turns that never overlap. */
import { describe, expect, it } from 'vitest'
import {
  type AnyFactory,
  ProcessOperator,
  ProcessValuesOperator,
} from '../../src/operators/process.ts'
import type { ProcessorContext } from '../../src/processor/processor.ts'
import type { KeyValueStore } from '../../src/processor/stores.ts'
import { keyValueStore } from '../../src/processor/stores.ts'
import { int64, string } from '../../src/serde/primitives.ts'
import { collect, FakeTask } from './fake-task.ts'

const counts = keyValueStore('counts', { key: string(), value: int64() })
type Counts = KeyValueStore<string, bigint>
type Context = ProcessorContext<unknown, unknown>

function start(factory: AnyFactory, task = new FakeTask()) {
  const operator = new ProcessOperator({ counts }, factory)
  const rows = collect(operator)
  operator.init(task)
  return { operator, rows, task }
}

describe('process', () => {
  it('gives records with their coordinates, and stores that are open', () => {
    const seen: unknown[] = []
    const { operator, rows, task } = start((context, stores) => {
      const { counts } = stores as { counts: Counts }
      return {
        process({ key, value, timestamp, headers }) {
          const n = (counts.get(key as string) ?? 0n) + 1n
          counts.put(key as string, n)
          seen.push([context.metadata, context.taskId, context.streamTime, headers])
          context.forward({ key, value: `${value}:${n}@${timestamp}` })
          context.forward({ key, value: 'dated', timestamp: 99 })
        },
      }
    })
    task.record.offset = 17
    task.record.headers = [['h', null]]
    task.time.streamTime = 5
    operator.process('a', 'x', 5)
    operator.process('a', 'y', 6)
    expect(rows).toEqual([
      ['a', 'x:1@5', 5],
      ['a', 'dated', 99],
      ['a', 'y:2@6', 6],
      ['a', 'dated', 99],
    ])
    expect(seen[0]).toEqual([{ topic: 'in', partition: 1, offset: 17 }, '0_1', 5, [['h', null]]])
    expect(task.stores.get('counts')?.entries.size).toBe(1)
  })

  it('forwards from punctuations, dated by them and without a record', () => {
    const metadata: unknown[] = []
    const { rows, task } = start((context) => {
      context.schedule('1m', 'stream-time', (now) => {
        metadata.push(context.metadata)
        context.forward({ key: 'tick', value: now })
      })
      return { process() {} }
    })
    expect(task.scheduled).toMatchObject([{ intervalMs: 60_000, clock: 'stream-time' }])
    task.scheduled[0]?.run(120_000)
    expect(rows).toEqual([['tick', 120_000, 120_000]])
    expect(metadata).toEqual([null])
  })

  it('cancels schedules, asks for commits, and closes', () => {
    let closed = 0
    let context: Context | undefined
    const { operator, task } = start((given) => {
      context = given
      return { process: () => given.commit(), close: () => void closed++ }
    })
    context?.schedule('10ms', 'wall-clock', () => {}).cancel()
    operator.process('a', 1, 1)
    operator.close()
    expect([task.scheduled.length, task.commits, closed]).toEqual([0, 1, 1])
  })

  it('refuses a schedule that is no duration', () => {
    expect(() =>
      start((context) => {
        context.schedule('-5m', 'wall-clock', () => {})
        return { process() {} }
      })
    ).toThrow('Expected a duration')
  })

  it('finishes a turn that waits before it begins the next', async () => {
    const log: string[] = []
    const { operator, rows, task } = start((context, stores) => {
      const { counts } = stores as { counts: Counts }
      context.schedule('1s', 'stream-time', () => void log.push(`tick ${context.metadata}`))
      return {
        async process({ key, timestamp }) {
          log.push(`begin ${key}`)
          counts.put(key as string, 1n)
          for await (const [stored] of counts.range()) context.forward({ key: stored, value: key })
          log.push(`end ${key} ${timestamp} ${context.metadata?.topic}`)
        },
      }
    })
    operator.process('a', 1, 1)
    operator.process('b', 2, 2)
    task.scheduled[0]?.run(1_000)
    await task.drain()
    expect(log).toEqual(['begin a', 'end a 1 in', 'begin b', 'end b 2 in', 'tick null'])
    expect(rows).toEqual([
      ['a', 'a', 1],
      ['a', 'b', 2],
      ['b', 'b', 2],
    ])
  })

  it('hands a failure after a wait to the task', async () => {
    const { operator, task } = start(() => ({
      async process() {
        await Promise.resolve()
        throw new Error('broken')
      },
    }))
    operator.process('a', 1, 1)
    await expect(task.drain()).rejects.toThrow('broken')
  })
})

describe('processValues', () => {
  it('keeps the key and replaces the value', () => {
    const operator = new ProcessValuesOperator({ counts }, (_context, stores) => {
      const { counts } = stores as { counts: Counts }
      return (value, key) => {
        const n = (counts.get(key as string) ?? 0n) + 1n
        counts.put(key as string, n)
        return `${n}:${value}`
      }
    })
    const rows = collect(operator)
    operator.init(new FakeTask())
    operator.process('a', 'x', 1)
    operator.process('a', 'y', 2)
    expect(rows).toEqual([
      ['a', '1:x', 1],
      ['a', '2:y', 2],
    ])
  })

  it('cannot forward', () => {
    let context: Context | undefined
    const operator = new ProcessValuesOperator({}, (given) => {
      context = given
      return (value) => value
    })
    operator.init(new FakeTask())
    expect(() => context?.forward({ key: 1, value: 1 })).toThrow('keeps the key')
  })
})
