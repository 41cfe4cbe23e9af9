/**
 * Counts behind a repartition topic: for each group 1, 2, 3 … With each count goes the sum of the
 * ids so far, so the difference to the one before tells which input was counted: each must be,
 * once, and those of one partition in their order. How partitions interleave is open.
 */
import type { ForeignRecord } from '../../support/foreign-client.ts'
import { compare, type Verdict } from './compare.ts'
import type { Payment } from './input.ts'
import { lanesOf } from './lanes.ts'

interface Counted {
  readonly n: number
  readonly ids: number
}

export function judgeCounts(
  input: readonly ForeignRecord[],
  output: readonly ForeignRecord[]
): Verdict {
  const sources = new Map<number, number>()
  const expected = lanesOf(input, 'in', ({ partition, value }) => {
    const { id, group } = JSON.parse(value) as Payment
    sources.set(id, partition)
    return { lane: `${group} from ${partition}`, id: `#${id}`, text: group }
  })
  const kept = new Map<string, Counted>()
  const actual = lanesOf(output, 'counts', ({ key: group, value }) => {
    const { n, ids } = JSON.parse(value) as Counted
    const before = kept.get(group) ?? { n: 0, ids: 0 }
    kept.set(group, { n, ids })
    const id = ids - before.ids
    const text = n === before.n + 1 ? group : `${group}: count ${n} after ${before.n}`
    return { lane: `${group} from ${sources.get(id) ?? 'nowhere'}`, id: `#${id}`, text }
  })
  return compare('counts', expected, actual)
}
