/** Calls side by side, one operator alone: how many, how often, and for how long. */
import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import {
  type AsyncCall,
  MapAsyncOperator,
  type MapAsyncSpec,
} from '../../src/operators/map-async.ts'
import { FakeTask } from './fake-task.ts'

interface Made {
  readonly value: unknown
  readonly call: AsyncCall
  answer(value: unknown): void
  fail(message: string): void
}

function opened(spec: Partial<MapAsyncSpec>) {
  const made: Made[] = []
  const task = new FakeTask()
  const operator = new MapAsyncOperator({
    concurrency: 2,
    timeoutMs: 1_000,
    retries: 0,
    backoffMs: 100,
    map: (value, _key, call) =>
      new Promise((answer, reject) => {
        made.push({ value, call, answer, fail: (message) => reject(new Error(message)) })
      }),
    ...spec,
  })
  const passed: unknown[] = []
  operator.next = { process: (...record) => passed.push(record) }
  operator.init(task)
  return { operator, task, made, passed }
}

it('makes as many calls at one time as it may, and the next one when one is answered', async () => {
  const { operator, task, made, passed } = opened({})
  for (const value of ['a', 'b', 'c', 'd']) operator.process('k', value, 7)
  expect(made.map(({ value }) => value)).toEqual(['a', 'b'])
  made[1]?.answer('B')
  await turn()
  expect(made.map(({ value }) => value)).toEqual(['a', 'b', 'c'])
  expect(task.departed.map(({ isDone }) => isDone)).toEqual([false, true, false, false])
  task.departed[1]?.land()
  expect(passed).toEqual([['k', 'B', 7]])
})

it('makes a call again that failed, each time after a longer while, then gives up', async () => {
  const { operator, task, made } = opened({ retries: 2 })
  operator.process('k', 'a', 0)
  const [flight] = task.departed
  for (const [index, backoffMs] of [100, 200].entries()) {
    made[index]?.fail(`failed ${index}`)
    await turn()
    expect([flight?.isDone, flight?.isWaiting]).toEqual([false, true])
    task.clock.advance(backoffMs - 1)
    flight?.observe()
    expect(made).toHaveLength(index + 1)
    task.clock.advance(1)
    flight?.observe()
    expect(made).toHaveLength(index + 2)
    expect(flight?.isWaiting).toBe(false)
  }
  made[2]?.fail('failed for good')
  await turn()
  expect(() => flight?.land()).toThrow('failed for good')
})

it('does not listen to an answer that comes after its time', async () => {
  const { operator, task, made } = opened({ retries: 1 })
  operator.process('k', 'a', 0)
  const [flight] = task.departed
  task.clock.advance(999)
  flight?.observe()
  expect(made[0]?.call.signal.aborted).toBe(false)
  task.clock.advance(1)
  flight?.observe()
  expect(made[0]?.call.signal.aborted).toBe(true)
  made[0]?.answer('late')
  await turn()
  expect([flight?.isDone, flight?.isWaiting]).toEqual([false, true])
  task.clock.advance(100)
  flight?.observe()
  task.clock.advance(1_000)
  flight?.observe()
  await turn()
  expect(() => flight?.land()).toThrow('No answer within 1000 ms')
})

it('takes what is thrown for a failure, and stops calls that nobody waits for', async () => {
  const { operator, task } = opened({
    map: () => {
      throw new Error('at once')
    },
  })
  operator.process('k', 'a', 0)
  await task.departed[0]?.done
  expect(() => task.departed[0]?.land()).toThrow('at once')

  const other = opened({})
  for (const value of ['a', 'b', 'c']) other.operator.process('k', value, 0)
  other.operator.close()
  for (const flight of other.task.departed) flight.abandon()
  await turn()
  expect(other.made.map(({ call }) => call.signal.aborted)).toEqual([true, true])
})
