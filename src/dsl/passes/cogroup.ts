/**
 * A cogroup as nodes that run: each stream says which one it is, one node aggregates them all.
 *
 *     stream ─▶ (n-0-repartition) ─▶ input ─┐
 *     stream ─▶ (n-1-repartition) ─▶ input ─┴▶ aggregate
 */
import { CogroupInputOperator } from '../../operators/cogroup-input.ts'
import { KeyedAggregateOperator } from '../../operators/keyed-aggregate.ts'
import { SessionAggregateOperator } from '../../operators/session-aggregate.ts'
import { SlidingAggregateOperator } from '../../operators/sliding-aggregate.ts'
import { WindowedAggregateOperator } from '../../operators/windowed-aggregate.ts'
import type { Operator } from '../../processor/operator.ts'
import { both, type NodeBlueprint, type OperatorBlueprint } from '../../topology/blueprint.ts'
import { changelogConfig } from '../../topology/internal-topics.ts'
import type { CogroupNode } from '../graph.ts'
import { cogroupLayout } from './layouts.ts'
import { drawThrough, sourceName } from './repartitions.ts'

export function drawCogroup(
  node: CogroupNode,
  parents: readonly string[]
): readonly NodeBlueprint[] {
  const { name, durable, logged, windows } = node
  // As in Kafka Streams, where each input has a node that aggregates.
  const told = [durable]
  const dropsNull = windows === undefined || windows.shape === 'sliding'
  const inputs = parents.map((parent, index): readonly NodeBlueprint[] => {
    const repartition = node.repartitions[index]
    const create = (): Operator => new CogroupInputOperator(index, dropsNull)
    const input = { ...drawn(node.ends[index] as string, 'cogroup-input', [], create), told }
    if (repartition === undefined) return [{ ...input, parents: [parent] }]
    const behind = [sourceName(repartition)]
    return [...drawThrough(repartition, [parent]), { ...input, parents: behind }]
  })
  const aggregate = drawn(name, 'cogroup', node.ends, () => createOf(node))
  // By tombstones alone: a quiet stream holds windows open for any time.
  const store = { name: durable, logged, layout: cogroupLayout(node), config: changelogConfig }
  return [...inputs.flat(), { ...aggregate, stores: [store], told: [] }]
}

function createOf(node: CogroupNode): Operator {
  const { durable: name, key, plan, logged, windows, retentionMs, inputs } = node
  const kept = retentionMs === undefined ? {} : { retentionMs }
  const own = { name, key, plan, logged, inputs: inputs.length, ...kept }
  if (windows === undefined) return new KeyedAggregateOperator(Object.freeze(own))
  const spec = Object.freeze({ ...own, watermarks: null })
  if (windows.shape === 'session') return new SessionAggregateOperator({ ...spec, windows })
  if (windows.shape === 'sliding') return new SlidingAggregateOperator({ ...spec, windows })
  return new WindowedAggregateOperator({ ...spec, windows })
}

function drawn(
  name: string,
  operator: string,
  parents: readonly string[],
  create: () => Operator
): OperatorBlueprint {
  const rest = { topic: undefined, stores: [], aggregates: [], reads: both, replaces: both, create }
  return { kind: 'processor', name, operator, parents, ...rest }
}
