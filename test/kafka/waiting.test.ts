import { getEventListeners } from 'node:events'
import { expect, it, onTestFinished } from 'vitest'
import { lifetime, pause } from '../../src/kafka/waiting.ts'

it('lets any number of requests wait for the end, without a warning', async () => {
  const warnings: Error[] = []
  const note = (warning: Error): unknown => warnings.push(warning)
  process.on('warning', note)
  onTestFinished(() => void process.off('warning', note))
  const { signal } = lifetime()
  await Promise.all(Array.from({ length: 100 }, () => pause(1, signal)))
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  await new Promise((resolve) => setImmediate(resolve))
  expect(warnings).toEqual([])
})
