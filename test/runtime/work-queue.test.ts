import { expect, it } from 'vitest'
import { NodeFailure } from '../../src/runtime/wiring.ts'
import { WorkQueue } from '../../src/runtime/work-queue.ts'

function open() {
  const told: string[] = []
  const failures: unknown[] = []
  const queue = new WorkQueue({
    changed: () => {},
    failed: (error) => failures.push(error),
    wake: () => told.push('wake'),
  })
  /** Work that answers one of these at each step. */
  const add = (name: string, ...answers: (boolean | Promise<boolean>)[]): void =>
    queue.add(name, () => {
      told.push(name)
      return answers.shift() ?? false
    })
  return { queue, add, told, failures }
}

it('fresh work goes before work that asks for another step', () => {
  const { queue, add, told } = open()
  add('long', true, true, false)
  queue.runFresh()
  add('short', false)
  queue.step()
  expect([told, queue.pending.length, queue.hasFresh]).toEqual([['long', 'short'], 1, false])
  queue.step()
  queue.step()
  expect(told).toEqual(['long', 'short', 'long', 'long'])
  expect(queue.pending.length).toBe(0)
})

it('what is queued already is not queued again', () => {
  const { queue } = open()
  const run = () => false
  queue.add('node', run)
  queue.add('node', run)
  expect(queue.pending.length).toBe(1)
  queue.runFresh()
  queue.add('node', run)
  expect(queue.pending.length).toBe(1)
})

it('while a step is awaited no other begins', async () => {
  const { queue, add, told } = open()
  add('slow', Promise.resolve(false))
  add('next', false)
  queue.runFresh()
  expect(told).toEqual(['slow'])
  await queue.busy
  expect([told, queue.busy, queue.pending.length]).toEqual([['slow', 'wake'], undefined, 1])
  queue.runFresh()
  expect(told).toEqual(['slow', 'wake', 'next'])
})

it('what fails names its node: thrown, or told if it was awaited', async () => {
  const { queue, add, failures } = open()
  const failed = Promise.reject<boolean>(new Error('no'))
  add('slow', failed)
  queue.runFresh()
  await queue.busy
  expect(failures).toEqual([new NodeFailure('slow', new Error('no'))])
  const other = open()
  other.queue.add('quick', () => {
    throw new Error('no')
  })
  expect(() => other.queue.runFresh()).toThrow(new NodeFailure('quick', new Error('no')))
  expect(other.queue.busy).toBe(undefined)
})
