/**
 * Running aggregates: one output for each input, in its place, with the count, the sum and the
 * least amount of its key up to there. So every intermediate value is known.
 */
import type { ForeignRecord } from '../../support/foreign-client.ts'
import { compare, type Verdict } from './compare.ts'
import type { Payment } from './input.ts'
import { lanesOf } from './lanes.ts'

interface Running {
  readonly n: number
  readonly sum: number
  readonly min: number
}

export function judgeRunning(
  input: readonly ForeignRecord[],
  output: readonly ForeignRecord[]
): Verdict {
  const kept = new Map<string, Running>()
  const expected = lanesOf(input, 'in', (record) => {
    const { amount } = JSON.parse(record.value) as Payment
    const { n, sum, min } = kept.get(record.key) ?? { n: 0, sum: 0, min: amount }
    const next = { n: n + 1, sum: sum + amount, min: Math.min(min, amount) }
    kept.set(record.key, next)
    return rowOf(record, next)
  })
  const actual = lanesOf(output, 'running', (record) =>
    rowOf(record, JSON.parse(record.value) as Running)
  )
  return compare('running', expected, actual)
}

function rowOf({ partition, timestamp, key }: ForeignRecord, { n, sum, min }: Running) {
  return {
    lane: String(partition),
    id: `${key}#${n}`,
    text: `sum ${sum} min ${min} ${timestamp}`,
  }
}
