/** Echo: each partition of the output is the input's, record by record, timestamps included. */
import type { ForeignRecord } from '../../support/foreign-client.ts'
import { compare, type Verdict } from './compare.ts'
import type { Payment } from './input.ts'
import { lanesOf } from './lanes.ts'

export function judgeEcho(
  input: readonly ForeignRecord[],
  output: readonly ForeignRecord[]
): Verdict {
  return compare('echo', lanesOf(input, 'in', rowOf), lanesOf(output, 'echo', rowOf))
}

function rowOf({ partition, timestamp, key, value }: ForeignRecord) {
  const { id } = JSON.parse(value) as Payment
  return { lane: String(partition), id: `#${id}`, text: `${key} ${value} ${timestamp}` }
}
