import { expect, it } from 'vitest'
import { Slots } from '../../src/runtime/slots.ts'

it('runs no more than its number at one time, in order of arrival', async () => {
  const slots = new Slots(2)
  const { signal } = new AbortController()
  const started: number[] = []
  const ends: (() => void)[] = []
  const runs = [0, 1, 2, 3].map((index) =>
    slots.use(signal, async () => {
      started.push(index)
      await new Promise<void>((resolve) => (ends[index] = resolve))
    })
  )
  await Promise.resolve()
  expect(started).toEqual([0, 1])
  ends[1]?.()
  await runs[1]
  await Promise.resolve()
  expect(started).toEqual([0, 1, 2])
  ends[0]?.()
  ends[2]?.()
  await Promise.all([runs[0], runs[2]])
  await Promise.resolve()
  ends[3]?.()
  await runs[3]
  expect(started).toEqual([0, 1, 2, 3])
})

it('gives up a place in the queue when the signal says so', async () => {
  const slots = new Slots(1)
  const never = new AbortController()
  let end: () => void = () => {}
  const first = slots.use(never.signal, () => new Promise<void>((resolve) => (end = resolve)))
  const waiting = new AbortController()
  const second = slots.use(waiting.signal, () => Promise.reject(new Error('it must not run')))
  waiting.abort(new Error('taken away'))
  await expect(second).rejects.toThrow('taken away')
  end()
  await first
  await expect(slots.use(never.signal, () => Promise.resolve('ran'))).resolves.toBe('ran')
})
