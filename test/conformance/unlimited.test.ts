/** Windows without an end, as cases have them: by the rules of Kafka Streams' UnlimitedWindows. */
import { expect, test } from 'vitest'
import type { CaseNode, CaseStep } from './case.ts'
import { runCase } from './run-case.ts'

const nothing = { outputs: {} }

function pipe(key: string, value: string, ts: number): CaseStep {
  return { pipe: { topic: 'in', key, value, ts } }
}

function windowed(emit: 'update' | 'close', ...rest: readonly CaseNode[]): readonly CaseNode[] {
  return [
    { id: 's', op: 'stream', topic: 'in' },
    { id: 'g', op: 'groupByKey', from: 's' },
    { id: 'w', op: 'windowedBy', from: 'g', windows: { type: 'unlimited', start: 10 }, emit },
    ...rest,
  ]
}

test('records from the start on count, at whatever time, and the window has no end', async () => {
  const topology = windowed(
    'update',
    { id: 'a', op: 'aggregate', from: 'w', store: 's1', init: 'i', adder: 'concat' },
    { id: 'o', op: 'toStream', from: 'a' },
    { op: 'to', from: 'o', topic: 'out' }
  )
  const steps = [pipe('a', 'x', 9), pipe('a', 'y', 10), pipe('b', 'z', 9_999), pipe('a', 'w', 11)]
  const found = await runCase({ name: 'n', family: 'f', topology, steps, expected: nothing })
  const key = (name: string) => ({ key: name, start: 10, end: null })
  expect(found).toEqual({
    outputs: {
      out: [
        { step: 1, key: key('a'), value: 'i+y', ts: 10 },
        { step: 2, key: key('b'), value: 'i+z', ts: 9_999 },
        { step: 3, key: key('a'), value: 'i+y+w', ts: 11 },
      ],
    },
    stores: {
      s1: [
        { ...key('a'), value: 'i+y+w', ts: 11 },
        { ...key('b'), value: 'i+z', ts: 9_999 },
      ],
    },
    dropped: 0,
  })
})

test('the text of a windowed key has the greatest number of Java for an end', async () => {
  const topology = windowed(
    'update',
    { id: 'c', op: 'count', from: 'w', store: 's1' },
    { id: 'o', op: 'toStream', from: 'c' },
    { id: 'k', op: 'mapValues', from: 'o', fn: 'withKey' },
    { op: 'to', from: 'k', topic: 'out' }
  )
  const steps = [pipe('a', 'x', 10)]
  const found = await runCase({ name: 'n', family: 'f', topology, steps, expected: nothing })
  expect(found.outputs['out']?.[0]?.value).toBe('a@10/9223372036854775807=1')
})

test('final rows are refused', async () => {
  const topology = windowed('close', { id: 'c', op: 'count', from: 'w', store: 's1' })
  const found = await runCase({ name: 'n', family: 'f', topology, steps: [], expected: nothing })
  expect(found.error?.step).toBe(-1)
})
