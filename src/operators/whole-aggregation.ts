/**
 * How values become one where windows are merged and copied (sessions, sliding windows): the state
 * holds everything, the members of `distinct` too, and can be doubled.
 */
import { ByteReader, ByteWriter } from '../aggregators/bytes.ts'
import type { MemberSink, Row } from '../aggregators/row.ts'
import { RowAggregation } from '../aggregators/row.ts'
import { assert, present } from '../assert.ts'
import { type Aggregation, makeAggregation, naming } from './aggregation.ts'
import type { AggregationPlan } from './specs.ts'

export interface WholeAggregation {
  readonly codec: Aggregation
  init(): unknown
  /** The next state; null: none. The state may be changed in place. */
  add(state: unknown, value: unknown, key: unknown): unknown
  /** The first may be changed in place, the other one is left as it is. */
  merge(state: unknown, other: unknown, key: unknown): unknown
  copy(state: unknown): unknown
  result(state: unknown): unknown
}

export function makeWholeAggregation(name: string, plan: AggregationPlan): WholeAggregation {
  const rows =
    plan.kind === 'named' ? new RowAggregation(name, plan.aggregators, 'inline') : undefined
  const codec = rows === undefined ? makeAggregation(name, plan) : naming(rows)
  const copy = (state: unknown): unknown => {
    if (typeof state !== 'object' || state === null) return state
    const writer = new ByteWriter()
    codec.write(writer, state)
    return codec.read(new ByteReader(writer.take()))
  }
  const add = (state: unknown, value: unknown, key: unknown): unknown =>
    plan.kind === 'reduce' && state === null
      ? codec.start(value, key, noMembers)
      : codec.add(state, value, key, noMembers)
  const merge = (state: unknown, other: unknown, key: unknown): unknown => {
    const merged = mergeBy(plan, rows, state, other, key) ?? null
    return merged === other ? copy(other) : merged
  }
  const init = (): unknown => startOf(plan, rows)
  return { codec, init, add, merge, copy, result: (state) => codec.result(state) }
}

function startOf(plan: AggregationPlan, rows: RowAggregation | undefined): unknown {
  switch (plan.kind) {
    case 'count':
      return 0
    case 'reduce':
      return null
    case 'steps':
      return plan.init()
    case 'named':
      return rows?.init()
  }
}

function mergeBy(
  plan: AggregationPlan,
  rows: RowAggregation | undefined,
  state: unknown,
  other: unknown,
  key: unknown
): unknown {
  switch (plan.kind) {
    case 'count':
      return (state as number) + (other as number)
    case 'reduce':
      return state === null ? other : plan.reducer(state, other, key)
    case 'steps':
      return present(plan.merge, 'a merge of sessions')(state, other, key)
    case 'named':
      rows?.merge(state as Row, other as Row)
      return state
  }
}

const noMembers: MemberSink = {
  addMember() {
    assert(false, 'members are in the state')
  },
}
